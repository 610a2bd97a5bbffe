// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/event.hpp>
#include <nakh/net/stream.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "channel.hpp"
#include "poller.hpp"

namespace nakh::detail {

/// Who wants to know of streams' ends.
class stream_keeper {
 public:
  virtual void on_gone(stream_core& s) noexcept = 0;
  virtual void on_replaced(stream_core& old, stream_core& now) noexcept = 0;

 protected:
  ~stream_keeper() = default;
};

/// A connection. It lasts as long as a `net::stream` refers to it, somebody waits in it, or something is to be sent.
class alignas(64) stream_core final : public watched {
 public:
  stream_core(loop_core& l, std::unique_ptr<channel> c, const net::stream_options& o);
  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;

  // --- Reading ---

  /// @throws the connection's error
  void require_readable() const {
    if (error_) [[unlikely]]
      std::rethrow_exception(error_);
  }
  /// What has come and was not read.
  [[nodiscard]] std::string_view unread() const noexcept {
    const auto bytes = buffer_.cdata();
    return {static_cast<const char*>(bytes.data()), bytes.size()};
  }
  /// The first `size` bytes of it, which it loses.
  [[nodiscard]] std::string take(std::size_t size);
  void drop(std::size_t size) noexcept { buffer_.consume(size); }
  /// No more will come.
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  void require_no_reader() const {
    if (!can_read_ || reader_ != nullptr) [[unlikely]]
      throw_cannot_read();
  }

  enum class progress {
    made,        ///< Bytes, the end, or an error.
    must_wait,   ///< Nothing, until the system says so.
    must_yield,  ///< Nothing, since it was served many times in a row while others had no turn.
  };
  /// Reads into the buffer if that is known not to block. @throws usage_error  when another task reads
  [[nodiscard]] progress read_more();
  /// The same into `room`; `size` says how much.
  [[nodiscard]] progress read_into(std::span<char> room, std::size_t& size);
  /// One step of the channel's handshake.
  [[nodiscard]] progress handshake();
  void begin_read(stream_wait& w);
  /// The task has had its turn.
  void end_read() noexcept;
  /// Wakes it, if it waits still.
  void give_up_read(const stream_wait& w) noexcept;

  // --- Writing ---

  void write(std::string_view bytes);
  void write_eof();
  [[nodiscard]] bool can_write_eof() const noexcept { return channel_->can_write_eof(); }
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size() - sent_; }
  void set_marks(std::size_t high, std::optional<std::size_t> low);
  /// Is set while nobody who drains has to wait.
  [[nodiscard]] event& drained() noexcept { return drained_; }
  /// @throws the connection's error; ECONNRESET when it is gone
  void require_writable() const;
  /// Nobody who drains has to wait, nor to be told anything.
  [[nodiscard]] bool is_drained() const noexcept { return drained_.is_set() && !closing_; }

  // --- The end ---

  void close() noexcept;
  void abort() noexcept;
  [[nodiscard]] bool is_closing() const noexcept { return closing_; }
  [[nodiscard]] event& gone() noexcept { return gone_; }
  /// What it ended with; null: it was closed.
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  /// At most one.
  void set_keeper(stream_keeper* k) noexcept { keeper_ = k; }

  [[nodiscard]] const channel& system() const noexcept { return *channel_; }

 private:
  ~stream_core();
  void on_ready() noexcept override;
  void on_shutdown() noexcept override;
  /// What keeps it from reading now; `made`: nothing. @throws usage_error  when another task reads
  [[nodiscard]] progress prospect() const;
  [[noreturn]] void throw_cannot_read() const;
  progress note(const io_result& r);
  void send_rest() noexcept;
  bool must_wait_to_write(const io_result& r) noexcept;
  void await_writable();
  void stop_sending() noexcept;
  /// The reference that it has to itself while it sends; none when it does not.
  [[nodiscard]] stream_ref end_sending() noexcept;
  void wake_reader() noexcept;
  void lose(const boost::system::error_code& error) noexcept;
  void finish(bool reset) noexcept;

  friend void add_ref(stream_core& s) noexcept;
  friend void release(stream_core& s) noexcept;
  friend net::stream replace_channel(stream_core& old, const std::function<std::unique_ptr<channel>(std::unique_ptr<channel>)>& make);

  // What each message touches: two cache lines, with what `watched` has. A server's connections do not fit in the first cache.
  bool read_needs_writable_ = false;
  bool write_needs_readable_ = false;
  bool ended_ = false;
  bool closing_ = false;
  bool eof_asked_ = false;
  bool is_sending_ = false;  ///< Has unsent bytes, and a reference to itself until they are gone.
  const bool can_read_;
  unsigned char served_in_a_row_ = 0;
  unsigned char read_bits_;  ///< Of how much is asked for next.
  std::uint32_t references_ = 0;
  stream_wait* reader_ = nullptr;
  std::unique_ptr<channel> channel_;
  poller& poller_;
  std::exception_ptr error_;
  boost::beast::flat_buffer buffer_;
  event drained_;

  loop_core& loop_;
  std::size_t limit_;
  std::string unsent_;  ///< `sent_` bytes of it are gone.
  std::size_t sent_ = 0;
  std::size_t high_;
  std::size_t low_;
  event gone_;
  stream_keeper* keeper_ = nullptr;
};

/// A stream over what `make` puts over the channel of `old`, which is gone then; for whoever kept that one it takes its place.
/// @throws usage_error  when somebody reads it, or bytes are unread or unsent
[[nodiscard]] NAKH_API net::stream replace_channel(stream_core& old,
                                                   const std::function<std::unique_ptr<channel>(std::unique_ptr<channel>)>& make);
/// Until the channel's handshake is over. @throws what it fails with, cancelled_error
NAKH_API void run_handshake(stream_core& s);

}  // namespace nakh::detail
