// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/detail/asio_wait.hpp>
#include <nakh/net/stream.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <string_view>
#include <utility>

namespace nakh::detail {

/// What an operation of a stream's channel calls at its end; it keeps the stream until then.
template <void (stream_core::*Ended)(const boost::system::error_code&, std::size_t)>
class channel_handler {
 public:
  channel_handler(stream_core& s, frame_memory& memory) noexcept : stream_(&s), memory_(memory) {}
  void operator()(const boost::system::error_code& error, std::size_t size = 0) { (*stream_.*Ended)(error, size); }

  using allocator_type = frame_allocator<void>;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return memory_; }

 private:
  stream_ref stream_;
  frame_allocator<void> memory_;
};

/// The system's side of a stream: a socket, a pipe, or TLS over one. At most one operation of each direction at a time.
class channel {
 public:
  channel() = default;
  channel(const channel&) = delete;
  channel& operator=(const channel&) = delete;
  virtual ~channel() = default;

  /// Then `stream_core::on_read`: bytes, an error, `eof`, or `operation_aborted`.
  virtual void read_some(stream_core& s, boost::asio::mutable_buffer room) = 0;
  /// Then `on_write`, the same.
  virtual void write_some(stream_core& s, boost::asio::const_buffer bytes) = 0;
  /// Has the operations under way end as aborted, unless they have ended; of writing too, perhaps.
  virtual void cancel_read() noexcept = 0;
  /// As much as the system takes at once, perhaps nothing.
  virtual std::size_t write_now(std::string_view bytes, boost::system::error_code& error) = 0;
  [[nodiscard]] virtual bool can_write_eof() const noexcept = 0;
  virtual void write_eof(boost::system::error_code& error) = 0;
  /// Says farewell where that takes time, then `on_closed`. False: there is nothing to say.
  virtual bool begin_close(stream_core& /*s*/) { return false; }
  /// Ends both directions. `reset`: so that the peer takes it for an error.
  virtual void close(bool reset) noexcept = 0;

  [[nodiscard]] virtual int native_handle() noexcept = 0;
  [[nodiscard]] virtual net::endpoint local() = 0;
  [[nodiscard]] virtual net::endpoint peer() = 0;
};

}  // namespace nakh::detail
