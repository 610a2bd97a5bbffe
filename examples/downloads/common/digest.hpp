// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <openssl/types.h>

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace downloads {

/// A SHA-256.
using digest = std::array<unsigned char, 32>;

[[nodiscard]] std::string to_hex(const digest& d);
/// Nothing when it is no such.
[[nodiscard]] std::optional<digest> from_hex(std::string_view text);

/// The Repr-Digest field of HTTP (RFC 9530), whose digest is of the whole file whatever part of it is sent.
[[nodiscard]] std::string to_field(const digest& d);
/// Nothing when the field has no SHA-256.
[[nodiscard]] std::optional<digest> from_field(std::string_view field);

/// A digest of bytes that come one piece after another.
class sha256 {
 public:
  sha256();
  void add(std::string_view bytes);
  /// Of all that came so far; more may follow.
  [[nodiscard]] digest value() const;

 private:
  struct free_context {
    void operator()(EVP_MD_CTX* c) const noexcept;
  };
  std::unique_ptr<EVP_MD_CTX, free_context> context_;
};

/// Reads the whole file, which takes its time. @throws file_error
[[nodiscard]] digest digest_of_file(const std::filesystem::path& path);

}  // namespace downloads
