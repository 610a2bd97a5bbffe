// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "trace.hpp"

#include <nakh/stackless.hpp>

#include <exception>
#include <string>
#include <utility>

namespace trace {

namespace sl = nakh::stackless;

/// Awaits `job` and returns what it threw, by name; "None" when it did not.
template <class T>
sl::task<std::string> thrown_by(sl::task<T> job) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await std::move(job));
  } catch (...) {
    error = std::current_exception();
  }
  co_return error_name(error);
}
template <class T>
sl::task<std::string> thrown_by(future<T> awaited) {
  return thrown_by(sl::await(std::move(awaited)));
}

}  // namespace trace
