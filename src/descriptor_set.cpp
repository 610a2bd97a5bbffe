// SPDX-License-Identifier: BSL-1.0
#include "descriptor_set.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace nakh::detail {

namespace {

constexpr std::array<std::uint32_t, 2> event_of{EPOLLIN, EPOLLOUT};

}  // namespace

descriptor_set::descriptor_set() : set_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (set_ < 0) throw std::system_error(errno, std::generic_category(), "nakh: a loop needs one more descriptor to watch others with");
}

descriptor_set::~descriptor_set() { ::close(set_); }

std::uint32_t descriptor_set::events_of(const entry& e) noexcept {
  std::uint32_t events = 0;
  for (std::size_t d = 0; d < e.size(); ++d) {
    if (e[d]) events |= event_of[d];
  }
  return events;
}

// The system's error, or 0.
int descriptor_set::tell(int operation, int fd, std::uint32_t events) const noexcept {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return ::epoll_ctl(set_, operation, fd, &event) == 0 ? 0 : errno;
}

void descriptor_set::watch(int fd, direction d, std::function<void()> on_ready) {
  const auto index = static_cast<std::size_t>(d);
  const auto [at, is_new] = entries_.try_emplace(fd);
  entry dropped;  // last: it may be somebody's code that goes with it
  int error = tell(is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, events_of(at->second) | event_of[index]);
  if (error == ENOENT) {
    // The descriptor that was watched is closed, and another file has its number now.
    dropped = std::exchange(at->second, {});
    error = tell(EPOLL_CTL_ADD, fd, event_of[index]);
  } else if (error == EEXIST) {
    // It was unwatched when it was closed already, and the same file, which stayed open elsewhere, has its number again.
    error = tell(EPOLL_CTL_MOD, fd, event_of[index]);
  }
  if (error != 0) {
    if (events_of(at->second) == 0) entries_.erase(at);
    throw std::system_error(error, std::generic_category());
  }
  at->second[index].swap(on_ready);
}

bool descriptor_set::unwatch(int fd, direction d) noexcept {
  const auto at = entries_.find(fd);
  if (at == entries_.end()) return false;
  const auto dropped = std::exchange(at->second[static_cast<std::size_t>(d)], nullptr);
  // It fails when the descriptor is closed, and so no longer in the set.
  const std::uint32_t events = events_of(at->second);
  static_cast<void>(tell(events != 0 ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, fd, events));
  if (events == 0) entries_.erase(at);
  return dropped != nullptr;
}

void descriptor_set::serve() {
  std::array<epoll_event, 64> ready;  // the others come first the next time
  const int count = ::epoll_wait(set_, ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    const auto at = entries_.find(event.data.fd);
    if (at == entries_.end()) continue;
    // Errors, and an end of the connection, are for both.
    if ((event.events & ~std::uint32_t{EPOLLOUT}) != 0 && at->second[0]) at->second[0]();
    if ((event.events & ~std::uint32_t{EPOLLIN}) != 0 && at->second[1]) at->second[1]();
  }
}

}  // namespace nakh::detail
