// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "support/fixture.hpp"

#include <string>
#include <system_error>
#include <utility>

namespace nakh::test {

/// As `caught`, with short names for the system's errors.
template <class F>
std::string system_failure(F&& f) {
  try {
    std::forward<F>(f)();
    return "nothing";
  } catch (const std::system_error& e) {
    if (e.code() == std::errc::no_such_file_or_directory) return "no such file";
    if (e.code() == std::errc::permission_denied) return "denied";
    if (e.code() == std::errc::no_such_process) return "no such process";
    if (e.code() == std::errc::broken_pipe) return "broken pipe";
    if (e.code() == std::errc::connection_reset) return "reset";
    if (e.code() == std::errc::connection_refused) return "refused";
    if (e.code() == std::errc::invalid_argument) return "invalid";
    return e.what();
  } catch (...) {
    return caught(std::current_exception());
  }
}

}  // namespace nakh::test
