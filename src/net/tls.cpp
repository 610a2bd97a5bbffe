// SPDX-License-Identifier: BSL-1.0
#include <nakh/tls.hpp>

#include <nakh/error.hpp>
#include <nakh/loop.hpp>
#include <nakh/timeout.hpp>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <boost/asio/ssl/error.hpp>
#include <limits>
#include <span>
#include <string_view>

#include "sockets.hpp"
#include "stream_core.hpp"

namespace nakh::tls {

namespace {

using boost::system::error_code;
using detail::io_result;

class category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "nakh.tls"; }
  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::untrusted_certificate:
        return "the peer's certificate is vouched for by nobody that is trusted";
      case errc::expired_certificate:
        return "the peer's certificate has expired, or is not valid yet";
      case errc::wrong_host:
        return "the peer's certificate is for another host";
      case errc::truncated:
        return "the connection ended without TLS's farewell: it may have been cut off";
    }
    return "unknown";
  }
};

template <class T, auto Free>
struct freed {
  void operator()(T* p) const noexcept { Free(p); }
};
template <class T, auto Free>
using owned = std::unique_ptr<T, freed<T, Free>>;

error_code last_openssl_error() noexcept {
  const unsigned long e = ::ERR_get_error();
  ::ERR_clear_error();
  return {static_cast<int>(e), boost::asio::error::get_ssl_category()};
}

[[noreturn]] void throw_openssl(const char* what) {
  throw std::system_error(static_cast<std::error_code>(last_openssl_error()), std::string("nakh: ") + what);
}

/// TLS over another channel.
class tls_channel final : public detail::channel {
 public:
  tls_channel(std::unique_ptr<channel> below, const context& c, const std::string& host)
      : below_(std::move(below)), ssl_(::SSL_new(c.native())) {
    static BIO_METHOD* const method = make_method();
    if (ssl_ == nullptr || method == nullptr) throw_openssl("TLS");
    BIO* const bio = ::BIO_new(method);
    if (bio == nullptr) throw_openssl("TLS");
    ::BIO_set_data(bio, this);
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl_.get(), bio, bio);
    ::SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (c.is_server()) {
      ::SSL_set_accept_state(ssl_.get());
      return;
    }
    ::SSL_set_connect_state(ssl_.get());
    // An address is no name: it has its own kind of entry in a certificate, and is not announced.
    if (::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), host.c_str()) == 1) return;
    if (::SSL_set1_host(ssl_.get(), host.c_str()) != 1 || ::SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) != 1)
      throw_openssl("a host's name for TLS");
  }

  [[nodiscard]] io_result handshake() noexcept override {
    return run([&](std::size_t& /*size*/) { return ::SSL_do_handshake(ssl_.get()); });
  }
  [[nodiscard]] io_result read(std::span<char> room, bool peer_ended) noexcept override {
    peer_ended_ = peer_ended;
    return run([&](std::size_t& size) { return ::SSL_read_ex(ssl_.get(), room.data(), room.size(), &size); });
  }
  [[nodiscard]] io_result write(std::string_view bytes) noexcept override {
    return run([&](std::size_t& size) { return ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &size); });
  }
  // TLS's farewell ends both directions, for many peers.
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  [[nodiscard]] io_result write_eof() noexcept override { return {}; }
  void say_farewell() noexcept override {
    if (::SSL_is_init_finished(ssl_.get()) == 1) ::SSL_shutdown(ssl_.get());
    ::ERR_clear_error();
    below_->say_farewell();
  }
  void close(bool reset) noexcept override { below_->close(reset); }
  [[nodiscard]] int descriptor() const noexcept override { return below_->descriptor(); }
  [[nodiscard]] net::endpoint local() const override { return below_->local(); }
  [[nodiscard]] net::endpoint peer() const override { return below_->peer(); }

 private:
  template <class Call>
  io_result run(Call call) noexcept {
    ::ERR_clear_error();
    below_error_ = {};
    below_ended_ = false;
    below_blocked_ = false;
    io_result r;
    const int done = call(r.size);
    if (done == 1) return r;
    switch (::SSL_get_error(ssl_.get(), done)) {
      case SSL_ERROR_WANT_READ:
        r.needs_readable = true;
        break;
      case SSL_ERROR_WANT_WRITE:
        r.needs_writable = true;
        break;
      case SSL_ERROR_ZERO_RETURN:
        r.ended = true;
        break;
      default:
        r.error = why();
    }
    r.blocked = below_blocked_;
    ::ERR_clear_error();
    return r;
  }
  error_code why() noexcept {
    if (below_error_) return below_error_;
    const long verdict = ::SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK && ::SSL_is_init_finished(ssl_.get()) != 1) return make_error_code(of_certificate(verdict));
    if (below_ended_) return make_error_code(errc::truncated);
    return last_openssl_error();
  }
  static errc of_certificate(long verdict) noexcept {
    switch (verdict) {
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID:
        return errc::expired_certificate;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return errc::wrong_host;
      default:
        return errc::untrusted_certificate;
    }
  }

  // --- What OpenSSL reads from and writes to: the channel below ---

  static tls_channel& of(BIO* b) noexcept { return *static_cast<tls_channel*>(::BIO_get_data(b)); }
  static int read_below(BIO* b, char* room, std::size_t size, std::size_t* done) noexcept {
    ::BIO_clear_retry_flags(b);
    tls_channel& own = of(b);
    const io_result r = own.below_->read({room, size}, own.peer_ended_);
    *done = r.size;
    own.below_error_ = r.error;
    own.below_ended_ = r.ended;
    own.below_blocked_ = r.blocked;
    if (r.size > 0) return 1;
    if (!r.ended && !r.error) ::BIO_set_retry_read(b);
    return 0;
  }
  static int write_below(BIO* b, const char* bytes, std::size_t size, std::size_t* done) noexcept {
    ::BIO_clear_retry_flags(b);
    tls_channel& own = of(b);
    const io_result r = own.below_->write({bytes, size});
    *done = r.size;
    own.below_error_ = r.error;
    own.below_blocked_ = r.blocked;
    if (r.size > 0) return 1;
    if (!r.error) ::BIO_set_retry_write(b);
    return 0;
  }
  static long control(BIO* b, int command, long /*number*/, void* /*what*/) noexcept {
    if (command == BIO_CTRL_EOF) return of(b).below_ended_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }
  static BIO_METHOD* make_method() noexcept {
    BIO_METHOD* const m = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "nakh channel");
    if (m == nullptr) return nullptr;
    ::BIO_meth_set_read_ex(m, &read_below);
    ::BIO_meth_set_write_ex(m, &write_below);
    ::BIO_meth_set_ctrl(m, &control);
    return m;
  }

  std::unique_ptr<channel> below_;
  owned<SSL, ::SSL_free> ssl_;
  error_code below_error_;
  bool below_ended_ = false;
  bool below_blocked_ = false;
  bool peer_ended_ = true;
};

