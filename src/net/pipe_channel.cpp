// SPDX-License-Identifier: BSL-1.0
#include "pipe_channel.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace nakh::detail {

namespace asio = boost::asio;

namespace {

/// While it lives, a pipe that nobody reads is an error of `write`, and no signal for the process. A pipe has no MSG_NOSIGNAL.
class without_sigpipe {
 public:
  without_sigpipe() noexcept {
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &old_);
  }
  without_sigpipe(const without_sigpipe&) = delete;
  without_sigpipe& operator=(const without_sigpipe&) = delete;
  ~without_sigpipe() { ::pthread_sigmask(SIG_SETMASK, &old_, nullptr); }
  /// After EPIPE: takes the signal that came with it, which is this thread's. One that was there before is somebody else's.
  void take_signal() noexcept {
    constexpr timespec at_once{};
    while (!was_pending_ && ::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t pipe_;
  sigset_t old_;
  bool was_pending_;
};

class pipe_channel : public channel {
 public:
  explicit pipe_channel(owned_descriptor d) noexcept : pipe_(std::move(d)) {}

  void close(bool /*reset*/) noexcept override { pipe_.close(); }
  [[nodiscard]] int descriptor() const noexcept override { return pipe_.get(); }

 protected:
  static io_result refused() noexcept { return {.error = asio::error::operation_not_supported}; }
  owned_descriptor pipe_;
};

class pipe_reader final : public pipe_channel {
 public:
  using pipe_channel::pipe_channel;

  [[nodiscard]] io_result read(std::span<char> room, bool peer_ended) noexcept override {
    return result_of_read(retried([&] { return ::read(pipe_.get(), room.data(), room.size()); }), room.size(), peer_ended);
  }
  [[nodiscard]] bool can_write() const noexcept override { return false; }
  [[nodiscard]] io_result write(std::string_view /*bytes*/) noexcept override { return refused(); }
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  [[nodiscard]] io_result write_eof() noexcept override { return refused(); }
};

// Children expect a pipe as their input: /dev/stdin does not open when it is a socket, which would have spared us the signal.
class pipe_writer final : public pipe_channel {
 public:
  using pipe_channel::pipe_channel;

  [[nodiscard]] bool can_read() const noexcept override { return false; }
  [[nodiscard]] io_result read(std::span<char> /*room*/, bool /*peer_ended*/) noexcept override { return refused(); }
  [[nodiscard]] io_result write(std::string_view bytes) noexcept override {
    without_sigpipe guard;
    const ssize_t written = retried([&] { return ::write(pipe_.get(), bytes.data(), bytes.size()); });
    const io_result r = result_of_write(written);
    if (written < 0 && r.error == asio::error::broken_pipe) guard.take_signal();
    return r;
  }
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  [[nodiscard]] io_result write_eof() noexcept override {
    close(false);
    return {};
  }
};

}  // namespace

pipe_ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("a pipe");
  return {owned_descriptor(ends[0]), owned_descriptor(ends[1])};
}

std::unique_ptr<channel> make_pipe_reader(owned_descriptor reading) {
  set_non_blocking(reading.get());
  return std::make_unique<pipe_reader>(std::move(reading));
}
std::unique_ptr<channel> make_pipe_writer(owned_descriptor writing) {
  set_non_blocking(writing.get());
  return std::make_unique<pipe_writer>(std::move(writing));
}

}  // namespace nakh::detail
