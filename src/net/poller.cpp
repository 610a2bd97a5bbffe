// SPDX-License-Identifier: BSL-1.0
#include "poller.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace nakh::detail {

namespace asio = boost::asio;
using boost::system::error_code;

asio::execution_context::id poller::id;

namespace {

constexpr std::uint32_t all_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

}  // namespace

class poller::handler {
 public:
  explicit handler(poller& p) noexcept : poller_(&p) {}
  void operator()(const error_code& error) const {
    poller_->is_listening_ = false;
    if (!error) poller_->serve();
  }
  using allocator_type = frame_allocator<void>;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(poller_->memory_); }

 private:
  poller* poller_;
};

poller::poller(asio::execution_context& c) : service(c), own_(static_cast<asio::io_context&>(c).get_executor()) {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) throw std::system_error(errno, std::system_category(), "nakh: no descriptor for an epoll");
  error_code error;
  own_.assign(epoll, error);  // NOLINT(bugprone-unused-return-value)
  if (error) {
    ::close(epoll);
    throw std::system_error(error, "nakh: an epoll cannot be waited for");
  }
}

poller& poller::of(loop_core& loop) {
  auto& own = asio::use_service<poller>(io_context_of(loop));
  look_at(loop, own);
  return own;
}

void poller::shutdown() {
  while (all_.is_linked()) {
    auto& w = static_cast<watched&>(*all_.next);
    w.unlink();
    w.on_shutdown();
  }
  error_code ignored;
  own_.close(ignored);  // NOLINT(bugprone-unused-return-value): void in some of Asio's configurations
}

void poller::rearm(int descriptor, watched& w) noexcept {
  epoll_event event{.events = all_events, .data = {.ptr = &w}};
  ::epoll_ctl(own_.native_handle(), EPOLL_CTL_MOD, descriptor, &event);
}

void poller::add(int descriptor, watched& w) {
  epoll_event event{.events = all_events, .data = {.ptr = &w}};
  if (::epoll_ctl(own_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) != 0)
    throw std::system_error(errno, std::system_category(), "nakh: a descriptor cannot be waited for");
  w.insert_before(all_);
}

void poller::remove(int descriptor, watched& w) noexcept {
  w.unlink();
  if (own_.is_open()) ::epoll_ctl(own_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
}

// A wait that nobody is in any more is taken back, or it would keep a loop from finding out that nothing can come.
void poller::end_wait() noexcept {
  if (--waiting_ > 0 || !is_listening_) return;
  error_code ignored;
  own_.cancel(ignored);  // NOLINT(bugprone-unused-return-value)
}

// It takes no memory but its own: there is one wait at a time.
void poller::listen() noexcept {
  if (is_listening_ || waiting_ == 0) return;
  own_.async_wait(asio::posix::descriptor_base::wait_read, handler(*this));
  is_listening_ = true;
}

bool poller::serve() noexcept {
  if (waiting_ == 0) return false;
  std::array<epoll_event, 128> events;
  int count = 0;
  bool found = false;
  do {
    count = ::epoll_wait(own_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
    found |= count > 0;
    for (int i = 0; i < count; ++i) {
      const epoll_event& e = events[static_cast<std::size_t>(i)];
      auto& w = *static_cast<watched*>(e.data.ptr);
      const bool fails = (e.events & (EPOLLERR | EPOLLHUP)) != 0;
      if (fails || (e.events & EPOLLRDHUP) != 0) w.has_end = true;
      if (fails || (e.events & (EPOLLIN | EPOLLRDHUP)) != 0) w.readable = true;
      if (fails || (e.events & EPOLLOUT) != 0) w.writable = true;
      w.on_ready();
    }
  } while (count == static_cast<int>(events.size()));
  return found;
}

}  // namespace nakh::detail
