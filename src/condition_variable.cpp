// SPDX-License-Identifier: BSL-1.0
#include <nakh/condition_variable.hpp>

#include "waiting.hpp"

#include <nakh/error.hpp>
#include <nakh/lowlevel.hpp>

#include <optional>

namespace nakh {

namespace {

// The mutex is taken come what may; the latest cancellation on the way is what is thrown afterwards.
void take_back(mutex& m, std::optional<cancelled_error>& cancelled) {
  for (;;) {
    try {
      m.lock();
      return;
    } catch (const cancelled_error& e) {
      cancelled = e;
    }
  }
}

std::optional<cancelled_error> outcome_of(detail::wait_queue::ending how) {
  if (how == detail::wait_queue::ending::woken) return std::nullopt;
  try {
    lowlevel::throw_cancelled();
  } catch (const cancelled_error& e) {
    return e;
  }
}

}  // namespace

NAKH_RESUMES_ELSEWHERE void condition_variable::wait() {
  if (!mutex_->locked()) throw usage_error("nakh: a condition variable is waited for without its mutex; lock it first");
  line_.require_task();
  mutex_->unlock();
  const auto how = line_.wait();
  std::optional<cancelled_error> cancelled = outcome_of(how);
  if (how == detail::wait_queue::ending::abandoned) throw cancelled_error(*cancelled);
  take_back(*mutex_, cancelled);
  if (!cancelled) return;
  line_.wake_one();  // it may have been notified: that is not lost
  throw cancelled_error(*cancelled);
}

void condition_variable::notify(std::size_t most) {
  if (!mutex_->locked()) throw usage_error("nakh: a condition variable is notified without its mutex; lock it first");
  line_.wake(most);
}

}  // namespace nakh
