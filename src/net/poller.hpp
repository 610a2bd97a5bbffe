// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/detail/asio_wait.hpp>
#include <nakh/detail/ready_source.hpp>
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

/// Tells of a loop's descriptors when they become ready, each time once, by an epoll of its own, which is inside of Boost.Asio's
/// while the loop waits.
///
/// Asio tries a system call before it waits, and a stream that has just read all there was would try in vain each time. Here one
/// is made only when the system has said that it will succeed. A look that finds something is one system call, shared by all
/// descriptors that are ready; a wait in Asio is three more.
/// @par Thread safety  The loop's thread only.
class poller final : public boost::asio::execution_context::service, public ready_source {
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
  void begin_wait() noexcept { ++waiting_; }
  void end_wait() noexcept;

  // --- ready_source ---

  bool serve() noexcept override;
  void listen() noexcept override;
  [[nodiscard]] bool is_listening() const noexcept override { return is_listening_; }
  [[nodiscard]] bool is_wanted() const noexcept override { return waiting_ > 0; }

 private:
  class handler;
  void shutdown() override;

  boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> own_;
  frame_memory memory_;
  ring_link all_;
  std::size_t waiting_ = 0;
  bool is_listening_ = false;
};

}  // namespace nakh::detail
