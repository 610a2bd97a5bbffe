// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "support/fixture.hpp"

#include <nakh/stackless/task.hpp>

#include <exception>
#include <string>
#include <utility>

namespace nakh::test {

template <class T = void>
using co = stackless::task<T>;

/// `caught`, in a coroutine: of what `make` gives to await.
template <class Make>
co<std::string> caught_in(Make make) {
  std::exception_ptr error;
  try {
    static_cast<void>(co_await make());
  } catch (...) {
    error = std::current_exception();
  }
  co_return caught(error);
}

/// How many of a kind there are.
struct object_count {
  int alive = 0;
  int made = 0;
};
class counted {
 public:
  explicit counted(object_count& o) noexcept : of_(&o) { enter(); }
  counted(const counted& other) noexcept : of_(other.of_) { enter(); }
  counted(counted&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
  counted& operator=(const counted&) = delete;
  ~counted() {
    if (of_ != nullptr) --of_->alive;
  }

 private:
  void enter() noexcept {
    if (of_ == nullptr) return;
    ++of_->alive;
    ++of_->made;
  }
  object_count* of_;
};

}  // namespace nakh::test
