// SPDX-License-Identifier: BSL-1.0
#include <nakh/condition_variable.hpp>

#include "waiting.hpp"

#include <nakh/error.hpp>

#include <exception>

namespace nakh {

namespace {

using ending = detail::wait_queue::ending;

std::exception_ptr error_of(ending how) {
  if (how == ending::woken) return nullptr;
  try {
    detail::wait_queue::throw_ended(how, "condition variable");
  } catch (...) {
    return std::current_exception();
  }
}

// The mutex is taken come what may; the latest cancellation on the way is what is thrown afterwards.
void take_back(mutex& m, std::exception_ptr& error) {
  for (;;) {
    try {
      m.lock();
      return;
    } catch (const cancelled_error&) {
      error = std::current_exception();
    }
  }
}

}  // namespace

NAKH_RESUMES_ELSEWHERE void condition_variable::wait() {
  if (!mutex_->locked()) throw usage_error("nakh: a condition variable is waited for without its mutex; lock it first");
  line_.require_task();
  mutex* const shared = mutex_ == &own_ ? nullptr : mutex_;  // is still there when this was destroyed meanwhile
  mutex_->unlock();
  const ending how = line_.wait();
  const bool destroyed = how == ending::abandoned || how == ending::woken_then_destroyed;
  std::exception_ptr error;
  if (how != ending::woken_then_destroyed || shared == nullptr) error = error_of(how);
  mutex* const lasting = destroyed ? shared : mutex_;
  if (lasting != nullptr) take_back(*lasting, error);
  if (!error) return;
  if (!destroyed) line_.wake_one();  // it may have been notified: that is not lost
  std::rethrow_exception(error);
}

void condition_variable::notify(std::size_t most) {
  if (!mutex_->locked()) throw usage_error("nakh: a condition variable is notified without its mutex; lock it first");
  line_.wake(most);
}

}  // namespace nakh
