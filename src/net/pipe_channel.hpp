// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <memory>
#include <utility>

#include "channel.hpp"

namespace nakh::detail {

/// A descriptor of the system's, and the duty to close it.
class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int fd) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Both ends are closed in children, unless they are given to one.
struct pipe_ends {
  descriptor reading;
  descriptor writing;
};
/// @throws std::system_error
[[nodiscard]] pipe_ends make_pipe();

/// What Asio waits with for any descriptor.
using watched_descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;
/// @throws std::system_error  then it is closed
[[nodiscard]] watched_descriptor watch(loop_core& loop, descriptor d);

/// A stream's side of a pipe, which can be read from or written to.
[[nodiscard]] std::unique_ptr<channel> make_pipe_reader(loop_core& loop, descriptor reading);
[[nodiscard]] std::unique_ptr<channel> make_pipe_writer(loop_core& loop, descriptor writing);

}  // namespace nakh::detail
