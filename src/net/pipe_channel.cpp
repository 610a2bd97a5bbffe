// SPDX-License-Identifier: BSL-1.0
#include "pipe_channel.hpp"

#include <nakh/error.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>

#include "sockets.hpp"
#include "stream_core.hpp"

namespace nakh::detail {

namespace asio = boost::asio;
using boost::system::error_code;

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
  pipe_channel(loop_core& loop, descriptor d) : pipe_(watch(loop, std::move(d))) {}

  void cancel_read() noexcept override {
    error_code ignored;
    pipe_.cancel(ignored);  // NOLINT(bugprone-unused-return-value): void in some of Asio's configurations
  }
  void close(bool /*reset*/) noexcept override {
    error_code ignored;
    pipe_.close(ignored);  // NOLINT(bugprone-unused-return-value)
  }
  [[nodiscard]] int native_handle() noexcept override { return pipe_.is_open() ? pipe_.native_handle() : -1; }
  [[nodiscard]] net::endpoint local() override { return {}; }
  [[nodiscard]] net::endpoint peer() override { return {}; }

 protected:
  watched_descriptor pipe_;
};

class pipe_reader final : public pipe_channel {
 public:
  using pipe_channel::pipe_channel;

  void read_some(stream_core& s, asio::mutable_buffer room) override {
    pipe_.async_read_some(room, channel_handler<&stream_core::on_read>(s, s.read_memory()));
  }
  void write_some(stream_core& /*s*/, asio::const_buffer /*bytes*/) override { refuse(); }
  std::size_t write_now(std::string_view /*bytes*/, error_code& /*error*/) override { refuse(); }
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  void write_eof(error_code& error) override { error = asio::error::operation_not_supported; }

 private:
  [[noreturn]] static void refuse() { throw usage_error("nakh: this is the end of a pipe that is read; it cannot be written to"); }
};

// Children expect a pipe as their input: /dev/stdin does not open when it is a socket, which would have spared us the signal.
class pipe_writer final : public pipe_channel {
 public:
  using pipe_channel::pipe_channel;

  void read_some(stream_core& /*s*/, asio::mutable_buffer /*room*/) override {
    throw usage_error("nakh: this is the end of a pipe that is written to; it cannot be read");
  }
  void write_some(stream_core& s, asio::const_buffer bytes) override {
    pipe_.async_wait(watched_descriptor::wait_write, when_writable(s, *this, bytes));
  }
  std::size_t write_now(std::string_view bytes, error_code& error) override {
    without_sigpipe guard;
    for (;;) {
      const ssize_t written = ::write(native_handle(), bytes.data(), bytes.size());
      if (written >= 0) return static_cast<std::size_t>(written);
      if (errno == EINTR) continue;
      error.assign(errno, asio::error::get_system_category());
      if (error == asio::error::broken_pipe) guard.take_signal();
      return 0;
    }
  }
  [[nodiscard]] bool can_write_eof() const noexcept override { return true; }
  void write_eof(error_code& /*error*/) override { close(false); }

 private:
  /// Asio would write without the guard. What would block after all is asked for again by the stream.
  class when_writable {
   public:
    when_writable(stream_core& s, pipe_writer& w, asio::const_buffer bytes) noexcept
        : stream_(&s), writer_(&w), bytes_(bytes), memory_(s.write_memory()) {}
    void operator()(error_code error) {
      std::size_t size = 0;
      if (!error) size = writer_->write_now({static_cast<const char*>(bytes_.data()), bytes_.size()}, error);
      if (error == asio::error::would_block) error.clear();
      stream_->on_write(error, size);
    }

    using allocator_type = frame_allocator<void>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return memory_; }

   private:
    stream_ref stream_;
    pipe_writer* writer_;  ///< The stream's own.
    asio::const_buffer bytes_;
    frame_allocator<void> memory_;
  };
};

}  // namespace

descriptor::~descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

pipe_ends make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::system_category(), "nakh: a pipe");
  return {descriptor(ends[0]), descriptor(ends[1])};
}

watched_descriptor watch(loop_core& loop, descriptor d) {
  watched_descriptor watched(io_context_of(loop).get_executor());
  error_code error;
  watched.assign(d.get(), error);  // NOLINT(bugprone-unused-return-value)
  throw_if(error, "a descriptor cannot be waited for");
  static_cast<void>(d.release());
  watched.non_blocking(true, error);  // NOLINT(bugprone-unused-return-value)
  throw_if(error, "a descriptor cannot be made not to block");
  return watched;
}

std::unique_ptr<channel> make_pipe_reader(loop_core& loop, descriptor reading) {
  return std::make_unique<pipe_reader>(loop, std::move(reading));
}
std::unique_ptr<channel> make_pipe_writer(loop_core& loop, descriptor writing) {
  return std::make_unique<pipe_writer>(loop, std::move(writing));
}

}  // namespace nakh::detail
