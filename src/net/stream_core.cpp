// SPDX-License-Identifier: BSL-1.0
#include "stream_core.hpp"

#include <nakh/error.hpp>

#include <boost/asio/error.hpp>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace nakh::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A stream asks the system for as much as it has been given lately: little while it carries messages, much in a transfer.
constexpr unsigned int least_read_bits = 9;
constexpr unsigned int most_read_bits = 16;
constexpr std::size_t least_read = std::size_t{1} << least_read_bits;
// A task whose peer is faster than itself lets others have a turn after so many reads that did not wait.
constexpr unsigned int most_in_a_row = 16;

}  // namespace

stream_core::stream_core(loop_core& l, std::unique_ptr<channel> c, const net::stream_options& o)
    : can_read_(c->can_read()), read_bits_(least_read_bits), channel_(std::move(c)), poller_(poller::of(l)), loop_(l), limit_(o.limit) {
  if (limit_ == 0) throw std::invalid_argument("nakh: a stream's limit must be above 0");
  set_marks(o.high_water, o.low_water);
  drained_.set();
  poller_.add(channel_->descriptor(), *this);
}

stream_core::~stream_core() {
  if (!gone_.is_set()) channel_->close(false);
}

void stream_core::on_ready() noexcept {
  if (reader_ != nullptr && (readable || (read_needs_writable_ && writable))) wake_reader();
  if (is_sending_ && (writable || (write_needs_readable_ && readable))) send_rest();
}

// No task is left that could wait here; who keeps a stream of a loop that is gone finds it closed.
void stream_core::on_shutdown() noexcept {
  const auto alive = stream_ref::share(this);
  closing_ = true;
  ended_ = true;
  channel_->close(true);
  const stream_ref last = end_sending();
  gone_.set();
  if (stream_keeper* const k = std::exchange(keeper_, nullptr)) k->on_gone(*this);
}

// --- Reading ---

std::string stream_core::take(std::size_t size) {
  std::string taken(unread().substr(0, size));
  drop(size);
  return taken;
}

void stream_core::throw_cannot_read() const {
  throw usage_error(can_read_ ? "nakh: another task is reading this stream already; one may at a time"
                              : "nakh: this is the end of a pipe that is written to; it cannot be read");
}

inline stream_core::progress stream_core::prospect() const {
  require_no_reader();
  if (!readable) return progress::must_wait;
  return served_in_a_row_ < most_in_a_row ? progress::made : progress::must_yield;
}

stream_core::progress stream_core::read_more() {
  if (const progress p = prospect(); p != progress::made) return p;
  const std::size_t wanted = std::size_t{1} << read_bits_;
  if (buffer_.size() == 0 && buffer_.capacity() > 2 * wanted) buffer_.shrink_to_fit();
  const auto room = buffer_.prepare(wanted);
  const io_result r = channel_->read({static_cast<char*>(room.data()), room.size()}, has_end);
  buffer_.commit(r.size);
  if (r.size == wanted) {
    if (read_bits_ < most_read_bits) ++read_bits_;
  } else if (r.size < wanted / 4) {
    if (read_bits_ > least_read_bits) --read_bits_;
  }
  return note(r);
}

stream_core::progress stream_core::read_into(std::span<char> room, std::size_t& size) {
  if (const progress p = prospect(); p != progress::made) return p;
  const io_result r = channel_->read(room, has_end);
  size = r.size;
  return note(r);
}

stream_core::progress stream_core::note(const io_result& r) {
  ++served_in_a_row_;
  read_needs_writable_ = r.needs_writable;
  if (r.needs_readable || r.needs_writable) readable = false;
  if (r.needs_writable) writable = false;
  if (r.blocked) poller_.rearm(channel_->descriptor(), *this);
  if (r.ended) ended_ = true;
  if (r.error) lose(r.error);
  return r.size > 0 || r.ended || r.error ? progress::made : progress::must_wait;
}

stream_core::progress stream_core::handshake() {
  const io_result r = channel_->handshake();
  static_cast<void>(note(r));
  return r.needs_readable || r.needs_writable ? progress::must_wait : progress::made;
}

