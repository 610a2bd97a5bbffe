// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/stream.hpp>

#include <nakh/error.hpp>
#include <nakh/sleep.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include "stream_core.hpp"

namespace nakh::net {

incomplete_read_error::incomplete_read_error(std::string partial, std::optional<std::size_t> expected)
    : std::runtime_error("nakh: the stream ended after " + std::to_string(partial.size()) + " bytes, before " +
                         (expected ? "the " + std::to_string(*expected) + " that were asked for" : "the separator")),
      partial_(std::move(partial)),
      expected_(expected) {}

limit_overrun_error::limit_overrun_error(const std::string& what, std::size_t consumed) : std::runtime_error(what), consumed_(consumed) {}

}  // namespace nakh::net

namespace nakh::detail {

// Here, where each read counts one and gives it back.
void add_ref(stream_core& s) noexcept { ++s.references_; }
void release(stream_core& s) noexcept {
  if (--s.references_ == 0) delete &s;
}

namespace {

struct match {
  std::size_t begin;
  std::size_t end;
};

// The first to end; of those that end together the longest.
std::optional<match> find_first(std::string_view text, std::span<const std::string_view> separators, std::size_t from) {
  std::optional<match> found;
  for (const std::string_view s : separators) {
    const std::size_t at = text.find(s, from);
    if (at == std::string_view::npos) continue;
    const match m{at, at + s.size()};
    if (!found || m.end < found->end || (m.end == found->end && m.begin < found->begin)) found = m;
  }
  return found;
}

constexpr std::array<std::string_view, 1> line_feed{"\n"};

// Two messages, since what the reader can do differs: it may read up to a separator that was found.
[[noreturn]] void throw_overrun(bool found, std::size_t limit, std::size_t consumed) {
  throw net::limit_overrun_error(std::string("nakh: the separator ") + (found ? "comes" : "was not found") +
                                     " behind the stream's limit of " + std::to_string(limit) + " bytes",
                                 consumed);
}

std::optional<std::string> take_until(stream_core& s, std::span<const std::string_view> separators, std::size_t& searched) {
  const std::string_view text = s.unread();
  if (const auto m = find_first(text, separators, searched)) {
    if (m->begin > s.limit()) throw_overrun(true, s.limit(), m->begin);
    return s.take(m->end);
  }
  const std::size_t longest = std::ranges::max(separators, {}, &std::string_view::size).size();
  searched = text.size() + 1 > longest ? text.size() + 1 - longest : 0;
  if (searched > s.limit()) throw_overrun(false, s.limit(), std::exchange(searched, 0));
  if (!s.has_ended()) return std::nullopt;
  throw net::incomplete_read_error(s.take(text.size()), std::nullopt);
}

std::optional<std::string> take_line(stream_core& s, std::size_t& searched) {
  try {
    return take_until(s, line_feed, searched);
  } catch (const net::incomplete_read_error& e) {
    return e.partial();
  } catch (const net::limit_overrun_error& e) {
    const bool whole = s.unread().substr(e.consumed()).starts_with('\n');
    s.drop(whole ? e.consumed() + 1 : s.unread().size());
    throw std::length_error(e.what());
  }
}

}  // namespace

void stream_request::check() const {
  if (what != kind::until) return;
  if (separators.empty()) throw std::invalid_argument("nakh: read_until needs a separator");
  for (const std::string_view s : separators) {
    if (s.empty()) throw std::invalid_argument("nakh: an empty separator is found everywhere");
  }
}

std::optional<std::string> stream_request::take(stream_core& from) {
  from.require_readable();
  const std::size_t there = from.unread().size();
  switch (what) {
    case kind::some:
      if (there == 0 && size > 0 && !from.has_ended()) return std::nullopt;
      return from.take(std::min(there, size));
    case kind::all:
      if (!from.has_ended()) return std::nullopt;
      return from.take(there);
    case kind::exactly:
      if (there >= size) return from.take(size);
      if (!from.has_ended()) return std::nullopt;
      throw net::incomplete_read_error(from.take(there), size);
    case kind::until:
      return take_until(from, separators, searched);
    case kind::line:
      return take_line(from, searched);
  }
  return std::nullopt;
}

}  // namespace nakh::detail

