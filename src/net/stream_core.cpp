// SPDX-License-Identifier: BSL-1.0
#include "stream_core.hpp"

#include <nakh/error.hpp>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace nakh::detail {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// A stream asks the system for as much as it has been given lately: little while it carries messages, much in a transfer.
constexpr std::size_t least_read = 512;
constexpr std::size_t most_read = 64 * 1024;

bool would_block(const error_code& e) noexcept { return e == asio::error::would_block || e == asio::error::try_again; }

}  // namespace

stream_core::stream_core(loop_core& l, std::unique_ptr<channel> c, const net::stream_options& o)
    : loop_(l), channel_(std::move(c)), limit_(o.limit), read_size_(least_read) {
  if (limit_ == 0) throw std::invalid_argument("nakh: a stream's limit must be above 0");
  set_marks(o.high_water, o.low_water);
  drained_.set();
}

void add_ref(stream_core& s) noexcept { ++s.references_; }
void release(stream_core& s) noexcept {
  if (--s.references_ == 0) delete &s;
}

// --- Reading ---

void stream_core::require_readable() const {
  if (error_) std::rethrow_exception(error_);
}

std::string_view stream_core::unread() const noexcept {
  const auto bytes = buffer_.cdata();
  return {static_cast<const char*>(bytes.data()), bytes.size()};
}

std::string stream_core::take(std::size_t size) {
  std::string taken(unread().substr(0, size));
  drop(size);
  return taken;
}

void stream_core::require_no_reader() const {
  if (reader_ != nullptr) throw usage_error("nakh: another task is reading this stream already; one may at a time");
}

void stream_core::begin_read(stream_wait& w) {
  reader_ = &w;
  try {
    if (buffer_.size() == 0 && buffer_.capacity() > 2 * read_size_) buffer_.shrink_to_fit();
    const auto room = buffer_.prepare(read_size_);
    reading_ = true;
    channel_->read_some(*this, room);
  } catch (...) {
    reader_ = nullptr;
    reading_ = false;
    w.finish();
    throw;
  }
}

void stream_core::on_read(const error_code& error, std::size_t size) {
  reading_ = false;
  buffer_.commit(size);
  if (size == read_size_) {
    read_size_ = std::min(read_size_ * 2, most_read);
  } else if (size < read_size_ / 4) {
    read_size_ = std::max(read_size_ / 2, least_read);
  }
  stream_wait* const reader = std::exchange(reader_, nullptr);
  if (reader != nullptr && size > 0) reader->came_ = true;
  if (error == asio::error::eof) {
    ended_ = true;
  } else if (error && error != asio::error::operation_aborted) {
    lose(error);
  }
  if (reader != nullptr) reader->finish();
}

void stream_core::end_reading() noexcept {
  ended_ = true;
  if (reading_) channel_->cancel_read();
}

// --- Writing ---

void stream_core::write(std::string_view bytes) {
  if (eof_asked_) throw usage_error("nakh: write after write_eof");
  if (closing_ || bytes.empty()) return;
  if (!is_sending_) {
    error_code error;
    bytes.remove_prefix(channel_->write_now(bytes, error));
    if (error && !would_block(error)) return lose(error);
    if (bytes.empty()) return;
  }
  waiting_ += bytes;
  if (unsent() > high_) drained_.clear();
  if (!is_sending_) send_rest();
}

void stream_core::send_rest() {
  if (sent_ == sending_.size()) {
    sending_.clear();
    sent_ = 0;
    std::swap(sending_, waiting_);
  }
  is_sending_ = true;
  try {
    channel_->write_some(*this, asio::buffer(sending_) + sent_);
  } catch (...) {
    is_sending_ = false;
    throw;
  }
}

void stream_core::on_write(const error_code& error, std::size_t size) {
  is_sending_ = false;
  sent_ += size;
  if (gone_.is_set()) return;
  // Aborted by somebody who gave up reading.
  if (error && error != asio::error::operation_aborted) return lose(error);
  if (unsent() <= low_) drained_.set();
  if (unsent() > 0) {
    try {
      send_rest();
    } catch (const std::bad_alloc&) {
      lose(asio::error::no_memory);
    }
    return;
  }
  sent_ = 0;
  sending_.clear();
  if (sending_.capacity() > high_) sending_.shrink_to_fit();
  if (eof_asked_) {
    error_code failed;
    channel_->write_eof(failed);
  }
  if (closing_) finish(false);
}

void stream_core::write_eof() {
  if (eof_asked_ || closing_) return;
  if (!channel_->can_write_eof()) throw usage_error("nakh: this kind of stream cannot end in one direction only");
  eof_asked_ = true;
  if (unsent() > 0) return;
  error_code error;
  channel_->write_eof(error);
  if (error && error != asio::error::not_connected) lose(error);
}

void stream_core::set_marks(std::size_t high, std::optional<std::size_t> low) {
  if (low.value_or(0) > high)
    throw std::invalid_argument("nakh: the low-water mark, " + std::to_string(*low) + ", is above the high one, " + std::to_string(high));
  high_ = high;
  low_ = low.value_or(high / 4);
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
  end_reading();
  if (unsent() == 0) finish(false);
}

void stream_core::abort() noexcept {
  closing_ = true;
  end_reading();
  finish(true);
}

void stream_core::lose(const error_code& error) noexcept {
  if (gone_.is_set()) return;
  if (!error_) error_ = std::make_exception_ptr(std::system_error(static_cast<std::error_code>(error)));
  closing_ = true;
  end_reading();
  finish(true);
}

// Whoever waits for something of this stream is told.
void stream_core::finish(bool reset) noexcept {
  if (gone_.is_set()) return;
  if (!reset && !std::exchange(farewell_, true)) {
    try {
      if (channel_->begin_close(*this)) return;
    } catch (...) {
      reset = true;  // for lack of memory there is no farewell
    }
  }
  channel_->close(reset);
  waiting_.clear();
  gone_.set();
  drained_.set();
  if (stream_keeper* const k = std::exchange(keeper_, nullptr)) k->on_gone(*this);
}

void stream_core::on_closed(const error_code& /*error*/, std::size_t /*size*/) { finish(false); }

std::unique_ptr<channel> stream_core::release_channel() {
  require_no_reader();
  require_writable();
  if (unsent() > 0 || reading_) throw usage_error("nakh: the stream is busy; drain it first");
  if (!unread().empty()) throw usage_error("nakh: the peer has sent " + std::to_string(unread().size()) + " bytes that were not read");
  closing_ = true;
  ended_ = true;
  gone_.set();
  return std::move(channel_);
}

// --- The wait ---

stream_wait::stream_wait(stream_core& s) : io_wait((s.require_no_reader(), "stream"), &cancel), stream_(s) {}

void stream_wait::begin() { stream_.begin_read(*this); }

void stream_wait::end() {
  if (!cancelled()) return;
  if (!came_ && !stream_.has_ended() && !stream_.error()) lowlevel::throw_cancelled();
  keep_cancellation();
}

void stream_wait::cancel(io_wait& self) noexcept { static_cast<stream_wait&>(self).stream_.cancel_read(); }

}  // namespace nakh::detail
