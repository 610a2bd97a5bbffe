// SPDX-License-Identifier: BSL-1.0
#include <nakh/subprocess.hpp>

#include <nakh/error.hpp>
#include <nakh/event.hpp>
#include <nakh/loop.hpp>
#include <nakh/stackless/subprocess.hpp>
#include <nakh/stackless/sync.hpp>
#include <nakh/task_group.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "poller.hpp"
#include "sockets.hpp"
#include "stream_core.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves it to programs

namespace nakh {

namespace {

using detail::io_result;
using detail::owned_descriptor;
using detail::throw_errno;

// glibc has names for these only since 2.36.
int pidfd_open(pid_t pid) noexcept { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int pidfd_send_signal(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

constexpr auto by_pidfd = static_cast<idtype_t>(3);  // P_PIDFD

/// The reading end of a pipe.
class pipe_channel final : public detail::channel {
 public:
  explicit pipe_channel(owned_descriptor d) noexcept : pipe_(std::move(d)) {}

  [[nodiscard]] io_result read(std::span<char> room, bool peer_ended) noexcept override {
    ssize_t n = 0;
    do {
      n = ::read(pipe_.get(), room.data(), room.size());
    } while (n < 0 && errno == EINTR);
    if (n >= 0) {
      const auto size = static_cast<std::size_t>(n);
      return {.size = size, .needs_readable = size < room.size() && !peer_ended, .ended = n == 0};
    }
    if (detail::would_block(errno)) return {.needs_readable = true, .blocked = true};
    io_result r;
    r.error.assign(errno, boost::system::system_category());
    return r;
  }
  [[nodiscard]] io_result write(std::string_view /*bytes*/) noexcept override { return {.error = not_for_writing()}; }
  [[nodiscard]] bool can_write_eof() const noexcept override { return false; }
  [[nodiscard]] io_result write_eof() noexcept override { return {.error = not_for_writing()}; }
  void close(bool /*reset*/) noexcept override { pipe_.close(); }
  [[nodiscard]] int descriptor() const noexcept override { return pipe_.get(); }

 private:
  static boost::system::error_code not_for_writing() noexcept { return {EBADF, boost::system::system_category()}; }
  owned_descriptor pipe_;
};

/// Two ends of something, the parent's and the child's.
struct ends {
  owned_descriptor parents;
  owned_descriptor childs;
};

// Not one of the three standard numbers, which the child's are moved to one after the other.
owned_descriptor above_standard(owned_descriptor d) {
  if (d.get() > STDERR_FILENO) return d;
  owned_descriptor moved(::fcntl(d.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (moved.get() < 0) throw_errno("no descriptor for a child's pipe");
  return moved;
}

ends open_input() {
  std::array<int, 2> both{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) != 0) throw_errno("no socket for a child's input");
  ends e{owned_descriptor(both[0]), owned_descriptor(both[1])};
  // The child reads only, so that it finds the end when the parent has closed.
  ::shutdown(both[1], SHUT_WR);
  detail::set_non_blocking(both[0]);
  return {above_standard(std::move(e.parents)), above_standard(std::move(e.childs))};
}

ends open_output() {
  std::array<int, 2> both{};
  if (::pipe2(both.data(), O_CLOEXEC) != 0) throw_errno("no pipe for a child's output");
  ends e{owned_descriptor(both[0]), owned_descriptor(both[1])};
  detail::set_non_blocking(both[0]);
  return {above_standard(std::move(e.parents)), above_standard(std::move(e.childs))};
}

void require(int error, const std::string& what) {
  if (error != 0) throw std::system_error(error, std::system_category(), "nakh: " + what);
}

/// What the system is told of a child before it is started.
class plan {
 public:
  plan() {
    require(::posix_spawn_file_actions_init(&actions_), "a child process");
    require(::posix_spawnattr_init(&attributes_), "a child process");
  }
  plan(const plan&) = delete;
  plan& operator=(const plan&) = delete;
  ~plan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }

  void move_to(const owned_descriptor& d, int number) { require(::posix_spawn_file_actions_adddup2(&actions_, d.get(), number), "a pipe"); }
  void share(int from, int number) { require(::posix_spawn_file_actions_adddup2(&actions_, from, number), "a pipe"); }
  void close_to(int number, int flags) {
    require(::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", flags, 0), "/dev/null");
  }
  void work_in(const std::string& directory) {
    require(::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str()), "the directory " + directory);
  }

  pid_t start(const std::vector<std::string>& arguments, const subprocess_options& options) {
    // As Python's: what a parent ignores for itself a child expects to end it.
    sigset_t defaults;
    ::sigemptyset(&defaults);
    ::sigaddset(&defaults, SIGPIPE);
    ::sigaddset(&defaults, SIGXFSZ);
    ::posix_spawnattr_setsigdefault(&attributes_, &defaults);
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(POSIX_SPAWN_SETSIGDEF | (options.new_group ? POSIX_SPAWN_SETPGROUP : 0)));
    const auto argv = pointers(arguments);
    const auto envp = options.environment ? pointers(*options.environment) : std::vector<char*>();
    pid_t pid = -1;
    require(::posix_spawnp(&pid, argv.front(), &actions_, &attributes_, argv.data(), options.environment ? envp.data() : environ),
            "cannot start '" + arguments.front() + "'" + (options.directory ? " in " + *options.directory : ""));
    return pid;
  }

 private:
  static std::vector<char*> pointers(const std::vector<std::string>& all) {
    std::vector<char*> p;
    for (const std::string& each : all) {
      if (each.find('\0') != std::string::npos) throw std::invalid_argument("nakh: an argument of a child process has a zero byte");
      p.push_back(const_cast<char*>(each.c_str()));  // for C, which does not change it
    }
    p.push_back(nullptr);
    return p;
  }
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

struct subprocess::state final : detail::watched {
  state(detail::loop_core& l, pid_t p, owned_descriptor fd) : poller(detail::poller::of(l)), id(p), pidfd(std::move(fd)) {}
  ~state() { end(); }
  state(const state&) = delete;
  state& operator=(const state&) = delete;

  void watch() {
    poller.add(pidfd.get(), *this);
    poller.begin_wait();
    watching = true;
  }
  void on_ready() noexcept override {
    if (readable) reap(WNOHANG);
  }
  void reap(int how) noexcept {
    siginfo_t info{};
    int failed = 0;
    do {
      failed = ::waitid(by_pidfd, static_cast<id_t>(pidfd.get()), &info, WEXITED | how);
    } while (failed != 0 && errno == EINTR);
    if (failed == 0 && info.si_pid == 0) return;  // it runs
    // Somebody else who waited for it knows how it ended: asyncio calls that 255.
    code = failed != 0 ? 255 : info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    if (std::exchange(watching, false)) {
      poller.remove(pidfd.get());
      poller.end_wait();
    }
    ended.set();
  }
  void end() noexcept {
    for (net::stream& s : streams) s.close();
    if (code) return;
    reap(WNOHANG);
    if (code) return;
    pidfd_send_signal(pidfd.get(), SIGKILL);
    reap(0);
  }

  detail::poller& poller;
  pid_t id;
  owned_descriptor pidfd;
  bool watching = false;
  std::optional<int> code;
  event ended;
  std::array<net::stream, 3> streams;
};

namespace {

std::unique_ptr<subprocess::state> start(const std::vector<std::string>& arguments, const subprocess_options& options) {
  if (arguments.empty()) throw std::invalid_argument("nakh: a child process needs a program's name");
  if (options.input == redirect::to_output || options.output == redirect::to_output)
    throw std::invalid_argument("nakh: only a child's error can lead where its output does");
  detail::loop_core& loop = get_running_loop().core();
  plan p;
  std::array<std::optional<ends>, 3> pipes;
  const std::array<redirect, 3> wanted{options.input, options.output, options.error};
  for (int number = STDIN_FILENO; number <= STDERR_FILENO; ++number) {
    const auto i = static_cast<std::size_t>(number);
    switch (wanted[i]) {
      case redirect::inherit:
        break;
      case redirect::pipe:
        pipes[i] = number == STDIN_FILENO ? open_input() : open_output();
        p.move_to(pipes[i]->childs, number);
        break;
      case redirect::null:
        p.close_to(number, number == STDIN_FILENO ? O_RDONLY : O_WRONLY);
        break;
      case redirect::to_output:
        p.share(STDOUT_FILENO, number);
        break;
    }
  }
  if (options.directory) p.work_in(*options.directory);
  const pid_t pid = p.start(arguments, options);
  owned_descriptor pidfd(pidfd_open(pid));
  if (pidfd.get() < 0) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    require(error, "a child process cannot be watched; this takes Linux 5.4 or newer, and SIGCHLD that is not ignored");
  }
  auto child = std::make_unique<subprocess::state>(loop, pid, std::move(pidfd));
  for (std::size_t i = 0; i < pipes.size(); ++i) {
    if (!pipes[i]) continue;
    pipes[i]->childs.close();
    auto channel = i == STDIN_FILENO ? detail::make_socket_channel(std::move(pipes[i]->parents))
                                     : std::make_unique<pipe_channel>(std::move(pipes[i]->parents));
    child->streams[i] = detail::make_stream(loop, std::move(channel), options.stream);
  }
  child->watch();
  return child;
}

void feed(net::stream& to, std::string_view bytes) {
  try {
    to.write(bytes);
    to.drain();
  } catch (const std::system_error& e) {
    if (e.code() != std::errc::broken_pipe && e.code() != std::errc::connection_reset) throw;
  }
  to.close();
}

}  // namespace

subprocess::subprocess(std::unique_ptr<state> s) noexcept : state_(std::move(s)) {}
subprocess::subprocess(subprocess&& other) noexcept = default;
subprocess& subprocess::operator=(subprocess&& other) noexcept = default;
subprocess::~subprocess() = default;

subprocess::state& subprocess::open() const {
  if (!state_) throw usage_error("nakh: this subprocess is none: it was moved from");
  return *state_;
}

namespace {

net::stream& piped(net::stream& s, const char* what) {
  if (!s) throw usage_error(std::string("nakh: the child's ") + what + " is not piped; say redirect::pipe when it is started");
  return s;
}

}  // namespace

net::stream& subprocess::input() { return piped(open().streams[STDIN_FILENO], "input"); }
net::stream& subprocess::output() { return piped(open().streams[STDOUT_FILENO], "output"); }
net::stream& subprocess::error() { return piped(open().streams[STDERR_FILENO], "error"); }
bool subprocess::has_input() const noexcept { return state_ && state_->streams[STDIN_FILENO]; }
bool subprocess::has_output() const noexcept { return state_ && state_->streams[STDOUT_FILENO]; }
bool subprocess::has_error() const noexcept { return state_ && state_->streams[STDERR_FILENO]; }
int subprocess::pid() const noexcept { return state_ ? state_->id : -1; }
std::optional<int> subprocess::return_code() const noexcept { return state_ ? state_->code : std::nullopt; }

int subprocess::wait() {
  state& s = open();
  s.ended.wait();
  return *s.code;
}

subprocess::outputs subprocess::communicate(std::string_view input) {
  state& s = open();
  if (!input.empty()) piped(s.streams[STDIN_FILENO], "input");
  outputs all;
  task_group::run([&](task_group& group) {
    if (has_input()) static_cast<void>(group.async([&] { feed(s.streams[STDIN_FILENO], input); }));
    if (has_output()) static_cast<void>(group.async([&] { all.output = s.streams[STDOUT_FILENO].read_all(); }));
    if (has_error()) static_cast<void>(group.async([&] { all.error = s.streams[STDERR_FILENO].read_all(); }));
  });
  s.ended.wait();
  return all;
}

void subprocess::send_signal(int signal) {
  const state& s = open();
  if (s.code) throw std::system_error(ESRCH, std::system_category(), "nakh: the child process has ended");
  if (pidfd_send_signal(s.pidfd.get(), signal) != 0 && errno != ESRCH)
    throw_errno("signal " + std::to_string(signal) + " to a child process");
}
void subprocess::terminate() { send_signal(SIGTERM); }
void subprocess::kill() { send_signal(SIGKILL); }
void subprocess::close() noexcept {
  if (state_) state_->end();
}

subprocess create_subprocess(const std::vector<std::string>& arguments, const subprocess_options& options) {
  return subprocess(start(arguments, options));
}
subprocess create_subprocess_shell(const std::string& command, const subprocess_options& options) {
  return create_subprocess({"/bin/sh", "-c", command}, options);
}

namespace stackless {

task<int> wait(subprocess& child) {
  co_return co_await nakh::async([&] { return child.wait(); });
}
task<subprocess::outputs> communicate(subprocess& child, std::string input) {
  co_return co_await nakh::async([&] { return child.communicate(input); });
}

}  // namespace stackless

}  // namespace nakh
