// SPDX-License-Identifier: BSL-1.0
#include <nakh/subprocess.hpp>

#include <nakh/detail/ref.hpp>
#include <nakh/error.hpp>
#include <nakh/gather.hpp>
#include <nakh/loop.hpp>
#include <nakh/stackless/net.hpp>
#include <nakh/stackless/subprocess.hpp>
#include <nakh/stackless/sync.hpp>
#include <nakh/stackless/wait.hpp>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <stdexcept>
#include <system_error>
#include <tuple>

#include "pipe_channel.hpp"
#include "sockets.hpp"
#include "stream_core.hpp"

namespace nakh::detail {

using boost::system::error_code;

namespace {

// What the system's headers of older machines do not name; the kernel's own numbers.
constexpr auto by_pidfd = static_cast<idtype_t>(3);
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

#ifdef __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 34)
#define NAKH_CAN_CLOSE_FROM
#endif
#endif

// Nobody can tell any more: asyncio's number for it.
constexpr int unknown_code = 255;

enum : std::size_t { input, output, error_output };

void check_no_zero(const std::string& text, const char* what) {
  if (text.find('\0') != std::string::npos) throw std::invalid_argument(std::string("nakh: ") + what + " has a zero byte");
}

void check(const std::vector<std::string>& arguments, const subprocess_options& options) {
  if (arguments.empty()) throw std::invalid_argument("nakh: a child process needs a program to run");
  for (const std::string& a : arguments) check_no_zero(a, "a child's argument");
  check_no_zero(options.directory, "a child's directory");
  if (options.standard_input == stdio::merge || options.standard_output == stdio::merge)
    throw std::invalid_argument("nakh: only the standard error can be merged, into the standard output");
  if (!options.environment) return;
  for (const auto& [name, value] : *options.environment) {
    if (name.empty() || name.find('=') != std::string::npos)
      throw std::invalid_argument("nakh: '" + name + "' is no name of an environment's variable");
    check_no_zero(name, "a name of a child's environment");
    check_no_zero(value, "a value of a child's environment");
  }
}

[[noreturn]] void throw_system(int error, const std::string& what) {
  throw std::system_error(error, std::system_category(), "nakh: " + what);
}

void throw_unless_0(int error) {
  if (error != 0) throw_system(error, "what a child process is to do");
}

/// What a child does before its program begins.
class spawn_plan {
 public:
  spawn_plan() {
    throw_unless_0(::posix_spawn_file_actions_init(&actions_));
    if (const int error = ::posix_spawnattr_init(&attributes_)) {
      ::posix_spawn_file_actions_destroy(&actions_);
      throw_unless_0(error);
    }
  }
  spawn_plan(const spawn_plan&) = delete;
  spawn_plan& operator=(const spawn_plan&) = delete;
  ~spawn_plan() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  void give(const owned_descriptor& d, int as) { throw_unless_0(::posix_spawn_file_actions_adddup2(&actions_, d.get(), as)); }
  void give_null(int as) {
    throw_unless_0(::posix_spawn_file_actions_addopen(&actions_, as, "/dev/null", as == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0));
  }
  void merge_error() { throw_unless_0(::posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO)); }

  /// The rest, behind the streams.
  void finish(const subprocess_options& options) {
#ifdef NAKH_CAN_CLOSE_FROM
    // Others may have opened descriptors that do not close by themselves.
    throw_unless_0(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
#endif
    if (!options.directory.empty()) throw_unless_0(::posix_spawn_file_actions_addchdir_np(&actions_, options.directory.c_str()));
    sigset_t signals;
    ::sigemptyset(&signals);
    throw_unless_0(::posix_spawnattr_setsigmask(&attributes_, &signals));
    // What programs of networks ignore, and others live by. A handler ends by itself; what nohup ignores, its children should too.
    ::sigaddset(&signals, SIGPIPE);
    ::sigaddset(&signals, SIGXFSZ);
    throw_unless_0(::posix_spawnattr_setsigdefault(&attributes_, &signals));
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (options.new_process_group) flags |= POSIX_SPAWN_SETPGROUP;
    throw_unless_0(::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags)));
  }

