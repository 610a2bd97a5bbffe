// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace downloads {

/// A key, and a certificate for `host` that it has signed itself, both in PEM. For demonstrations and tests: nobody vouches for it.
class identity {
 public:
  /// Valid until so many seconds from now. @throws std::runtime_error
  explicit identity(const std::string& host = "localhost", long seconds = 3600) {
    constexpr long two_hours =
        7200;  // it is valid since then, for clocks that are slow
    constexpr long version_3 = 2;
    const owned<EVP_PKEY, EVP_PKEY_free> pair(EVP_EC_gen("P-256"));
    const owned<X509, X509_free> x(X509_new());
    require(pair && x);
    X509_set_version(x.get(), version_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(x.get()), -two_hours);
    X509_gmtime_adj(X509_getm_notAfter(x.get()), seconds);
    X509_set_pubkey(x.get(), pair.get());
    X509_NAME* const name = X509_get_subject_name(x.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(host.c_str()), -1,
                               -1, 0);
    X509_set_issuer_name(x.get(), name);
    const owned<X509_EXTENSION, X509_EXTENSION_free> names(X509V3_EXT_conf_nid(
        nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str()));
    require(names && X509_add_ext(x.get(), names.get(), -1) == 1 &&
            X509_sign(x.get(), pair.get(), EVP_sha256()) != 0);
    key = in_pem([&](BIO* to) {
      return PEM_write_bio_PrivateKey(to, pair.get(), nullptr, nullptr, 0, nullptr,
                                      nullptr);
    });
    certificate = in_pem([&](BIO* to) { return PEM_write_bio_X509(to, x.get()); });
  }
  std::string key;
  std::string certificate;

 private:
  template <class T, auto Free>
  struct freed {
    void operator()(T* p) const { Free(p); }
  };
  template <class T, auto Free>
  using owned = std::unique_ptr<T, freed<T, Free>>;

  static void require(bool done) {
    if (!done) throw std::runtime_error("OpenSSL cannot make a certificate");
  }
  template <class Write>
  static std::string in_pem(Write&& write) {
    const owned<BIO, BIO_free_all> memory(BIO_new(BIO_s_mem()));
    require(memory && std::forward<Write>(write)(memory.get()) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }
};

}  // namespace downloads
