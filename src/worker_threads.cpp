// SPDX-License-Identifier: BSL-1.0
#include "worker_threads.hpp"

#include <pthread.h>

#include <boost/asio/post.hpp>

#include <system_error>
#include <utility>

namespace nakh::detail {

worker_threads::worker_threads(std::size_t most) : most_(most) {}

void worker_threads::start_thread() {
  threads_.reserve(threads_.size() + 1);
  threads_.emplace_back([self = shared_from_this()] {
    pthread_setname_np(pthread_self(), "nakh worker");
    self->io_.run();
  });
}

void worker_threads::submit(ref<thread_job> job) {
  const std::scoped_lock hold(mutex_);
  if (!open_) throw usage_error("nakh: the threads were shut down and take no more work; use a thread_pool of your own, or do it earlier");
  if (to_do_ >= threads_.size() && threads_.size() < most_) {
    try {
      start_thread();
    } catch (const std::system_error& e) {
      // Those that there are will come to it.
      if (threads_.empty()) {
        throw std::system_error(e.code(), "nakh: no thread can be started; give back threads or memory, or raise the limit (ulimit -u)");
      }
    } catch (const std::bad_alloc&) {
      if (threads_.empty()) throw;
    }
  }
  boost::asio::post(io_, [this, own = std::move(job)]() mutable { perform(std::move(own)); });
  ++to_do_;
  ++unfinished_;
}

void worker_threads::perform(ref<thread_job> job) noexcept {
  const bool begun = job->begin();
  if (begun) {
    job->work();
  } else {
    job->drop_closure();
  }
  {
    // Before it goes back: the loop may give out the next one at once, which is for this thread then.
    const std::scoped_lock hold(mutex_);
    --to_do_;
  }
  if (begun) thread_job::go_back(std::move(job));
  std::vector<ref<thread_job>> waiting;
  {
    const std::scoped_lock hold(mutex_);
    if (--unfinished_ == 0) waiting.swap(when_done_);
  }
  for (ref<thread_job>& w : waiting) {
    if (w->begin()) thread_job::go_back(std::move(w));
  }
}

void worker_threads::shut_down() noexcept {
  const std::scoped_lock hold(mutex_);
  open_.reset();
}

void worker_threads::send_back_when_done(ref<thread_job> job) {
  {
    const std::scoped_lock hold(mutex_);
    if (unfinished_ > 0) {
      when_done_.push_back(std::move(job));
      return;
    }
  }
  if (job->begin()) thread_job::go_back(std::move(job));
}

std::vector<std::thread> worker_threads::take_threads() noexcept {
  const std::scoped_lock hold(mutex_);
  return std::exchange(threads_, {});
}

void worker_threads::join() noexcept {
  auto threads = take_threads();
  bool own = false;
  for (const std::thread& t : threads) own = own || t.get_id() == std::this_thread::get_id();
  for (std::thread& t : threads) {
    if (own) {
      t.detach();
    } else {
      t.join();
    }
  }
}

void worker_threads::leave() noexcept {
  bool at_work = false;
  {
    const std::scoped_lock hold(mutex_);
    at_work = unfinished_ > 0;
  }
  if (!at_work) {
    join();
    return;
  }
  for (std::thread& t : take_threads()) t.detach();
}

}  // namespace nakh::detail
