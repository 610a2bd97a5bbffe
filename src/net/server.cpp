// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/server.hpp>

#include <nakh/detail/ref.hpp>
#include <nakh/error.hpp>
#include <nakh/event.hpp>
#include <nakh/future.hpp>
#include <nakh/loop.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <exception>
#include <string>
#include <system_error>
#include <unordered_set>

#include "resolve.hpp"
#include "sockets.hpp"
#include "stream_core.hpp"

namespace nakh::detail {

namespace {

// After the system had no room for a connection: asyncio's ACCEPT_RETRY_DELAY.
constexpr auto accept_pause = std::chrono::seconds(1);

std::size_t most_by_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return static_cast<std::size_t>(-1);
  return static_cast<std::size_t>(limit.rlim_cur - limit.rlim_cur / 8);
}

struct socket_file {
  dev_t device = 0;
  ino_t node = 0;
  bool operator==(const socket_file&) const = default;
};

std::optional<socket_file> socket_file_at(const std::string& path) noexcept {
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0 || !S_ISSOCK(s.st_mode)) return std::nullopt;
  return socket_file{s.st_dev, s.st_ino};
}

bool is_file(const net::endpoint& e) noexcept { return !e.path().empty() && e.path().front() != '\0'; }

}  // namespace

class server_core final : stream_keeper {
 public:
  server_core(const net::server_options& o, connection_starter start)
      : loop_(get_running_loop()),
        poller_(poller::of(loop_.core())),
        options_(o),
        start_(std::move(start)),
        most_(o.max_connections.value_or(most_by_descriptors())) {
    if (most_ == 0) throw std::invalid_argument("nakh: a server with no connection at a time serves nobody");
  }
  server_core(const server_core&) = delete;
  server_core& operator=(const server_core&) = delete;

  void listen(const net::endpoint& at) {
    const std::string where = at.to_string();
    if (is_file(at) && socket_file_at(where)) ::unlink(where.c_str());
    const int family = family_of(at);
    listener& l = listeners_.emplace_back(*this, ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int s = l.socket.get();
    if (s < 0) throw_errno("no socket to listen at " + where);
    const auto set = [&](int level, int option, bool wanted) {
      const int yes = 1;
      if (wanted && ::setsockopt(s, level, option, &yes, sizeof yes) != 0) throw_errno("a socket option is refused at " + where);
    };
    set(SOL_SOCKET, SO_REUSEADDR, options_.reuse_address && family != AF_UNIX);
    set(SOL_SOCKET, SO_REUSEPORT, options_.reuse_port);
    set(IPPROTO_IPV6, IPV6_V6ONLY, family == AF_INET6);
    if (::bind(s, static_cast<const sockaddr*>(at.data()), static_cast<socklen_t>(at.size())) != 0)
      throw_errno("cannot listen at " + where);
    if (is_file(at)) l.file = socket_file_at(where);
    if (::listen(s, options_.backlog) != 0) throw_errno("cannot listen at " + where);
    l.at = local_endpoint_of(s);
    poller_.add(s, l);
  }

  void start_serving() {
    if (closed_) throw usage_error("nakh: a closed server cannot serve");
    if (!serving_) poller_.begin_wait();
    serving_ = true;
    accept_at_all();
  }
  void close() noexcept {
    if (std::exchange(closed_, true)) return;
    if (std::exchange(serving_, false)) poller_.end_wait();
    if (pause_) pause_->cancel();
    for (listener& l : listeners_) {
      if (l.file && l.file == socket_file_at(std::string(l.at.path()))) ::unlink(std::string(l.at.path()).c_str());
      poller_.remove(l.socket.get(), l);
      l.socket.close();
    }
    if (forever_) forever_->cancel();
    note_end();
  }
  void serve_forever() {
    if (forever_) throw usage_error("nakh: another task is in serve_forever of this server");
    start_serving();
    forever_ = loop_.create_future<void>();
    try {
      forever_->await();
    } catch (const cancelled_error&) {
      forever_.reset();
      close();
      gone_.wait();
      throw;
    }
  }

  [[nodiscard]] std::vector<net::endpoint> endpoints() const {
    std::vector<net::endpoint> all;
    if (!closed_) std::ranges::transform(listeners_, std::back_inserter(all), &listener::at);
    return all;
  }
  [[nodiscard]] bool is_serving() const noexcept { return serving_; }
  [[nodiscard]] event& gone() noexcept { return gone_; }
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.size(); }

  /// For each connection; `f` may end it.
  template <class F>
  void for_each(F f) {
    const std::vector<stream_core*> all(connections_.begin(), connections_.end());
    for (stream_core* s : all) f(*s);
  }

 private:
  struct listener final : watched {
    listener(server_core& s, int descriptor) noexcept : server(s), socket(descriptor) {}
    void on_ready() noexcept override { server.accept_at(*this); }
    void on_shutdown() noexcept override {
      server.closed_ = true;
      server.serving_ = false;
      socket.close();
    }
    server_core& server;
    owned_descriptor socket;
    net::endpoint at{};
    std::optional<socket_file> file{};
  };

  ~server_core() = default;

