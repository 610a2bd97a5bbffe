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

}  // namespace

condition_variable::waiting::waiting(condition_variable& c) : condition_(&c), mutex_(c.mutex_), is_own_(c.mutex_ == &c.own_) {
  if (!mutex_->locked()) throw usage_error("nakh: a condition variable is waited for without its mutex; lock it first");
  c.line_.require_task();
  mutex_->unlock();
}

void condition_variable::waiting::end_line(ending how) {
  const bool destroyed = how == ending::abandoned || how == ending::woken_then_destroyed;
  if (how != ending::woken_then_destroyed || is_own_) error_ = error_of(how);
  if (!destroyed) return;
  condition_ = nullptr;
  if (is_own_) mutex_ = nullptr;
}

void condition_variable::waiting::finish() {
  if (!error_) return;
  if (condition_ != nullptr) condition_->line_.wake_one();  // it may have been notified: that is not lost
  std::rethrow_exception(error_);
}

NAKH_RESUMES_ELSEWHERE void condition_variable::wait() {
  if (mutex_->locked()) line_.require_fiber();
  waiting w(*this);
  w.end_line(line_.wait());
  // The mutex is taken come what may; the latest cancellation on the way is what is thrown afterwards.
  while (mutex* const m = w.to_lock()) {
    try {
      m->lock();
      break;
    } catch (const cancelled_error&) {
      w.note_cancellation();
    }
  }
  w.finish();
}

void condition_variable::notify(std::size_t most) {
  if (!mutex_->locked()) throw usage_error("nakh: a condition variable is notified without its mutex; lock it first");
  line_.wake(most);
}

}  // namespace nakh
