// SPDX-License-Identifier: BSL-1.0
#include <nakh/net/server.hpp>

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
#include <boost/asio/error.hpp>
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

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

// After the system had no room for a connection: asyncio's ACCEPT_RETRY_DELAY.
constexpr auto accept_pause = std::chrono::seconds(1);

std::size_t most_by_descriptors() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return static_cast<std::size_t>(-1);
  return static_cast<std::size_t>(limit.rlim_cur - limit.rlim_cur / 8);
}

bool says_no_room(const error_code& e) noexcept {
  return e == asio::error::no_descriptors || e == asio::error::no_buffer_space || e == asio::error::no_memory || e.value() == ENFILE;
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
      : loop_(get_running_loop()), options_(o), start_(std::move(start)), most_(o.max_connections.value_or(most_by_descriptors())) {
    if (most_ == 0) throw std::invalid_argument("nakh: a server with no connection at a time serves nobody");
  }
  server_core(const server_core&) = delete;
  server_core& operator=(const server_core&) = delete;

  void listen(const net::endpoint& at) {
    const std::string where = at.to_string();
    error_code error;
    const auto check = [&](const char* what) { throw_if(error, what + where); };
    if (is_file(at) && socket_file_at(where)) ::unlink(where.c_str());
    listener& l = listeners_.emplace_back(get_executor_of_loop());
    stream_acceptor& a = l.acceptor;
    a.open(stream_protocol_of(at), error);  // NOLINT(bugprone-unused-return-value)
    check("no socket to listen at ");
    const auto set = [&](int level, int option, bool wanted) {
      const int yes = wanted ? 1 : 0;
      if (wanted && ::setsockopt(a.native_handle(), level, option, &yes, sizeof yes) != 0) {
        error.assign(errno, asio::error::get_system_category());
        check("a socket option is refused at ");
      }
    };
    set(SOL_SOCKET, SO_REUSEADDR, options_.reuse_address && at.path().empty());
    set(SOL_SOCKET, SO_REUSEPORT, options_.reuse_port);
    set(IPPROTO_IPV6, IPV6_V6ONLY, at.family() == net::endpoint::kind::ipv6);
    a.bind(to_asio<stream_acceptor::endpoint_type>(at), error);  // NOLINT(bugprone-unused-return-value)
    check("cannot listen at ");
    if (is_file(at)) l.file = socket_file_at(where);
    a.listen(options_.backlog, error);  // NOLINT(bugprone-unused-return-value)
    check("cannot listen at ");
    l.at = from_asio(a.local_endpoint());
  }

  void start_serving() {
    if (closed_) throw usage_error("nakh: a closed server cannot serve");
    serving_ = true;
    accept_at_all();
  }
  void close() noexcept {
    if (std::exchange(closed_, true)) return;
    serving_ = false;
    if (pause_) pause_->cancel();
    for (listener& l : listeners_) {
      if (l.file && l.file == socket_file_at(std::string(l.at.path()))) ::unlink(std::string(l.at.path()).c_str());
      error_code ignored;
      l.acceptor.close(ignored);  // NOLINT(bugprone-unused-return-value)
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
  struct listener {
    explicit listener(const asio::io_context::executor_type& e) : acceptor(e) {}
    stream_acceptor acceptor;
    net::endpoint at{};
    std::optional<socket_file> file{};
    bool accepting = false;
  };

  /// Keeps the server while an accept is under way.
  class accept_handler {
   public:
    accept_handler(server_core& s, listener& l) noexcept : server_(&s), listener_(&l) { add_ref(s); }
    accept_handler(accept_handler&& other) noexcept : server_(std::exchange(other.server_, nullptr)), listener_(other.listener_) {}
    accept_handler& operator=(accept_handler&&) = delete;
    ~accept_handler() {
      if (server_ != nullptr) release(*server_);
    }
    void operator()(const error_code& error, stream_socket s) { server_->on_accept(*listener_, error, std::move(s)); }

   private:
    server_core* server_;
    listener* listener_;
  };

  ~server_core() = default;

  [[nodiscard]] asio::io_context::executor_type get_executor_of_loop() const { return io_context_of(loop_.core()).get_executor(); }

  void accept_at_all() {
    for (listener& l : listeners_) accept_at(l);
  }
  void accept_at(listener& l) {
    if (!serving_ || l.accepting || pausing_ || connections_.size() >= most_) return;
    l.accepting = true;
    l.acceptor.async_accept(get_executor_of_loop(), accept_handler(*this, l));
  }
  void on_accept(listener& l, const error_code& error, stream_socket s) {
    l.accepting = false;
    if (!serving_) return;
    if (!error) {
      try {
        begin(std::move(s));
      } catch (...) {
        pause("A connection could not be served");
      }
    } else if (says_no_room(error)) {
      report_and_pause("Accepting a connection: the system has no room", error);
    } else if (error != asio::error::connection_aborted && error != asio::error::operation_aborted && error != asio::error::interrupted) {
      report_and_pause("Accepting a connection failed", error);
    }
    accept_at(l);
  }

  void begin(stream_socket connected) {
    net::stream s = make_stream(loop_.core(), std::move(connected), options_.stream);
    stream_core& core = s.core();
    core.set_keeper(this);
    connections_.insert(&core);
    add_ref(*this);
    const task<> t = start_(std::move(s));
    // Here a task ends whose owner nobody is.
    t.add_done_callback([loop = &loop_, t] {
      if (t.cancelled()) return;
      if (const std::exception_ptr error = t.exception())
        loop->call_exception_handler(
            {.message = "Unhandled exception in a connection's handler", .exception = error, .source = t.get_name()});
    });
  }
  void on_gone(stream_core& s) noexcept override {
    connections_.erase(&s);
    note_end();
    try {
      accept_at_all();
    } catch (const std::exception&) {
      pause("Accepting a connection failed");
    }
    release(*this);
  }
  void note_end() noexcept {
    if (closed_ && connections_.empty()) gone_.set();
  }

  void report_and_pause(const char* what, const error_code& error) {
    try {
      throw_if(error, "accept");
    } catch (const std::system_error&) {
      pause(what);
    }
  }
  // While the error is handled. The waiting connections stay in the system's backlog.
  void pause(const char* what) noexcept {
    loop_.call_exception_handler({.message = what, .exception = std::current_exception()});
    if (std::exchange(pausing_, true) || closed_) return;
    add_ref(*this);
    try {
      pause_ = loop_.call_later(accept_pause, [owner = owner(this)] {
        owner->pausing_ = false;
        owner->accept_at_all();
      });
    } catch (...) {
      pausing_ = false;  // no memory for a timer
    }
  }
  struct owner {
    explicit owner(server_core* s) noexcept : server(s) {}
    owner(owner&& other) noexcept : server(std::exchange(other.server, nullptr)) {}
    owner& operator=(owner&&) = delete;
    ~owner() {
      if (server != nullptr) release(*server);
    }
    server_core* operator->() const noexcept { return server; }
    server_core* server;
  };

  friend void add_ref(server_core& s) noexcept;
  friend void release(server_core& s) noexcept;
  std::size_t references_ = 1;

  event_loop& loop_;
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
