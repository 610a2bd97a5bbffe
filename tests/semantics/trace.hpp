// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/nakh.hpp>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

/// What both sides of a comparison print: words with spaces, booleans as yes and no, errors by Python's short names.
namespace trace {

using namespace nakh;
using namespace std::chrono_literals;

/// A program's own error, by the name of its Python counterpart.
struct named_error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline std::string error_name(const std::exception_ptr& error) {
  if (!error) return "None";
  try {
    std::rethrow_exception(error);
  } catch (const named_error& e) {
    return e.what();
  } catch (const cancelled_error&) {
    return "CancelledError";
  } catch (const timeout_error&) {
    return "TimeoutError";
  } catch (const usage_error&) {
    return "RuntimeError";
  } catch (const invalid_state_error&) {
    return "InvalidStateError";
  } catch (const queue_empty&) {
    return "QueueEmpty";
  } catch (const queue_full&) {
    return "QueueFull";
  } catch (const queue_shut_down&) {
    return "QueueShutDown";
  } catch (const broken_barrier_error&) {
    return "BrokenBarrierError";
  } catch (const exception_group& group) {
    std::string text = "ExceptionGroup[";
    for (const std::exception_ptr& e : group.errors()) text += (text.back() == '[' ? "" : " ") + error_name(e);
    return text + "]";
  } catch (const std::invalid_argument&) {
    return "ValueError";
  } catch (const keyboard_interrupt&) {
    return "KeyboardInterrupt";
  } catch (const std::system_error& e) {
    if (e.code() == std::errc::broken_pipe) return "BrokenPipeError";
    if (e.code() == std::errc::connection_refused) return "ConnectionRefusedError";
    if (e.code() == std::errc::no_such_file_or_directory) return "FileNotFoundError";
    if (e.code() == std::errc::no_such_process) return "ProcessLookupError";
    return e.what();
  } catch (...) {
    return "unknown";
  }
}

inline std::string word(std::string_view text) { return std::string(text); }
inline std::string word(const char* text) { return text; }
inline std::string word(bool value) { return value ? "yes" : "no"; }
template <class T>
  requires std::is_arithmetic_v<T>
std::string word(T value) {
  return std::to_string(value);
}

template <class... Words>
void say(const Words&... words) {
  std::string line;
  ((line += line.empty() ? word(words) : " " + word(words)), ...);
  std::printf("%s\n", line.c_str());
}

/// Calls `f` and returns what it threw, by name; "None" when it did not.
template <class F>
std::string error_of(F&& f) {
  try {
    static_cast<void>(f());
  } catch (...) {
    return error_name(std::current_exception());
  }
  return "None";
}

/// The loop's time in whole milliseconds.
inline std::string now() {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(clock::now().time_since_epoch()).count());
}

struct program {
  const char* name;
  void (*run)();
  program* next;
};
inline program* programs = nullptr;
struct registration : program {
  registration(const char* n, void (*r)()) noexcept : program{n, r, programs} { programs = this; }
};

}  // namespace trace

// One file, one program: TRACE(name) { ... }
#define TRACE(NAME)                                                             \
  static void NAME##_program();                                                 \
  static const trace::registration NAME##_registration(#NAME, &NAME##_program); \
  using namespace trace;                                                        \
  static void NAME##_program()