std::shared_ptr<SSL_CTX> make_context(const SSL_METHOD* method) {
  const owned<SSL_CTX, ::SSL_CTX_free> made(::SSL_CTX_new(method));
  if (!made || ::SSL_CTX_set_min_proto_version(made.get(), TLS1_2_VERSION) != 1) throw_openssl("a TLS context");
  ::SSL_CTX_up_ref(made.get());
  return {made.get(), &::SSL_CTX_free};
}

owned<BIO, ::BIO_free_all> reader_of(const std::string& text) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) throw std::invalid_argument("nakh: PEM text of over 2 GiB");
  owned<BIO, ::BIO_free_all> b(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!b) throw_openssl("PEM text");
  return b;
}

/// Each certificate of the text, in turn. @throws std::system_error  when there is none
template <class Use>
void for_each_certificate(const std::string& text, Use use) {
  const auto from = reader_of(text);
  int count = 0;
  while (const owned<X509, ::X509_free> x{::PEM_read_bio_X509(from.get(), nullptr, nullptr, nullptr)}) {
    use(x.get(), count);
    ++count;
  }
  if (count == 0) throw_openssl("there is no certificate in this PEM text");
  ::ERR_clear_error();  // the text's end
}

}  // namespace

const std::error_category& error_category() noexcept {
  static const category own;
  return own;
}

context context::client() {
  context c(make_context(::TLS_client_method()), false);
  ::SSL_CTX_set_verify(c.native(), SSL_VERIFY_PEER, nullptr);
  if (::SSL_CTX_set_default_verify_paths(c.native()) != 1) throw_openssl("whom the system trusts");
  return c;
}

context context::server(const std::string& certificate_chain, const std::string& key) {
  context c(make_context(::TLS_server_method()), true);
  for_each_certificate(certificate_chain, [&](X509* x, int number) {
    const bool taken = number == 0 ? ::SSL_CTX_use_certificate(c.native(), x) == 1 : ::SSL_CTX_add1_chain_cert(c.native(), x) == 1;
    if (!taken) throw_openssl("a server's certificate");
  });
  const owned<EVP_PKEY, ::EVP_PKEY_free> k(::PEM_read_bio_PrivateKey(reader_of(key).get(), nullptr, nullptr, nullptr));
  if (!k || ::SSL_CTX_use_PrivateKey(c.native(), k.get()) != 1) throw_openssl("a server's key");
  return c;
}

context& context::trust(const std::string& certificates) {
  X509_STORE* const store = ::SSL_CTX_get_cert_store(native());
  for_each_certificate(certificates, [&](X509* x, int /*number*/) {
    if (::X509_STORE_add_cert(store, x) != 1) throw_openssl("a certificate to trust");
  });
  return *this;
}

context& context::trust_anybody() noexcept {
  ::SSL_CTX_set_verify(native(), SSL_VERIFY_NONE, nullptr);
  return *this;
}

net::stream start_tls(net::stream plain, const context& c, const std::string& host, delay limit) {
  if (!c.is_server() && host.empty()) throw std::invalid_argument("nakh: a TLS client must say whom it wants to talk to");
  detail::stream_core& old = plain.core();
  net::stream s = detail::replace_channel(
      old, [&](std::unique_ptr<detail::channel> below) { return std::make_unique<tls_channel>(std::move(below), c, host); });
  timeout(limit, [&] { detail::run_handshake(s.core()); });
  return s;
}

net::stream open_connection(const std::string& host, std::uint16_t port, const context& c, const net::connect_options& options) {
  return start_tls(net::open_connection(host, port, options), c, host);
}

}  // namespace nakh::tls
