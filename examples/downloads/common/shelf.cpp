// SPDX-License-Identifier: BSL-1.0
#include "shelf.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/url/parse.hpp>

#include <algorithm>
#include <charconv>
#include <sstream>
#include <utility>

namespace downloads {

namespace fs = std::filesystem;

namespace {

template <class Body>
std::string to_text(http::response<Body>& r) {
  r.set(http::field::server, "nakh-downloads");
  std::ostringstream text;
  text << r;
  return text.str();
}

/// Bytes first to last, of a file of `size`.
struct byte_range {
  std::uint64_t first;
  std::uint64_t last;
};
enum class range_kind { whole, part, none };

/// "bytes=100-199", "bytes=100-", "bytes=-100". Several at once, and what is not understood, mean all of the file.
range_kind parse_range(std::string_view field, std::uint64_t size, byte_range& r) {
  constexpr std::string_view unit = "bytes=";
  if (!field.starts_with(unit)) return range_kind::whole;
  field.remove_prefix(unit.size());
  const char* const end = field.data() + field.size();
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  const auto [dash, no_first] = std::from_chars(field.data(), end, first);
  if (dash == end || *dash != '-') return range_kind::whole;
  const auto [rest, no_last] = std::from_chars(dash + 1, end, last);
  if (rest != end) return range_kind::whole;
  const bool has_first = no_first == std::errc();
  const bool has_last = no_last == std::errc();
  if (has_first && has_last && last < first) return range_kind::whole;
  if (has_first) {
    if (first >= size) return range_kind::none;
    r = {first, has_last ? std::min(last, size - 1) : size - 1};
  } else {
    if (!has_last) return range_kind::whole;
    if (last == 0 || size == 0) return range_kind::none;
    r = {size - std::min(last, size), size - 1};
  }
  return range_kind::part;
}

}  // namespace

void request_reader::put(std::string_view bytes) {
  if (bytes.empty()) {
    beast::error_code error = http::error::end_of_stream;
    if (parser_->got_some()) parser_->put_eof(error);
    throw boost::system::system_error(error);
  }
  buffer_.commit(boost::asio::buffer_copy(buffer_.prepare(bytes.size()),
                                          boost::asio::buffer(bytes)));
  parse();
}

void request_reader::parse() {
  while (buffer_.size() > 0 && !parser_->is_done()) {
    beast::error_code error;
    buffer_.consume(parser_->put(buffer_.data(), error));
    if (error == http::error::need_more) return;
    if (error) throw boost::system::system_error(error);
  }
}

request_reader::request request_reader::take() {
  request r = parser_->release();
  parser_.emplace().eager(true);
  parse();
  return r;
}

std::string answer::next_piece() {
  if (left_ == 0) return {};
  std::string piece = body_->read(
      at_, static_cast<std::size_t>(std::min<std::uint64_t>(left_, file::piece_size)));
  if (piece
          .empty()) {  // somebody has cut the file: the peer must not take this for all of it
    left_ = 0;
    ending_ = ending::reset;
    return piece;
  }
  if (wrong_byte_ && *wrong_byte_ >= at_ && *wrong_byte_ < at_ + piece.size())
    piece[*wrong_byte_ - at_] ^= 1;
  at_ += piece.size();
  left_ -= piece.size();
  return piece;
}

std::string short_answer(http::status status, const std::string& text,
                         unsigned version) {
  http::response<http::string_body> r(status, version, text + "\n");
  r.set(http::field::content_type, "text/plain; charset=utf-8");
  if (status == http::status::method_not_allowed)
    r.set(http::field::allow, "GET, HEAD");
  if (status == http::status::service_unavailable) r.set(http::field::retry_after, "1");
  r.keep_alive(false);
  r.prepare_payload();
  return to_text(r);
}

std::string refusal_of(const boost::system::error_code& error) {
  if (error == http::error::end_of_stream) return {};
  if (error == http::error::header_limit) {
    return short_answer(http::status::request_header_fields_too_large,
                        "The request's header is too long.");
  }
  if (error == http::error::unexpected_body)
    return short_answer(http::status::payload_too_large, "A request here has no body.");
  return short_answer(http::status::bad_request,
                      "That is no request: " + error.message() + ".");
}

shelf::shelf(const fs::path& folder, std::optional<std::uint64_t> trouble_seed)
    : folder_(fs::canonical(folder)) {
  if (trouble_seed) trouble_.emplace(*trouble_seed);
}

std::optional<fs::path> shelf::find(std::string_view target) const {
  const auto url = boost::urls::parse_origin_form(target);
  if (!url) return std::nullopt;
  fs::path path = folder_;
  for (const std::string& segment : url->segments()) {
    if (segment.find_first_of(std::string_view("/\0", 2)) != segment.npos)
      return std::nullopt;
    path /= segment;
  }
  std::error_code error;
  path = fs::canonical(path, error);  // without "..", and past links
  if (error || !fs::is_regular_file(path, error)) return std::nullopt;
  const auto [own, rest] =
      std::mismatch(folder_.begin(), folder_.end(), path.begin(), path.end());
  return own == folder_.end() ? std::optional(path) : std::nullopt;
}

shelf::signature shelf::sign(const fs::path& path) {
  return {fs::last_write_time(path), fs::file_size(path)};
}

bool shelf::must_sum(const fs::path& path) const {
  const auto e = entries_.find(path);
  return e == entries_.end() || e->second.of != sign(path);
}

void shelf::remember(const fs::path& path, const signature& s, const digest& d) {
  entries_[path] = {s, d};
}

answer shelf::answer_to(const request_reader::request& asked,
                        const std::optional<fs::path>& path) {
  const auto in_short = [&](http::status status, const std::string& text) {
    answer a;
    a.head_ = short_answer(status, text, asked.version());
    a.ending_ = answer::ending::close;
    return a;
  };
  if (asked.method() != http::verb::get && asked.method() != http::verb::head) {
    return in_short(http::status::method_not_allowed,
                    "Files can be got, and nothing else.");
  }
  if (!path) return in_short(http::status::not_found, "There is no such file.");

  answer a;
  a.body_.emplace(*path, file::open_to::read);
  const std::uint64_t size = a.body_->size();
  const auto known = entries_.find(*path);
  http::response<http::empty_body> r(http::status::ok, asked.version());
  std::string tag;
  // A file that has changed since it was summed goes out without a digest, and cannot be continued.
  if (known != entries_.end() && known->second.of == sign(*path)) {
    tag = '"' + to_hex(known->second.sum) + '"';
    r.set(http::field::etag, tag);
    r.set("Repr-Digest", to_field(known->second.sum));
  }
  const bool same_version = asked.find(http::field::if_range) == asked.end() ||
                            (!tag.empty() && asked[http::field::if_range] == tag);
  byte_range range{0, size == 0 ? 0 : size - 1};
  const range_kind kind = same_version
                              ? parse_range(asked[http::field::range], size, range)
                              : range_kind::whole;
  a.left_ = size == 0 ? 0 : range.last - range.first + 1;
  if (kind == range_kind::none) {
    a.left_ = 0;
    r.result(http::status::range_not_satisfiable);
    r.set(http::field::content_range, "bytes */" + std::to_string(size));
  } else if (kind == range_kind::part) {
    r.result(http::status::partial_content);
    r.set(http::field::content_range, "bytes " + std::to_string(range.first) + "-" +
                                          std::to_string(range.last) + "/" +
                                          std::to_string(size));
  }
  r.set(http::field::accept_ranges, "bytes");
  r.set(http::field::content_type, "application/octet-stream");
  r.content_length(a.left_);
  r.keep_alive(asked.keep_alive());
  a.at_ = range.first;
  a.ending_ = r.keep_alive() ? answer::ending::keep : answer::ending::close;
  if (asked.method() == http::verb::head) a.left_ = 0;

  const trouble::plan plan = trouble_ ? trouble_->next(a.left_) : trouble::plan{};
  switch (plan.what) {
    case trouble::kind::none:
      break;
    case trouble::kind::refuse:
      return in_short(http::status::service_unavailable, "Come back later.");
    case trouble::kind::corrupt:
      a.wrong_byte_ = a.at_ + plan.at;
      break;
    case trouble::kind::drop:
      a.left_ = plan.at;
      a.ending_ = answer::ending::reset;
      break;
    case trouble::kind::truncate:
      a.left_ = plan.at;
      a.ending_ = answer::ending::close;
      break;
    case trouble::kind::stall:
      a.left_ = plan.at;
      a.ending_ = answer::ending::stall;
      break;
  }
  a.head_ = to_text(r);
  return a;
}

}  // namespace downloads