  void accept_at_all() noexcept {
    for (listener& l : listeners_) accept_at(l);
  }
  // As many as the backlog may hold, or a flood of them would keep everybody else waiting; then the others have a turn.
  void accept_at(listener& l) noexcept {
    for (int i = 0; l.readable && serving_ && !pausing_ && connections_.size() < most_; ++i) {
      if (i == options_.backlog) return accept_later();
      owned_descriptor s(::accept4(l.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (s.get() >= 0) {
        begin(std::move(s));
      } else if (would_block(errno)) {
        l.readable = false;
        poller_.rearm(l.socket.get(), l);
      } else if (errno != EINTR && errno != ECONNABORTED) {
        const bool no_room = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
        const std::error_code error(errno, std::system_category());
        pause(no_room ? "Accepting a connection: the system has no room" : "Accepting a connection failed",
              std::make_exception_ptr(std::system_error(error, "nakh: accept")));
      }
    }
  }
  void accept_later() noexcept {
    try {
      loop_.call_soon([kept = ref<server_core>::share(this)] { kept->accept_at_all(); });
    } catch (...) {
      pause("Accepting a connection failed", std::current_exception());
    }
  }

  void begin(owned_descriptor connected) noexcept {
    try {
      net::stream s = make_stream(loop_.core(), std::move(connected), options_.stream);
      stream_core& core = s.core();
      connections_.insert(&core);
      core.set_keeper(this);
      add_ref(*this);
      const task<> t = start_(std::move(s));
      // Nobody else asks how it ended.
      t.add_done_callback([loop = &loop_, t] {
        if (t.cancelled()) return;
        if (const std::exception_ptr error = t.exception())
          loop->call_exception_handler(
              {.message = "Unhandled exception in a connection's handler", .exception = error, .source = t.get_name()});
      });
    } catch (...) {
      pause("A connection could not be served", std::current_exception());
    }
  }
  void on_gone(stream_core& s) noexcept override {
    connections_.erase(&s);
    note_end();
    accept_at_all();
    release(*this);
  }
  void on_replaced(stream_core& old, stream_core& now) noexcept override {
    // The set's own memory takes the other pointer.
    auto node = connections_.extract(&old);
    node.value() = &now;
    connections_.insert(std::move(node));
  }
  void note_end() noexcept {
    if (closed_ && connections_.empty()) gone_.set();
  }

  // The waiting connections stay in the system's backlog.
  void pause(const char* what, std::exception_ptr error) noexcept {
    loop_.call_exception_handler({.message = what, .exception = std::move(error)});
    if (std::exchange(pausing_, true) || closed_) return;
    try {
      pause_ = loop_.call_later(accept_pause, [this] {  // which `close` takes back
        pausing_ = false;
        accept_at_all();
      });
    } catch (...) {
      pausing_ = false;  // no memory for a timer
    }
  }

  friend void add_ref(server_core& s) noexcept;
  friend void release(server_core& s) noexcept;
  std::size_t references_ = 1;

  event_loop& loop_;
  poller& poller_;
  net::server_options options_;
  connection_starter start_;
  std::size_t most_;
  std::deque<listener> listeners_;
  std::unordered_set<stream_core*> connections_;
  bool serving_ = false;
  bool closed_ = false;
  bool pausing_ = false;
  std::optional<timer_handle> pause_;
  std::optional<future<void>> forever_;
  event gone_;
};

void add_ref(server_core& s) noexcept { ++s.references_; }
void release(server_core& s) noexcept {
  if (--s.references_ == 0) delete &s;
}

namespace {

server_core* open_at(const std::vector<net::endpoint>& all, const net::server_options& options, connection_starter start) {
  auto* const core = new server_core(options, std::move(start));
  try {
    for (const net::endpoint& e : all) core->listen(e);
    if (options.start_serving) core->start_serving();
    return core;
  } catch (...) {
    core->close();
    release(*core);
    throw;
  }
}

}  // namespace

server_core* open_server(const std::string& host, std::uint16_t port, const net::server_options& options, connection_starter start) {
  return open_at(look_up_in_thread(host, port, AI_PASSIVE), options, std::move(start));
}
server_core* open_server(const net::endpoint& at, const net::server_options& options, connection_starter start) {
  return open_at({at}, options, std::move(start));
}

}  // namespace nakh::detail

namespace nakh::net {

server& server::operator=(server&& other) noexcept {
  std::swap(core_, other.core_);
  return *this;
}

server::~server() {
  if (core_ == nullptr) return;
  core_->close();
  release(*core_);
}

detail::server_core& server::core() const {
  if (core_ == nullptr) throw usage_error("nakh: this server is none: it was moved from, or never started");
  return *core_;
}

std::vector<endpoint> server::endpoints() const { return core_ != nullptr ? core_->endpoints() : std::vector<endpoint>(); }
bool server::is_serving() const noexcept { return core_ != nullptr && core_->is_serving(); }
void server::start_serving() { core().start_serving(); }
void server::serve_forever() { core().serve_forever(); }
void server::close() noexcept {
  if (core_ != nullptr) core_->close();
}
void server::wait_closed() { core().gone().wait(); }
void server::close_clients() noexcept {
  if (core_ != nullptr) core_->for_each([](detail::stream_core& s) { s.close(); });
}
void server::abort_clients() noexcept {
  if (core_ != nullptr) core_->for_each([](detail::stream_core& s) { s.abort(); });
}
std::size_t server::connections() const noexcept { return core_ != nullptr ? core_->connections() : 0; }

}  // namespace nakh::net
