// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "digest.hpp"
#include "file.hpp"
#include "trouble.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace downloads {

namespace beast = boost::beast;
namespace http = beast::http;

/// The requests of one connection, from what comes over it.
class request_reader {
 public:
  using request = http::request<http::empty_body>;
  request_reader() { parser_.emplace().eager(true); }

  /// What has come; nothing: the peer says no more. What follows a request is kept for the next.
  /// @throws boost::system::system_error  it is no request, or too long a one
  void put(std::string_view bytes);
  /// A request is here.
  [[nodiscard]] bool is_complete() const { return parser_->is_done(); }
  /// Nothing of the next request is here.
  [[nodiscard]] bool is_empty() const {
    return !parser_->got_some() && buffer_.size() == 0;
  }
  [[nodiscard]] request take();

 private:
  void parse();
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::empty_body>> parser_;
};

/// What a request gets: a header, which may have a text with it, and a part of a file.
class answer {
 public:
  /// What to do with the connection when the last piece is sent.
  enum class ending { keep, close, reset, stall };

  [[nodiscard]] const std::string& head() const noexcept { return head_; }
  /// Of the file; nothing at the end. @throws file_error
  [[nodiscard]] std::string next_piece();
  [[nodiscard]] ending end() const noexcept { return ending_; }

 private:
  friend class shelf;
  std::string head_;
  std::optional<file> body_;
  std::uint64_t at_ = 0;
  std::uint64_t left_ = 0;
  std::optional<std::uint64_t> wrong_byte_;
  ending ending_ = ending::keep;
};

/// An answer without a file: a status, and a sentence.
[[nodiscard]] std::string short_answer(http::status status, const std::string& text,
                                       unsigned version = 11);

/// What a peer is told whose request cannot be understood; nothing when it only said no more.
[[nodiscard]] std::string refusal_of(const boost::system::error_code& error);

/// A folder's files, as HTTP offers them: whole, or from some byte to another, with their SHA-256.
/// @par Thread safety  One thread at a time.
class shelf {
 public:
  /// A file's state: another one, another digest.
  struct signature {
    std::filesystem::file_time_type changed;
    std::uint64_t size = 0;
    auto operator<=>(const signature&) const = default;
  };
  /// @throws std::filesystem::filesystem_error  there is no such folder
  explicit shelf(const std::filesystem::path& folder,
                 std::optional<std::uint64_t> trouble_seed = std::nullopt);

  /// The file that a target means; nothing when there is none, or it is not below the folder.
  [[nodiscard]] std::optional<std::filesystem::path> find(
      std::string_view target) const;
  /// Whether the file's digest must be found and remembered first.
  [[nodiscard]] bool must_sum(const std::filesystem::path& path) const;
  void remember(const std::filesystem::path& path, const signature& s, const digest& d);
  /// @throws file_error
  [[nodiscard]] static signature sign(const std::filesystem::path& path);

  /// @throws file_error  the file cannot be read
  [[nodiscard]] answer answer_to(const request_reader::request& asked,
                                 const std::optional<std::filesystem::path>& path);

 private:
  struct entry {
    signature of;
    digest sum;
  };
  std::filesystem::path folder_;
  std::map<std::filesystem::path, entry> entries_;
  std::optional<trouble> trouble_;
};

}  // namespace downloads
