// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/event.hpp>
#include <nakh/net/stream.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <exception>
#include <memory>
#include <string>
#include <string_view>

#include "channel.hpp"

namespace nakh::detail {

/// Who wants to know of streams' ends.
class stream_keeper {
 public:
  virtual void on_gone(stream_core& s) noexcept = 0;

 protected:
  ~stream_keeper() = default;
};

/// A connection. It lasts as long as a `net::stream` or an operation under way refers to it.
class stream_core {
 public:
  stream_core(loop_core& l, std::unique_ptr<channel> c, const net::stream_options& o);
  stream_core(const stream_core&) = delete;
  stream_core& operator=(const stream_core&) = delete;

  // --- Reading ---

  /// @throws the connection's error
  void require_readable() const;
  /// What has come and was not read.
  [[nodiscard]] std::string_view unread() const noexcept;
  /// The first `size` bytes of it, which it loses.
  [[nodiscard]] std::string take(std::size_t size);
  void drop(std::size_t size) noexcept { buffer_.consume(size); }
  /// No more will come.
  [[nodiscard]] bool has_ended() const noexcept { return ended_; }
  [[nodiscard]] std::size_t limit() const noexcept { return limit_; }
  void require_no_reader() const;
  void begin_read(stream_wait& w);
  void cancel_read() noexcept { channel_->cancel_read(); }
  void on_read(const boost::system::error_code& error, std::size_t size);

  // --- Writing ---

  void write(std::string_view bytes);
  void on_write(const boost::system::error_code& error, std::size_t size);
  void write_eof();
  [[nodiscard]] bool can_write_eof() const noexcept { return channel_->can_write_eof(); }
  [[nodiscard]] std::size_t unsent() const noexcept { return sending_.size() - sent_ + waiting_.size(); }
  void set_marks(std::size_t high, std::optional<std::size_t> low);
  /// Is set while nobody who drains has to wait.
  [[nodiscard]] event& drained() noexcept { return drained_; }
  /// @throws the connection's error; ECONNRESET when it is gone
  void require_writable() const;

  // --- The end ---

  void close() noexcept;
  void abort() noexcept;
  [[nodiscard]] bool is_closing() const noexcept { return closing_; }
  [[nodiscard]] event& gone() noexcept { return gone_; }
  void on_closed(const boost::system::error_code& error, std::size_t);
  /// What it ended with; null: it was closed.
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  /// At most one.
  void set_keeper(stream_keeper* k) noexcept { keeper_ = k; }

  [[nodiscard]] channel& system() noexcept { return *channel_; }
  [[nodiscard]] loop_core& loop() const noexcept { return loop_; }
  /// Takes the channel out, for another stream over it: nobody may read, and nothing may be unsent.
  [[nodiscard]] std::unique_ptr<channel> release_channel();
  frame_memory& read_memory() noexcept { return read_memory_; }
  frame_memory& write_memory() noexcept { return write_memory_; }

 private:
  ~stream_core() = default;
  void send_rest();
  void end_reading() noexcept;
  void lose(const boost::system::error_code& error) noexcept;
  void finish(bool reset) noexcept;

  friend void add_ref(stream_core& s) noexcept;
  friend void release(stream_core& s) noexcept;
  std::size_t references_ = 0;

  loop_core& loop_;
  std::unique_ptr<channel> channel_;
  boost::beast::flat_buffer buffer_;
  std::size_t limit_;
  std::size_t read_size_;
  stream_wait* reader_ = nullptr;
  bool reading_ = false;
  bool ended_ = false;

  std::string sending_;  ///< Under way; `sent_` bytes of it are gone.
  std::size_t sent_ = 0;
  std::string waiting_;  ///< Behind it.
  bool is_sending_ = false;
  bool eof_asked_ = false;
  std::size_t high_;
  std::size_t low_;
  event drained_;

  bool closing_ = false;
  bool farewell_ = false;  ///< It is being said.
  event gone_;
  std::exception_ptr error_;
  stream_keeper* keeper_ = nullptr;
  frame_memory read_memory_;
  frame_memory write_memory_;
};

}  // namespace nakh::detail
