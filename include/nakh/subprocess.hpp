// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net/stream.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// @file
/// Child processes, and their standard streams.
/// @par Thread safety  The loop's thread only.
namespace nakh {

namespace detail {
class subprocess_core;
}  // namespace detail

/// Where one of a child's three standard streams leads.
enum class stdio : unsigned char {
  inherit,  ///< Where this process's own leads.
  pipe,     ///< To this process, as a `net::stream`.
  null,     ///< Nowhere: `/dev/null`.
  merge,    ///< Of the standard error: to where the standard output leads.
};

/// Settings of a child process.
struct subprocess_options {
  /// Where it reads from.
  stdio standard_input = stdio::inherit;
  /// Where it writes to.
  stdio standard_output = stdio::inherit;
  /// Where it writes its complaints to.
  stdio standard_error = stdio::inherit;
  /// Where the child begins to work, and where a relative path of the program is looked for. Empty: where this process does.
  std::string directory{};
  /// All of the child's environment, with the PATH by which its program is found. None: this process's.
  std::optional<std::map<std::string, std::string>> environment = std::nullopt;
  /// The child leads a process group of its own: what the terminal or somebody else sends to ours does not reach it.
  bool new_process_group = false;
  /// Limits of its streams.
  net::stream_options stream{};
};

/// What a child has written; empty for what was not piped.
struct subprocess_output {
  /// What came from its standard output.
  std::string output;
  /// What came from its standard error.
  std::string error;
};

/// A child process.
///
/// Its end is noticed, and the system's record of it taken, by the loop, also when nobody waits for it.
/// @par Thread safety  The loop's thread only. It must go before its loop does.
/// @par Source         asyncio.subprocess.Process (CPython 3.14). Differs: it owns the child.
class NAKH_API subprocess {
 public:
  /// None: only assigning to it and destroying it make sense.
  subprocess() noexcept = default;
  subprocess(subprocess&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  subprocess& operator=(subprocess&& other) noexcept;
  /// As `close`.
  ~subprocess();

  /// This end of the child's pipes: its input can only be written, the others can only be read. To close its input ends it for
  /// the child. When the child has ended, or has closed its input, writing fails with EPIPE, which `drain` throws (T-sub-06).
  /// @throws usage_error  when it was not piped
  [[nodiscard]] net::stream& standard_input() const;
  /// What the child writes to its standard output.
  [[nodiscard]] net::stream& standard_output() const;
  /// What the child writes to its standard error.
  [[nodiscard]] net::stream& standard_error() const;
  /// Whether it was piped.
  [[nodiscard]] bool has_standard_input() const;
  /// Whether its standard output was piped.
  [[nodiscard]] bool has_standard_output() const;
  /// Whether its standard error was piped.
  [[nodiscard]] bool has_standard_error() const;

  /// The system's number of the process.
  [[nodiscard]] int pid() const;
  /// Its exit status, or minus the number of the signal that has killed it; none while it runs, and until the loop has noticed
  /// its end. 255 when somebody else has taken the system's record of it, or there is none since SIGCHLD is ignored.
  [[nodiscard]] std::optional<int> return_code() const;
  /// Waits until it has ended, and returns its `return_code`. Any number of tasks may. A child that fills a pipe which nobody
  /// reads does not end: see `communicate`.
  /// @throws cancelled_error  when the task is cancelled; the child goes on
  /// @par Suspends  Unless its end is known.
  int wait();
  /// Writes `input` and closes the child's input, reads what it writes until it has ended that, and waits for its end. A child
  /// that does not read all of its input is none of its errors.
  /// @throws usage_error      when there is input, and its standard input was not piped; when another task reads a stream of it
  /// @throws cancelled_error  when the task is cancelled; the child goes on, and what has come stays in the streams
  subprocess_output communicate(std::string_view input = {});

  /// To the child alone, and never to another process that has got its number meanwhile. One that has just ended does not mind.
  /// @throws std::system_error  ESRCH when its end is known (`return_code`); EINVAL for no signal's number
  void send_signal(int number);
  /// SIGTERM.
  void terminate();
  /// SIGKILL.
  void kill();

  /// Kills the child if it runs still, and closes its streams; the loop, or the loop's own end, takes the system's record of it.
  /// Never waits; `wait` may be called afterwards.
  void close() noexcept;

  /// For the library.
  explicit subprocess(detail::subprocess_core* adopted) noexcept : core_(adopted) {}
  /// For the library.
  [[nodiscard]] detail::subprocess_core& core() const;

 private:
  detail::subprocess_core* core_ = nullptr;
};

/// Runs the program `arguments[0]`, which gets all of them. Without a slash in it, it is found by PATH.
///
/// The child has the three standard streams and no other descriptor, no signal blocked, and SIGPIPE and SIGXFSZ as usual; other
/// signals that are ignored here are ignored there.
/// @throws std::system_error      the child could not begin: ENOENT when there is no such program, or no such directory (T-sub-05);
///                                ENOSYS on a Linux that is too old to wait for it safely
/// @throws std::invalid_argument  no arguments, a zero byte, a name of the environment with '=', `merge` elsewhere than of the error
/// @throws usage_error            outside a running loop
/// @par Suspends  Never. So a cancellation comes when the child has an owner, who kills it by his end (T-sub-08).
/// @par Source    asyncio.create_subprocess_exec (CPython 3.14). Differs: does not suspend.
[[nodiscard("without it the child is killed at once")]] NAKH_API subprocess create_subprocess(const std::vector<std::string>& arguments,
                                                                                              const subprocess_options& options = {});
/// Has `/bin/sh` carry out `command`. What is put into it must be quoted for the shell.
/// @par Source  asyncio.create_subprocess_shell.
[[nodiscard("without it the child is killed at once")]] NAKH_API subprocess create_subprocess_shell(const std::string& command,
                                                                                                    const subprocess_options& options = {});

}  // namespace nakh
