// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/net/stream.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nakh {

/// Where a child's standard input, output or error leads.
enum class redirect : unsigned char {
  inherit,    ///< Where its parent's does.
  pipe,       ///< To a stream of `subprocess`.
  null,       ///< Nowhere: /dev/null.
  to_output,  ///< Of the error only: where the output does.
};

struct subprocess_options {
  redirect input = redirect::inherit;
  redirect output = redirect::inherit;
  redirect error = redirect::inherit;
  /// Where the child works. None: where its parent does.
  std::optional<std::string> directory = std::nullopt;
  /// As "NAME=value". None: its parent's.
  std::optional<std::vector<std::string>> environment = std::nullopt;
  /// The child leads a process group of its own, so that a terminal's Ctrl-C does not reach it.
  bool new_group = false;
  net::stream_options stream{};
};

/// A child process.
///
/// Its piped input is a Unix socket, as asyncio's: the parent learns of its end, and is not sent SIGPIPE. A child that opens
/// /dev/stdin by that name cannot.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio.subprocess (CPython 3.14), on Linux's pidfd: nobody else's children are waited for or signalled.
class NAKH_API subprocess {
 public:
  subprocess(subprocess&& other) noexcept;
  subprocess& operator=(subprocess&& other) noexcept;
  /// As `close`.
  ~subprocess();

  /// @throws usage_error  when it is not piped
  [[nodiscard]] net::stream& input();
  [[nodiscard]] net::stream& output();
  [[nodiscard]] net::stream& error();
  [[nodiscard]] bool has_input() const noexcept;
  [[nodiscard]] bool has_output() const noexcept;
  [[nodiscard]] bool has_error() const noexcept;

  [[nodiscard]] int pid() const noexcept;
  /// None while it runs; its exit status; minus the signal's number when one has ended it (T-sub-02).
  [[nodiscard]] std::optional<int> return_code() const noexcept;
  /// Waits for its end; any number of tasks may. A cancellation leaves the child alone (T-sub-04).
  /// A child whose piped output nobody reads may never end; `communicate` reads it.
  /// @throws cancelled_error
  int wait();

  struct outputs {
    std::string output;
    std::string error;
  };
  /// Feeds the child `input`, ends its input, reads all of its output, and waits for its end. What is not piped is empty. A child
  /// that does not read all is no error (T-sub-05).
  /// @throws usage_error         when there is an input, and it is not piped
  /// @throws cancelled_error     when the task is cancelled; what was read is lost
  outputs communicate(std::string_view input = {});

  /// Nothing happens to a child that has ended in this very moment (T-sub-10).
  /// @throws std::system_error  ESRCH when it is known to have ended; EINVAL when there is no such signal
  void send_signal(int signal);
  void terminate();  ///< SIGTERM.
  void kill();       ///< SIGKILL.
  /// Closes its streams; if it still runs, kills it and waits the moment that this takes (T-sub-09).
  void close() noexcept;

  /// For the library.
  struct state;
  explicit subprocess(std::unique_ptr<state> s) noexcept;

 private:
  [[nodiscard]] state& open() const;
  std::unique_ptr<state> state_;
};

/// Starts a program, which PATH finds, with its arguments; the first is its name.
/// @throws std::system_error      when it cannot be started: ENOENT when there is none (T-sub-05), or no such directory
/// @throws std::invalid_argument  for no arguments, for a zero byte in one, for a redirection that makes no sense
/// @throws usage_error            when no loop runs in this thread
/// @par Source  asyncio.create_subprocess_exec. Differs: does not suspend.
[[nodiscard("a child that nobody keeps is killed")]] NAKH_API subprocess create_subprocess(const std::vector<std::string>& arguments,
                                                                                           const subprocess_options& options = {});
/// Has the system's shell run `command`. Quote what comes from elsewhere, or use `create_subprocess`.
/// @par Source  asyncio.create_subprocess_shell.
[[nodiscard("a child that nobody keeps is killed")]] NAKH_API subprocess create_subprocess_shell(const std::string& command,
                                                                                                 const subprocess_options& options = {});

}  // namespace nakh
