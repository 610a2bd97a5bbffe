// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "address.hpp"
#include "digest.hpp"
#include "partial_file.hpp"

#include <boost/beast/core/buffers_range.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/optional.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace downloads {

namespace beast = boost::beast;
namespace http = beast::http;

/// A message's body that goes somewhere as it comes.
struct sink_body {
  using value_type = std::function<void(std::string_view)>;
  class reader {
   public:
    template <bool IsRequest, class Fields>
    reader(http::header<IsRequest, Fields>& /*header*/, value_type& sink)
        : sink_(sink) {}
    void init(const boost::optional<std::uint64_t>& /*length*/,
              beast::error_code& error) {
      error = {};
    }
    template <class Buffers>
    std::size_t put(const Buffers& pieces, beast::error_code& error) {
      error = {};
      for (const auto piece : beast::buffers_range_ref(pieces))
        sink_({static_cast<const char*>(piece.data()), piece.size()});
      return beast::buffer_bytes(pieces);
    }
    void finish(beast::error_code& error) { error = {}; }

   private:
    value_type& sink_;
  };
};

/// One request for a file, or for the rest of it, and what is to be made of the answer: HTTP without the waiting. Whoever can wait
/// sends `request`, and gives to `put` what comes back.
class exchange {
 public:
  /// What came goes into `into`. `wanted`, when it is known, is what must come out.
  exchange(const address& from, partial_file& into, std::optional<digest> wanted);

  [[nodiscard]] std::string request() const;
  /// What has come; nothing: the connection has ended.
  /// @throws failure            the answer is no file, or not whole, or not what it should be
  /// @throws file_error  the file cannot be written
  void put(std::string_view bytes);
  /// The answer is complete: the file is here, or elsewhere.
  [[nodiscard]] bool done() const noexcept { return done_; }
  /// It is elsewhere.
  [[nodiscard]] const std::optional<address>& redirection() const noexcept {
    return redirection_;
  }
  /// Bytes of the whole file, when the server has told.
  [[nodiscard]] std::optional<std::uint64_t> total() const noexcept { return total_; }
  /// Whether somebody has said what the file's digest is, so that it was checked.
  [[nodiscard]] bool is_verified() const noexcept {
    return done_ && wanted_.has_value();
  }

 private:
  void judge();
  void judge_part();
  void judge_failure(unsigned status);
  void check_digest();

  const address& from_;
  partial_file& file_;
  std::optional<digest> wanted_;
  beast::flat_buffer buffer_;
  http::response_parser<sink_body> parser_;
  std::optional<std::uint64_t> total_;
  std::optional<address> redirection_;
  bool judged_ = false;
  bool done_ = false;
};

/// Where to ask next after so many redirections. @throws failure  enough, or TLS would be left
[[nodiscard]] address next_address(const address& from, const address& to,
                                   int redirections);

}  // namespace downloads