  using start_function = decltype(&::posix_spawn);
  /// The error; 0 when the child runs its program.
  int start(start_function how, pid_t& pid, const char* program, char* const* arguments, char* const* environment) const {
    return how(&pid, program, &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// Above the three, so that no stream takes the place of one that is still to be given.
owned_descriptor above_standard(owned_descriptor d) {
  if (d.get() > STDERR_FILENO) return d;
  const int moved = ::fcntl(d.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (moved < 0) throw_system(errno, "a descriptor");
  return owned_descriptor(moved);
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& t : texts) all.push_back(t.data());
  all.push_back(nullptr);
  return all;
}

// posix_spawnp knows this process's PATH only. As there: a program that may not be run is remembered, and looked for further.
int start_along(const std::string& path, const spawn_plan& plan, pid_t& pid, char* const* arguments, char* const* environment) {
  int found = ENOENT;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = begin == end ? "." : path.substr(begin, end - begin);
    const int error = plan.start(&::posix_spawn, pid, (folder + "/" + arguments[0]).c_str(), arguments, environment);
    if (error == EACCES) {
      found = error;
    } else if (error != ENOENT && error != ENOTDIR) {
      return error;
    }
    begin = end + 1;
  }
  return found;
}

pid_t start(std::vector<std::string> arguments, const subprocess_options& options, const spawn_plan& plan) {
  const std::vector<char*> given = pointers_to(arguments);
  pid_t pid = 0;
  int error = 0;
  if (!options.environment) {
    error = plan.start(&::posix_spawnp, pid, given[0], given.data(), environ);
  } else {
    std::vector<std::string> variables;
    for (const auto& [name, value] : *options.environment) variables.emplace_back(name).append("=").append(value);
    const std::vector<char*> environment = pointers_to(variables);
    if (arguments[0].find('/') != std::string::npos) {
      error = plan.start(&::posix_spawn, pid, given[0], given.data(), environment.data());
    } else {
      const auto path = options.environment->find("PATH");
      error = start_along(path != options.environment->end() ? path->second : "/bin:/usr/bin", plan, pid, given.data(), environment.data());
    }
  }
  if (error != 0) {
    throw_system(error, "cannot run '" + arguments[0] + "'" + (options.directory.empty() ? "" : " in '" + options.directory + "'"));
  }
  return pid;
}

// None: it is over, and the system has no record of it. Linux 5.3 has the descriptor, and 5.4 can take the record by it.
owned_descriptor open_pidfd(pid_t pid) {
  owned_descriptor child(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (child.get() < 0 && errno == ESRCH) return child;
  siginfo_t ignored{};
  const bool failed = child.get() < 0 ||
                      (::waitid(by_pidfd, static_cast<id_t>(child.get()), &ignored, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == EINVAL);
  if (failed && (errno == ENOSYS || errno == EINVAL)) throw_system(ENOSYS, "child processes need Linux 5.4 or newer");
  if (failed) throw_system(errno, "a child process that cannot be watched");
  return child;
}

// What Asio waits with for any descriptor.
using watched_descriptor = boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

watched_descriptor watch(loop_core& loop, owned_descriptor d) {
  watched_descriptor watched(io_context_of(loop).get_executor());
  error_code error;
  watched.assign(d.get(), error);  // NOLINT(bugprone-unused-return-value)
  throw_if(error, "a descriptor cannot be waited for");
  static_cast<void>(d.release());
  watched.non_blocking(true, error);  // NOLINT(bugprone-unused-return-value)
  throw_if(error, "a descriptor cannot be made not to block");
  return watched;
}

}  // namespace

/// A child. It lasts as long as its owner, or a wait of the loop's for its end, refers to it.
class subprocess_core {
 public:
  explicit subprocess_core(loop_core& l) : loop_(l), watched_(io_context_of(l).get_executor()) {}
  subprocess_core(const subprocess_core&) = delete;
  subprocess_core& operator=(const subprocess_core&) = delete;
  void add_ref() noexcept { ++references_; }
  [[gnu::noinline]] void release() noexcept {  // inlined twice in a row, GCC 12 takes the second for a use after the first
    if (--references_ == 0) delete this;
  }

  void run(const std::vector<std::string>& arguments, const subprocess_options& options) {
    {
      spawn_plan plan;
      std::array<owned_descriptor, 3> theirs;
      connect(plan, theirs, input, options.standard_input, options);
      connect(plan, theirs, output, options.standard_output, options);
      connect(plan, theirs, error_output, options.standard_error, options);
      plan.finish(options);
      pid_ = start(arguments, options, plan);
    }
    owned_descriptor child = open_pidfd(pid_);
    if (child.get() < 0) return set_code(unknown_code);
    watched_ = watch(loop_, std::move(child));
    wait_for_end();
  }

  [[nodiscard]] net::stream& stream(std::size_t which) noexcept { return streams_[which]; }
  [[nodiscard]] bool is_piped(std::size_t which) const noexcept { return static_cast<bool>(streams_[which]); }
  [[nodiscard]] net::stream& stream_that_is_piped(std::size_t which) {
    static constexpr std::array names{"input", "output", "error"};
    net::stream& s = streams_[which];
    if (!s) throw usage_error(std::string("nakh: this child's standard ") + names[which] + " was not piped; ask for stdio::pipe");
    return s;
  }
  [[nodiscard]] int pid() const noexcept { return pid_; }
  [[nodiscard]] const std::optional<int>& code() const noexcept { return code_; }
  [[nodiscard]] event& ended() noexcept { return ended_; }

  void send_signal(int number) {
    if (code_) throw_system(ESRCH, "the process " + std::to_string(pid_) + " has ended, with " + std::to_string(*code_));
    if (!signal(number) && errno != ESRCH) throw_system(errno, "signal " + std::to_string(number));
  }
  void close() noexcept {
    // First of all, so that no closed pipe ends it otherwise.
    if (!has_ended()) signal(SIGKILL);
    for (net::stream& s : streams_) s.close();
  }

 private:
  /// What the loop calls when the child has ended.
  class end_handler {
   public:
    explicit end_handler(subprocess_core& p) noexcept : process_(ref<subprocess_core>::share(&p)), memory_(p.memory_), end_(p.loop_) {}
    void operator()(const error_code& /*error*/) {
      if (!process_->has_ended()) process_->wait_for_end();
    }

    using allocator_type = frame_allocator<void>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return memory_; }

   private:
    ref<subprocess_core> process_;
    frame_allocator<void> memory_;
    io_expected end_;
  };

  // Without a watch that goes on: the loop has gone, or the watch could not begin. A killed child is gone in a moment.
  ~subprocess_core() {
    if (pid_ == 0 || code_) return;
    siginfo_t ignored{};
    if (!watched_.is_open()) {
      // Its number is its own until this takes its record.
      ::kill(pid_, SIGKILL);
      while (::waitid(P_PID, static_cast<id_t>(pid_), &ignored, WEXITED) < 0 && errno == EINTR) {
      }
      return;
    }
    signal(SIGKILL);
    pollfd end{.fd = watched_.native_handle(), .events = POLLIN, .revents = 0};
    while (::poll(&end, 1, -1) < 0 && errno == EINTR) {
    }
    has_ended();
  }

  void connect(spawn_plan& plan, std::array<owned_descriptor, 3>& theirs, std::size_t which, stdio where,
               const subprocess_options& options) {
    const int fd = static_cast<int>(which);
    if (where == stdio::null) return plan.give_null(fd);
    if (where == stdio::merge) return plan.merge_error();
    if (where == stdio::inherit) return;
    pipe_ends ends = make_pipe();
    if (which == input) {
      theirs[which] = above_standard(std::move(ends.reading));
      streams_[which] = make_stream(loop_, make_pipe_writer(std::move(ends.writing)), options.stream);
    } else {
      theirs[which] = above_standard(std::move(ends.writing));
      streams_[which] = make_stream(loop_, make_pipe_reader(std::move(ends.reading)), options.stream);
    }
    plan.give(theirs[which], fd);
  }

  void wait_for_end() { watched_.async_wait(watched_descriptor::wait_read, end_handler(*this)); }

  /// Whether it has; then takes the system's record of it.
  bool has_ended() noexcept {
    if (code_) return true;
    siginfo_t info{};
    const int failed = ::waitid(by_pidfd, static_cast<id_t>(watched_.native_handle()), &info, WEXITED | WNOHANG);
    if (failed == 0 && info.si_pid == 0) return false;
    if (failed != 0) {
      set_code(unknown_code);
    } else {
      set_code(info.si_code == CLD_EXITED ? info.si_status : -info.si_status);
    }
    error_code ignored;
    watched_.close(ignored);  // NOLINT(bugprone-unused-return-value): void in some of Asio's configurations
    return true;
  }
  void set_code(int code) noexcept {
    code_ = code;
    ended_.set();
  }
  bool signal(int number) noexcept { return ::syscall(SYS_pidfd_send_signal, watched_.native_handle(), number, nullptr, 0) == 0; }

  std::size_t references_ = 1;
  loop_core& loop_;
  std::array<net::stream, 3> streams_;
  pid_t pid_ = 0;
  watched_descriptor watched_;  ///< The child itself, until its record is taken.
  std::optional<int> code_;
  event ended_;
  frame_memory memory_;
};

namespace {

using process_ref = ref<subprocess_core>;

// What the two models' ways to communicate have in common.
void begin_to_communicate(subprocess_core& p, std::string_view given) {
  if (!given.empty()) p.stream_that_is_piped(input).write(given);
  if (p.is_piped(input)) p.stream(input).close();
}
event* fed(subprocess_core& p) { return p.is_piped(input) ? &p.stream(input).core().drained() : nullptr; }

void close_outputs(subprocess_core& p) noexcept {
  p.stream(output).close();
  p.stream(error_output).close();
}

std::string read_all(const process_ref& p, std::size_t which) { return p->is_piped(which) ? p->stream(which).read_all() : std::string(); }

stackless::task<std::string> read_all_as_coroutine(process_ref p, std::size_t which) {
  if (!p->is_piped(which)) co_return std::string();
  co_return co_await stackless::read_all(p->stream(which));
}

stackless::task<int> wait_as_coroutine(process_ref p) {
  co_await stackless::wait(p->ended());
  co_return *p->code();  // NOLINT(bugprone-unchecked-optional-access): it has ended
}

stackless::task<subprocess_output> communicate_as_coroutine(process_ref p, std::string given) {
  begin_to_communicate(*p, given);
  subprocess_output all;
  if (p->is_piped(output) && p->is_piped(error_output)) {
    auto both = co_await stackless::gather(read_all_as_coroutine(p, output), read_all_as_coroutine(p, error_output));
    std::tie(all.output, all.error) = std::move(both);
  } else {
    all.output = co_await read_all_as_coroutine(p, output);
    all.error = co_await read_all_as_coroutine(p, error_output);
  }
  if (event* const e = fed(*p)) co_await stackless::wait(*e);
  close_outputs(*p);
  co_await stackless::wait(p->ended());
  co_return all;
}

}  // namespace

}  // namespace nakh::detail

namespace nakh {

using detail::process_ref;
using detail::subprocess_core;

subprocess& subprocess::operator=(subprocess&& other) noexcept {
  subprocess old(std::exchange(core_, std::exchange(other.core_, nullptr)));
  return *this;
}

subprocess::~subprocess() {
  if (core_ == nullptr) return;
  core_->close();
  core_->release();
}

subprocess_core& subprocess::core() const {
  if (core_ == nullptr) throw usage_error("nakh: this process is none: it was moved from, or never created");
  return *core_;
}

net::stream& subprocess::standard_input() const { return core().stream_that_is_piped(detail::input); }
net::stream& subprocess::standard_output() const { return core().stream_that_is_piped(detail::output); }
net::stream& subprocess::standard_error() const { return core().stream_that_is_piped(detail::error_output); }
bool subprocess::has_standard_input() const { return core().is_piped(detail::input); }
bool subprocess::has_standard_output() const { return core().is_piped(detail::output); }
bool subprocess::has_standard_error() const { return core().is_piped(detail::error_output); }

int subprocess::pid() const { return core().pid(); }
std::optional<int> subprocess::return_code() const { return core().code(); }

int subprocess::wait() {
  const auto p = process_ref::share(&core());
  p->ended().wait();
  return *p->code();  // NOLINT(bugprone-unchecked-optional-access): it has ended
}

subprocess_output subprocess::communicate(std::string_view input) {
  const auto p = process_ref::share(&core());
  detail::begin_to_communicate(*p, input);
  subprocess_output all;
  if (has_standard_output() && has_standard_error()) {
    // They keep the child: when one fails, the other goes on.
    std::tie(all.output, all.error) =
        gather([p] { return detail::read_all(p, detail::output); }, [p] { return detail::read_all(p, detail::error_output); });
  } else {
    all.output = detail::read_all(p, detail::output);
    all.error = detail::read_all(p, detail::error_output);
  }
  if (event* const e = detail::fed(*p)) e->wait();
  detail::close_outputs(*p);
  p->ended().wait();
  return all;
}

void subprocess::send_signal(int number) { core().send_signal(number); }
void subprocess::terminate() { send_signal(SIGTERM); }
void subprocess::kill() { send_signal(SIGKILL); }
void subprocess::close() noexcept {
  if (core_ != nullptr) core_->close();
}

subprocess create_subprocess(const std::vector<std::string>& arguments, const subprocess_options& options) {
  detail::check(arguments, options);
  auto core = process_ref::adopt(new subprocess_core(get_running_loop().core()));
  core->run(arguments, options);
  return subprocess(core.detach());
}

subprocess create_subprocess_shell(const std::string& command, const subprocess_options& options) {
  return create_subprocess({"/bin/sh", "-c", command}, options);
}

namespace stackless {

task<int> wait(subprocess& p) { return detail::wait_as_coroutine(process_ref::share(&p.core())); }
task<subprocess_output> communicate(subprocess& p, std::string input) {
  return detail::communicate_as_coroutine(process_ref::share(&p.core()), std::move(input));
}

}  // namespace stackless

}  // namespace nakh
