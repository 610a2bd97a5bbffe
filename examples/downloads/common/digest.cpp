// SPDX-License-Identifier: BSL-1.0
#include "digest.hpp"

#include "file.hpp"

#include <openssl/evp.h>
#include <boost/algorithm/hex.hpp>

#include <iterator>
#include <new>
#include <stdexcept>

namespace downloads {

namespace {

constexpr std::string_view field_begin = "sha-256=:";

void require(int result) {
  if (result != 1) throw std::runtime_error("OpenSSL has no SHA-256");
}

}  // namespace

std::string to_hex(const digest& d) {
  std::string text;
  boost::algorithm::hex_lower(d.begin(), d.end(), std::back_inserter(text));
  return text;
}

std::optional<digest> from_hex(std::string_view text) {
  digest d{};
  if (text.size() != 2 * d.size()) return std::nullopt;
  try {
    boost::algorithm::unhex(text.begin(), text.end(), d.begin());
  } catch (const boost::algorithm::hex_decode_error&) {
    return std::nullopt;
  }
  return d;
}

std::string to_field(const digest& d) {
  std::array<unsigned char, 48> text{};  // 44 and a zero
  const int size = EVP_EncodeBlock(text.data(), d.data(), static_cast<int>(d.size()));
  return std::string(field_begin) + std::string(text.begin(), text.begin() + size) +
         ":";
}

std::optional<digest> from_field(std::string_view field) {
  constexpr std::size_t encoded = 44;
  const std::size_t at = field.find(field_begin);
  if (at == field.npos) return std::nullopt;
  const std::string_view text = field.substr(at + field_begin.size());
  if (text.find(':') != encoded) return std::nullopt;
  std::array<unsigned char, 33> bytes{};  // the padding comes out as a zero
  if (EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                      encoded) != static_cast<int>(bytes.size())) {
    return std::nullopt;
  }
  digest d{};
  std::copy_n(bytes.begin(), d.size(), d.begin());
  return d;
}

void sha256::free_context::operator()(EVP_MD_CTX* c) const noexcept {
  EVP_MD_CTX_free(c);
}

sha256::sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

digest sha256::value() const {
  const sha256 copy;
  digest d{};
  require(EVP_MD_CTX_copy_ex(copy.context_.get(), context_.get()));
  require(EVP_DigestFinal_ex(copy.context_.get(), d.data(), nullptr));
  return d;
}

digest digest_of_file(const std::filesystem::path& path) {
  const file f(path, file::open_to::read);
  sha256 sum;
  f.for_each_piece([&](std::string_view piece) { sum.add(piece); });
  return sum.value();
}

}  // namespace downloads