void stream_core::begin_read(stream_wait& w) {
  poller_.begin_wait();
  reader_ = &w;
}

void stream_core::end_read() noexcept { served_in_a_row_ = 0; }

void stream_core::give_up_read(const stream_wait& w) noexcept {
  if (reader_ == &w) wake_reader();
}

void stream_core::wake_reader() noexcept {
  stream_wait* const reader = std::exchange(reader_, nullptr);
  if (reader == nullptr) return;
  poller_.end_wait();
  if (read_needs_writable_) readable = true;
  reader->finish();
}

// --- Writing ---

void stream_core::write(std::string_view bytes) {
  if (eof_asked_) throw usage_error("nakh: write after write_eof");
  if (!channel_->can_write()) throw usage_error("nakh: this is the end of a pipe that is read; it cannot be written to");
  if (closing_ || bytes.empty()) return;
  while (!is_sending_) {
    const io_result r = channel_->write(bytes);
    if (r.error) return lose(r.error);
    bytes.remove_prefix(r.size);
    if (bytes.empty()) return;
    if (must_wait_to_write(r)) break;
  }
  if (sent_ > unsent_.size() / 2) unsent_.erase(0, std::exchange(sent_, 0));
  unsent_ += bytes;
  if (unsent() > high_) drained_.clear();
  await_writable();
}

bool stream_core::must_wait_to_write(const io_result& r) noexcept {
  write_needs_readable_ = r.needs_readable;
  if (r.needs_readable) readable = false;
  if (r.needs_writable) writable = false;
  if (r.blocked) poller_.rearm(channel_->descriptor(), *this);
  return r.needs_readable || r.needs_writable;
}

void stream_core::await_writable() {
  if (is_sending_) return;
  poller_.begin_wait();
  is_sending_ = true;
  add_ref(*this);
}

stream_ref stream_core::end_sending() noexcept { return std::exchange(is_sending_, false) ? stream_ref::adopt(this) : stream_ref(); }

void stream_core::stop_sending() noexcept {
  if (!is_sending_) return;
  poller_.end_wait();
  const stream_ref last = end_sending();
}

void stream_core::send_rest() noexcept {
  const auto alive = stream_ref::share(this);
  while (unsent() > 0) {
    const io_result r = channel_->write(std::string_view(unsent_).substr(sent_));
    if (r.error) return lose(r.error);
    sent_ += r.size;
    if (must_wait_to_write(r)) {
      if (unsent() <= low_) drained_.set();
      return;
    }
  }
  unsent_.clear();
  sent_ = 0;
  if (unsent_.capacity() > least_read) unsent_.shrink_to_fit();
  drained_.set();
  if (eof_asked_) {
    const io_result r = channel_->write_eof();
    if (r.needs_readable || r.needs_writable) return;
  }
  stop_sending();
  if (closing_) finish(false);
}

void stream_core::write_eof() {
  if (eof_asked_ || closing_) return;
  if (!channel_->can_write_eof()) throw usage_error("nakh: this kind of stream cannot end in one direction only");
  eof_asked_ = true;
  if (is_sending_) return;
  const io_result r = channel_->write_eof();
  if (r.error && r.error != asio::error::not_connected) return lose(r.error);
  if (r.needs_readable || r.needs_writable) await_writable();
}

void stream_core::set_marks(std::size_t high, std::optional<std::size_t> low) {
  const std::size_t lower = low ? *low : high / 4;
  if (lower > high)
    throw std::invalid_argument("nakh: the low-water mark, " + std::to_string(lower) + ", is above the high one, " + std::to_string(high));
  high_ = high;
  low_ = lower;
  if (unsent() > high_) {
    drained_.clear();
  } else if (unsent() <= low_) {
    drained_.set();
  }
}

void stream_core::require_writable() const {
  if (error_) std::rethrow_exception(error_);
  if (gone_.is_set()) throw std::system_error(std::make_error_code(std::errc::connection_reset), "nakh: the stream was closed");
}

