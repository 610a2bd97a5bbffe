// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/detail/asio_wait.hpp>
#include <nakh/detail/ring_link.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>

namespace nakh::detail {

/// A descriptor whose readiness somebody wants to know of.
class watched : ring_link {
 public:
  watched(const watched&) = delete;
  watched& operator=(const watched&) = delete;

  /// What is known: a call may succeed, or must block. Who makes a call and learns more notes it here.
  bool readable = false;
  bool writable = false;
  /// The peer will send no more, or there is an error: a short read does not mean that there is nothing left.
  bool has_end = false;

 protected:
  watched() = default;
  ~watched() { unlink(); }

 private:
  friend class poller;
  virtual void on_ready() noexcept = 0;
  /// The loop goes, and with it the poller: nobody will be told of anything any more.
  virtual void on_shutdown() noexcept = 0;
};

/// Tells of a loop's descriptors when they become ready, each time once, by an epoll of its own inside of Boost.Asio's.
///
/// Asio tries a system call before it waits, and a stream that has just read all there was would try in vain each time. Here one
/// is made only when the system has said that it will succeed. What this costs more, two system calls a wait of the loop, is shared
/// by all descriptors that were ready in it.
/// @par Thread safety  The loop's thread only.
class poller final : public boost::asio::execution_context::service {
 public:
  static boost::asio::execution_context::id id;
  explicit poller(boost::asio::execution_context& c);
  /// That of a loop. @throws std::system_error  when the system has no descriptor for it
  [[nodiscard]] static poller& of(loop_core& loop);

  /// @throws std::system_error
  void add(int descriptor, watched& w);
  /// Before the descriptor is closed.
  void remove(int descriptor, watched& w) noexcept;
  /// Tells again of what it has told of, if it is still so: a call has failed although it should not have.
  void rearm(int descriptor, watched& w) noexcept;
  /// Somebody waits for one of them, or does not any more. Nobody is told of anything while nobody waits.
  /// @throws std::bad_alloc  from `begin_wait`
  void begin_wait();
  void end_wait() noexcept;

 private:
  class handler;
  void shutdown() override;
  void arm();
  void tell();

  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> own_;
  frame_memory memory_;
  ring_link all_;
  std::size_t waiting_ = 0;
  bool armed_ = false;
};

}  // namespace nakh::detail
