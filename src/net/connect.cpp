// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/connect.hpp>

#include <nakh/asio.hpp>
#include <nakh/event.hpp>
#include <nakh/task_group.hpp>
#include <nakh/thread.hpp>
#include <nakh/timeout.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <exception>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "resolve.hpp"
#include "sockets.hpp"

namespace nakh::detail {

std::vector<net::endpoint> look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;  // each address once
  hints.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), std::to_string(port).c_str(), &hints, &found);
  const std::string what = "nakh: the address of '" + host + "'";
  if (failed == EAI_SYSTEM) throw std::system_error(errno, std::system_category(), what);
  if (failed != 0) throw std::system_error(std::error_code(failed, boost::asio::error::get_addrinfo_category()), what);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned(found, &::freeaddrinfo);
  std::vector<net::endpoint> all;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    const auto e = net::endpoint::of_sockaddr(a->ai_addr, a->ai_addrlen);
    if (std::ranges::find(all, e) == all.end()) all.push_back(e);
  }
  return all;
}

std::vector<net::endpoint> look_up_in_thread(const std::string& host, std::uint16_t port, int flags) {
  if (host.find('\0') != std::string::npos) throw std::invalid_argument("nakh: a host's name has a zero byte");
  try {
    return {net::endpoint(host, port)};
  } catch (const std::invalid_argument&) {
    return to_thread([host, port, flags] { return look_up(host, port, flags); });
  }
}

}  // namespace nakh::detail

namespace nakh::net {

namespace {

detail::owned_descriptor connect(const endpoint& to, const connect_options& options) {
  detail::stream_socket s(get_executor());
  boost::system::error_code error;
  const auto check = [&](const char* what) { detail::throw_if(error, std::string(what) + to.to_string()); };
  const int family = detail::family_of(to);
  s.open({family, family == AF_UNIX ? 0 : IPPROTO_TCP}, error);  // NOLINT(bugprone-unused-return-value)
  check("no socket to connect to ");
  if (options.local) {
    s.bind(detail::to_asio<detail::stream_socket::endpoint_type>(*options.local), error);  // NOLINT(bugprone-unused-return-value)
    check("no local address to connect to ");
  }
  s.async_connect(detail::to_asio<detail::stream_socket::endpoint_type>(to), use_fiber[error]);
  check("cannot connect to ");
  return detail::owned_descriptor(s.release());
}

// The families by turns, beginning with the one that the system wants first (RFC 8305, section 4).
std::vector<endpoint> interleave(const std::vector<endpoint>& all) {
  std::vector<endpoint> first;
  std::vector<endpoint> second;
  for (const endpoint& e : all) (e.family() == all.front().family() ? first : second).push_back(e);
  std::vector<endpoint> mixed;
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < second.size()) mixed.push_back(second[i]);
  }
  return mixed;
}

// Attempts to connect, one of which wins.
class race {
 public:
  explicit race(const connect_options& options) noexcept : options_(options) {}

  detail::owned_descriptor run(std::span<const endpoint> all) {
    std::vector<task<>> attempts;
    task_group::run([&](task_group& group) {
      for (const endpoint& e : all) {
        changed_.clear();
        ++running_;
        attempts.push_back(group.async([this, &e] { attempt(e); }));
        wait_for(options_.attempt_delay);
        if (winner_) break;
      }
      while (!winner_ && running_ > 0) {
        changed_.clear();
        changed_.wait();
      }
      for (const auto& a : attempts) a.cancel();
    });
    if (winner_) return *std::move(winner_);
    throw std::system_error(code_, "nakh: cannot connect: " + errors_);
  }

 private:
  void attempt(const endpoint& e) {
    try {
      detail::owned_descriptor s = connect(e, options_);
      if (!winner_) winner_ = std::move(s);
    } catch (const std::system_error& error) {
      code_ = error.code();
      errors_ += (errors_.empty() ? "" : "; ") + e.to_string() + ": " + code_.message();
    }
    --running_;
    changed_.set();
  }
  void wait_for(delay limit) {
    try {
      timeout(limit, [this] { changed_.wait(); });
    } catch (const timeout_error&) {
      // The next one, while this one goes on.
    }
  }

  const connect_options& options_;
  std::optional<detail::owned_descriptor> winner_;
  event changed_;
  int running_ = 0;
  std::error_code code_;
  std::string errors_;
};

}  // namespace

std::vector<endpoint> resolve(const std::string& host, std::uint16_t port) { return detail::look_up_in_thread(host, port, 0); }

stream open_connection(const endpoint& to, const connect_options& options) {
  if (to.family() == endpoint::kind::none) throw std::invalid_argument("nakh: an endpoint that is none cannot be connected to");
  return detail::make_stream(get_running_loop().core(), connect(to, options), options.stream);
}

stream open_connection(const std::string& host, std::uint16_t port, const connect_options& options) {
  std::vector<endpoint> all = resolve(host, port);
  if (all.size() == 1) return open_connection(all.front(), options);
  if (options.attempt_delay.value() != duration::max()) all = interleave(all);
  return detail::make_stream(get_running_loop().core(), race(options).run(all), options.stream);
}

stream adopt_socket(int connected, const stream_options& options) {
  detail::owned_descriptor s(connected);
  int type = 0;
  socklen_t size = sizeof type;
  if (::getsockopt(s.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    if (type != 0) errno = EPROTOTYPE;
    detail::throw_errno("no stream over descriptor " + std::to_string(connected));
  }
  detail::set_non_blocking(s.get());
  return detail::make_stream(get_running_loop().core(), std::move(s), options);
}

stream open_unix_connection(const std::string& path, const connect_options& options) {
  return open_connection(endpoint::of_path(path), options);
}

}  // namespace nakh::net