// --- The end ---

void stream_core::close() noexcept {
  if (closing_) return;
  closing_ = true;
  ended_ = true;
  wake_reader();
  if (unsent() == 0) finish(false);
}

void stream_core::abort() noexcept {
  closing_ = true;
  finish(true);
}

void stream_core::lose(const error_code& error) noexcept {
  if (gone_.is_set()) return;
  if (!error_) error_ = std::make_exception_ptr(std::system_error(static_cast<std::error_code>(error)));
  closing_ = true;
  finish(true);
}

// Whoever waits for something of this stream is told.
void stream_core::finish(bool reset) noexcept {
  if (gone_.is_set()) return;
  const auto alive = stream_ref::share(this);
  ended_ = true;
  if (!reset) channel_->say_farewell();
  poller_.remove(channel_->descriptor(), *this);
  channel_->close(reset);
  unsent_.clear();
  sent_ = 0;
  stop_sending();
  wake_reader();
  gone_.set();
  drained_.set();
  if (stream_keeper* const k = std::exchange(keeper_, nullptr)) k->on_gone(*this);
}

// --- Another channel ---

namespace {

/// Of a stream whose own one another stream has.
class no_channel final : public channel {
 public:
  [[nodiscard]] io_result read(std::span<char> /*room*/, bool /*peer_ended*/) noexcept override { return {.ended = true}; }
  [[nodiscard]] io_result write(std::string_view /*bytes*/) noexcept override { return {.error = asio::error::not_connected}; }
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  [[nodiscard]] io_result write_eof() noexcept override { return {}; }
  void close(bool /*reset*/) noexcept override {}
  [[nodiscard]] int descriptor() const noexcept override { return -1; }
};

}  // namespace

net::stream replace_channel(stream_core& old, const std::function<std::unique_ptr<channel>(std::unique_ptr<channel>)>& make) {
  old.require_no_reader();
  old.require_writable();
  if (!old.unread().empty())
    throw usage_error("nakh: the peer has sent " + std::to_string(old.unread().size()) + " bytes that were not read, before its TLS");
  if (old.unsent() > 0)
    throw usage_error("nakh: " + std::to_string(old.unsent()) + " bytes are not sent yet; set the water marks to 0 and drain first");
  auto nothing = std::make_unique<no_channel>();
  old.poller_.remove(old.channel_->descriptor(), old);
  std::unique_ptr<channel> own = std::exchange(old.channel_, std::move(nothing));
  stream_keeper* const keeper = std::exchange(old.keeper_, nullptr);
  old.closing_ = true;
  old.finish(false);
  try {
    const auto now = stream_ref::share(
        new stream_core(old.loop_, make(std::move(own)), {.limit = old.limit_, .high_water = old.high_, .low_water = old.low_}));
    if (keeper != nullptr) {
      keeper->on_replaced(old, *now);
      now->set_keeper(keeper);
    }
    return net::stream(now);
  } catch (...) {
    if (keeper != nullptr) keeper->on_gone(old);
    throw;
  }
}

void run_handshake(stream_core& s) {
  const auto kept = stream_ref::share(&s);
  while (s.handshake() == stream_core::progress::must_wait) {
    stream_wait wait(s);
    wait.begin();
    wait.block();
    wait.end();
  }
  s.require_readable();
}

// --- The wait ---

stream_wait::stream_wait(stream_core& s) : io_wait(waits_, &cancel), stream_(stream_ref::share(&s)) {}

void stream_wait::begin() {
  try {
    stream_->begin_read(*this);
  } catch (...) {
    finish();
    throw;
  }
}

void stream_wait::end() {
  stream_->end_read();
  if (!cancelled()) return;
  if (!stream_->readable && !stream_->has_ended() && !stream_->error()) lowlevel::throw_cancelled();
  keep_cancellation();
}

void stream_wait::cancel(io_wait& self) noexcept { static_cast<stream_wait&>(self).stream_->give_up_read(static_cast<stream_wait&>(self)); }

}  // namespace nakh::detail
