// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

// The system's calls fail when a test says so. Included by one file of a program: the functions below stand before the C library's.
namespace nakh::test {

enum class call : unsigned char { none, socket, connect, accept, recv, send, send_short, epoll_ctl, epoll_wait };

/// The one that is to fail.
inline struct {
  call which = call::none;
  int error = 0;
  int left = 0;  ///< So many succeed before.
  bool happened = false;
} fault;

inline bool fails(call c) {
  if (fault.which != c || fault.happened || fault.left-- > 0) return false;
  fault.happened = true;
  errno = fault.error;
  return true;
}

/// How one call fails.
struct way {
  call which;
  int error;
  bool harmless;  ///< Nobody notices.
};
/// Of the calls that carry a stream's bytes.
inline constexpr std::array<way, 9> ways_of_a_stream{{{call::recv, EINTR, true},
                                                      {call::recv, EAGAIN, true},
                                                      {call::recv, ECONNRESET, false},
                                                      {call::recv, ENOMEM, false},
                                                      {call::send, EINTR, true},
                                                      {call::send, EAGAIN, true},
                                                      {call::send, ECONNRESET, false},
                                                      {call::send, EPIPE, false},
                                                      {call::send_short, 0, true}}};

/// The message of the error that leaves `f`, of the system's the error alone; "nothing" when none does.
template <class F>
std::string complaint_of(F&& f) {
  try {
    std::forward<F>(f)();
    return "nothing";
  } catch (const std::system_error& e) {
    return e.code().message();
  } catch (const std::exception& e) {
    return e.what();
  }
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace nakh::test

extern "C" int socket(int domain, int type, int protocol) noexcept {
  static auto* const next = nakh::test::real<int(int, int, int)>("socket");
  return nakh::test::fails(nakh::test::call::socket) ? -1 : next(domain, type, protocol);
}
extern "C" int connect(int fd, const sockaddr* to, socklen_t size) {
  static auto* const next = nakh::test::real<int(int, const sockaddr*, socklen_t)>("connect");
  return nakh::test::fails(nakh::test::call::connect) ? -1 : next(fd, to, size);
}
extern "C" int accept4(int fd, sockaddr* from, socklen_t* size, int flags) {
  static auto* const next = nakh::test::real<int(int, sockaddr*, socklen_t*, int)>("accept4");
  return nakh::test::fails(nakh::test::call::accept) ? -1 : next(fd, from, size, flags);
}
extern "C" ssize_t recv(int fd, void* room, size_t size, int flags) {
  static auto* const next = nakh::test::real<ssize_t(int, void*, size_t, int)>("recv");
  return nakh::test::fails(nakh::test::call::recv) ? -1 : next(fd, room, size, flags);
}
extern "C" ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  static auto* const next = nakh::test::real<ssize_t(int, const void*, size_t, int)>("send");
  if (nakh::test::fails(nakh::test::call::send)) return -1;
  return next(fd, bytes, nakh::test::fails(nakh::test::call::send_short) ? 1 : size, flags);
}
// Adding alone takes memory.
extern "C" int epoll_ctl(int epoll, int what, int fd, epoll_event* event) noexcept {
  static auto* const next = nakh::test::real<int(int, int, int, epoll_event*)>("epoll_ctl");
  return what == EPOLL_CTL_ADD && nakh::test::fails(nakh::test::call::epoll_ctl) ? -1 : next(epoll, what, fd, event);
}
extern "C" int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  static auto* const next = nakh::test::real<int(int, epoll_event*, int, int)>("epoll_wait");
  return nakh::test::fails(nakh::test::call::epoll_wait) ? -1 : next(epoll, events, most, timeout);
}
