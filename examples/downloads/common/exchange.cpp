// SPDX-License-Identifier: BSL-1.0
#include "exchange.hpp"

#include "failure.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>

#include <charconv>
#include <sstream>
#include <stdexcept>

namespace downloads {

namespace {

using advice = failure::advice;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(n)
                                                                  : std::nullopt;
}

/// Content-Range: "bytes 100-199/200", or "bytes */200" when there is no such part.
struct content_range {
  std::optional<std::uint64_t> first;
  std::optional<std::uint64_t> total;
};
content_range parse_content_range(std::string_view field) {
  constexpr std::string_view unit = "bytes ";
  const std::size_t dash = field.find('-');
  const std::size_t slash = field.find('/');
  if (!field.starts_with(unit) || slash == field.npos) return {};
  content_range r;
  r.total = number(field.substr(slash + 1));
  if (dash < slash) r.first = number(field.substr(unit.size(), dash - unit.size()));
  return r;
}

}  // namespace

exchange::exchange(const address& from, partial_file& into,
                   std::optional<digest> wanted)
    : from_(from), file_(into), wanted_(wanted) {
  parser_.body_limit(boost::none);
  parser_.get().body() = [this](std::string_view bytes) { file_.append(bytes); };
}

std::string exchange::request() const {
  http::request<http::empty_body> asked(http::verb::get, from_.target, 11);
  asked.set(http::field::host, from_.authority);
  asked.set(http::field::user_agent, "nakh-downloads");
  asked.set(http::field::accept_encoding, "identity");
  asked.set(http::field::connection, "close");
  asked.set("Want-Repr-Digest", "sha-256=1");
  if (file_.size() > 0) {
    asked.set(http::field::range, "bytes=" + std::to_string(file_.size()) + "-");
    asked.set(http::field::if_range, file_.version());  // otherwise all of it
  }
  std::ostringstream text;
  text << asked;
  return text.str();
}

void exchange::put(std::string_view bytes) {
  beast::error_code error;
  if (bytes.empty()) {
    if (parser_.got_some()) {
      parser_.put_eof(error);
    } else {
      error = http::error::end_of_stream;
    }
  } else {
    buffer_.commit(boost::asio::buffer_copy(buffer_.prepare(bytes.size()),
                                            boost::asio::buffer(bytes)));
  }
  while (!error && buffer_.size() > 0 && !parser_.is_done() && !done_) {
    buffer_.consume(parser_.put(buffer_.data(), error));
    if (!error && parser_.is_header_done() && !judged_) judge();
  }
  if (error == http::error::need_more) return;
  if (error == http::error::partial_message) {
    throw failure(
        "the connection ended after " + std::to_string(file_.size()) + " bytes of it",
        advice::try_again);
  }
  if (error == http::error::end_of_stream)
    throw failure("the connection ended without an answer", advice::try_again);
  if (error)
    throw failure("the answer is no HTTP: " + error.message(), advice::try_again);
  if (done_ || !parser_.is_done()) return;
  check_digest();
  done_ = true;
}

void exchange::judge() {
  judged_ = true;
  const auto& answer = parser_.get();
  if (!wanted_) wanted_ = from_field(answer["Repr-Digest"]);
  switch (answer.result()) {
    case http::status::ok:
      total_ = number(answer[http::field::content_length]);
      // Only a strong validator says that bytes are the same.
      file_.restart(answer[http::field::etag].starts_with('"')
                        ? std::string(answer[http::field::etag])
                        : std::string());
      return;
    case http::status::partial_content:
      return judge_part();
    case http::status::range_not_satisfiable:
      // Nothing follows what is here: when that is all there is, only the file's name was missing.
      if (file_.size() > 0 &&
          parse_content_range(answer[http::field::content_range]).total ==
              file_.size()) {
        check_digest();
        total_ = file_.size();
        done_ = true;
        return;
      }
      file_.restart({});
      throw failure("the server has less of it than is here", advice::try_again);
    case http::status::moved_permanently:
    case http::status::found:
    case http::status::see_other:
    case http::status::temporary_redirect:
    case http::status::permanent_redirect:
      try {
        redirection_ = follow(from_, answer[http::field::location]);
      } catch (const std::invalid_argument& e) {
        throw failure(e.what(), advice::give_up);
      }
      done_ = true;
      return;
    default:
      judge_failure(answer.result_int());
  }
}

void exchange::judge_part() {
  const content_range part =
      parse_content_range(parser_.get()[http::field::content_range]);
  if (part.first != file_.size()) {
    file_.restart({});
    throw failure("the server has sent another part than the one asked for",
                  advice::try_again);
  }
  total_ = part.total;
}

void exchange::judge_failure(unsigned status) {
  const std::string what = "the server says " + std::to_string(status) + " " +
                           std::string(parser_.get().reason());
  constexpr unsigned request_timeout = 408;
  constexpr unsigned too_many_requests = 429;
  const bool passes =
      status >= 500 || status == request_timeout || status == too_many_requests;
  std::optional<std::chrono::seconds> after;
  if (const auto seconds = number(parser_.get()[http::field::retry_after]);
      seconds && *seconds <= 3600) {
    after = std::chrono::seconds(*seconds);
  }
  throw failure(what, passes ? advice::try_again : advice::give_up, after);
}

void exchange::check_digest() {
  if (!wanted_ || file_.sum() == *wanted_) return;
  const std::string what =
      "its SHA-256 is " + to_hex(file_.sum()) + ", and should be " + to_hex(*wanted_);
  file_.restart({});
  throw failure(what, advice::try_again);
}

address next_address(const address& from, const address& to, int redirections) {
  constexpr int most = 5;
  if (redirections == most)
    throw failure("the server sends from one place to another", advice::give_up);
  if (from.by_tls && !to.by_tls)
    throw failure("the server sends to " + to.text + ", which is without TLS",
                  advice::give_up);
  return to;
}

}  // namespace downloads