namespace nakh::net {

using detail::stream_request;

namespace {

using progress = detail::stream_core::progress;

void wait_for_more(detail::stream_core& s, progress why) {
  if (why == progress::must_yield) {
    yield();
    return s.end_read();
  }
  detail::stream_wait wait(s);
  wait.begin();
  wait.block();
  wait.end();
}

}  // namespace

stream::stream(stream&& other) noexcept : core_(std::move(other.core_)) {}

stream& stream::operator=(stream&& other) noexcept {
  if (core_) core_->close();
  core_ = std::move(other.core_);
  return *this;
}

stream::~stream() {
  if (core_) core_->close();
}

detail::stream_core& stream::core() const {
  if (!core_) throw usage_error("nakh: this stream is none: it was moved from, or never opened");
  return *core_;
}

std::string stream::take(stream_request request) {
  request.check();
  const auto kept = detail::stream_ref::share(&core());
  detail::stream_core& s = *kept;
  for (;;) {
    if (auto taken = request.take(s)) return *std::move(taken);
    const progress p = s.read_more();
    if (p != progress::made) wait_for_more(s, p);
  }
}

std::string stream::read(std::size_t most) { return take({.what = stream_request::kind::some, .size = most}); }

std::size_t stream::read(std::span<char> room) {
  const auto kept = detail::stream_ref::share(&core());
  detail::stream_core& s = *kept;
  s.require_readable();
  if (room.empty()) return 0;
  std::size_t size = 0;
  if (!s.unread().empty()) {
    size = s.unread().copy(room.data(), room.size());
    s.drop(size);
  }
  while (size == 0 && !s.has_ended()) {
    const progress p = s.read_into(room, size);
    if (p != progress::made) wait_for_more(s, p);
    s.require_readable();
  }
  return size;
}

std::string stream::read_all() { return take({.what = stream_request::kind::all}); }
std::string stream::read_exactly(std::size_t size) { return take({.what = stream_request::kind::exactly, .size = size}); }
std::string stream::read_until(std::string_view separator) { return read_until(std::span(&separator, 1)); }
std::string stream::read_until(std::span<const std::string_view> separators) {
  return take({.what = stream_request::kind::until, .separators = separators});
}
std::string stream::read_line() { return take({.what = stream_request::kind::line}); }

bool stream::at_eof() const noexcept { return !core_ || (core_->has_ended() && core_->unread().empty()); }

void stream::write(std::string_view bytes) { core().write(bytes); }
void stream::write_eof() { core().write_eof(); }
bool stream::can_write_eof() const noexcept { return core_ && core_->can_write_eof(); }

void stream::drain() {
  if (core().is_drained()) return;
  const detail::stream_ref kept = core_;
  detail::stream_core& s = core();
  s.require_writable();
  if (s.is_closing()) {
    yield();
  } else {
    s.drained().wait();
  }
  s.require_writable();
}

std::size_t stream::write_buffer_size() const noexcept { return core_ ? core_->unsent() : 0; }
void stream::set_write_buffer_limits(std::size_t high, std::optional<std::size_t> low) { core().set_marks(high, low); }

void stream::close() noexcept {
  if (core_) core_->close();
}
void stream::abort() noexcept {
  if (core_) core_->abort();
}
bool stream::is_closing() const noexcept { return !core_ || core_->is_closing(); }

void stream::wait_closed() {
  const detail::stream_ref kept = core_;
  detail::stream_core& s = core();
  s.gone().wait();
  s.require_readable();
}

endpoint stream::local() const { return core().system().local(); }
endpoint stream::peer() const { return core().system().peer(); }
int stream::native_handle() const noexcept { return core_ ? core_->system().descriptor() : -1; }

}  // namespace nakh::net
