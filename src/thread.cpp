// SPDX-License-Identifier: BSL-1.0
#include <nakh/thread.hpp>

#include "loop_threads.hpp"
#include "worker_threads.hpp"

#include <algorithm>
#include <stdexcept>
#include <thread>

namespace nakh {

namespace detail {

// --- A job ---

thread_job::~thread_job() = default;

void thread_job::set_out(loop_core& own, future_state& waiting) {
  insert_before(loop_threads::of(own).jobs);
  loop = &own;
  door_ = own.door;
  waiting.add_ref();
  waiting_ = &waiting;
  ++own.outside_work;
}

void thread_job::forget() noexcept {
  unlink();
  --loop->outside_work;
  loop = nullptr;
  std::exchange(waiting_, nullptr)->release();
}

void thread_job::give_up() noexcept {
  if (is_linked() && claim(phase::taken_back)) forget();
}

void thread_job::run() {
  const auto waiting = ref<future_state>::share(waiting_);
  forget();
  if (waiting->done()) {
    drop_value();  // nobody waits any more
    error_ = nullptr;
  } else if (error_) {
    waiting->fail(std::move(error_));
  } else {
    try {
      hand_over(*waiting);
      waiting->finish();
    } catch (...) {
      waiting->fail(std::current_exception());
    }
  }
}

// The job that this thread does.
static thread_local constinit const thread_job* this_job = nullptr;

bool thread_job::works_here_for(const loop_door& door) noexcept { return this_job != nullptr && this_job->door_.get() == &door; }

void thread_job::work() noexcept {
  const thread_job* const outer = std::exchange(this_job, this);
  try {
    call();
  } catch (...) {
    error_ = std::current_exception();
  }
  this_job = outer;
  // Past the handler: this is the only reference to the exception, and it goes to the loop as a whole.
}

void thread_job::go_back(ref<thread_job> job) noexcept {
  const auto door = job->door_;  // the loop may drop the job before we are out of the door
  thread_job* const owned = job.detach();
  if (door->post(*owned)) return;
  owned->drop_value();
  owned->error_ = nullptr;
  owned->release();
}

void give_to_threads(loop_core& loop, worker_threads* threads, thread_job& job, future_state& waiting) {
  worker_threads& chosen = threads != nullptr ? *threads : loop_threads::of(loop).default_executor();
  job.set_out(loop, waiting);
  try {
    chosen.submit(ref<thread_job>::share(&job));
  } catch (...) {
    job.forget();
    throw;
  }
}

loop_core& loop_of_running_task() {
  loop_core& loop = running_loop_core();
  if (loop.sched.current_routine() == nullptr)
    throw usage_error("nakh: only a task can wait for a thread, and this is none; use run_in_executor, or wrap the code in nakh::async");
  return loop;
}

// --- What a loop has outside ---

namespace {

// Stands for a job that is no work: it comes back when all others have.
struct nothing {
  void operator()() const noexcept {}
};

}  // namespace

loop_threads& loop_threads::of(loop_core& loop) {
  if (!loop.threads) loop.threads = std::make_unique<loop_threads>();
  return static_cast<loop_threads&>(*loop.threads);
}

worker_threads& loop_threads::default_executor() {
  if (shut_) throw usage_error("nakh: the default executor was shut down and takes no more work; call to_thread before the end of run");
  if (!pool_) pool_ = std::make_shared<thread_pool>(std::min(32u, std::max(1u, std::thread::hardware_concurrency()) + 4));
  return *pool_->workers();
}

void loop_threads::set_default_executor(std::shared_ptr<thread_pool> pool) noexcept {
  pool_.swap(pool);
  if (pool.use_count() == 1) pool->shutdown();
  let_go(pool);
}

// A pool waits when it is destroyed. A loop must not, so when nobody else has the pool, its threads are left alone with it.
void loop_threads::let_go(const std::shared_ptr<thread_pool>& pool) noexcept {
  if (pool.use_count() == 1) pool->workers()->leave();
}

// Gives up the wait for the threads when their time is over.
class loop_threads::shutting_down::alarm : public hook {
 public:
  alarm(loop_core& loop, delay limit, future_state& waiting)
      : hook([](hook& self) noexcept {
          auto& own = static_cast<alarm&>(self);
          own.rang_ = own.waiting_.cancel(nullptr);
        }),
        loop_(loop),
        waiting_(waiting) {
    if (limit.value() != duration::max()) loop.arm_real(timer_, limit);
  }
  ~alarm() {
    if (timer_.is_armed()) loop_.disarm_real(timer_);
    if (is_queued()) loop_.sched.remove(*this);
  }
  alarm(const alarm&) = delete;
  alarm& operator=(const alarm&) = delete;

  [[nodiscard]] bool rang() const noexcept { return rang_; }

 private:
  loop_core& loop_;
  future_state& waiting_;
  timer timer_{*this};
  bool rang_ = false;
};

loop_threads::shutting_down::shutting_down(loop_core& loop, delay limit) : loop_(loop) {
  loop_threads& threads = of(loop);
  threads.shut_ = true;
  if (!threads.pool_) return;
  pool_ = threads.pool_;
  pool_->shutdown();
  const auto job = ref<thread_job>::adopt(new thread_job_of<void, nothing>(std::in_place, nothing{}));
  waiting_ = ref<future_state>::adopt(new job_state<void>(loop, job));
  alarm_ = std::make_unique<alarm>(loop, limit, *waiting_);
  job->set_out(loop, *waiting_);
  try {
    pool_->workers()->send_back_when_done(job);
  } catch (...) {
    waiting_->cancel(nullptr);
    throw;
  }
}

loop_threads::shutting_down::~shutting_down() {
  alarm_.reset();
  if (waiting_) waiting_->cancel(nullptr);
}

void loop_threads::shutting_down::end() {
  if (!pool_) return;
  if (!alarm_->rang()) {
    waiting_->require_value();
    pool_->workers()->leave();
    return;
  }
  loop_.report({.message = "Threads of the default executor still work after the time that their end was given, and are left alone"});
  loop_threads& threads = of(loop_);
  if (pool_ == threads.pool_) threads.pool_ = nullptr;
  let_go(pool_);
}

void loop_threads::shut_down(loop_core& loop, delay limit) {
  shutting_down shutdown(loop, limit);
  if (shutdown.waiting() != nullptr) run_until_done(loop, *shutdown.waiting(), true);
  shutdown.end();
}

void require_task_of(const loop_core& loop) {
  if (&loop_of_running_task() != &loop)
    throw usage_error("nakh: a loop's default executor can be waited for in that loop only; run this in a task of it");
}

void loop_threads::leave(loop_core&) noexcept {
  while (jobs.next != &jobs) {
    const auto job = ref<thread_job>::share(static_cast<thread_job*>(jobs.next));
    job->forget();
  }
  while (remote_tasks.next != &remote_tasks) abandon_task(*remote_tasks.next);
  if (pool_) {
    pool_->shutdown();
    let_go(pool_);
    pool_ = nullptr;
  }
}

}  // namespace detail

// --- thread_pool ---

thread_pool::thread_pool(std::size_t threads) {
  if (threads == 0) throw std::invalid_argument("nakh: a thread_pool needs at least one thread");
  workers_ = std::make_shared<detail::worker_threads>(threads);
}

thread_pool::~thread_pool() {
  workers_->shut_down();
  workers_->join();
}

void thread_pool::shutdown() noexcept { workers_->shut_down(); }

// --- event_loop ---

void event_loop::set_default_executor(std::shared_ptr<thread_pool> pool) {
  if (!pool) throw std::invalid_argument("nakh: set_default_executor was given no pool");
  require_open();
  detail::loop_threads::of(*core_).set_default_executor(std::move(pool));
}

void event_loop::shutdown_default_executor(delay limit) {
  detail::require_task_of(*core_);
  detail::loop_threads::shutting_down shutdown(*core_, limit);
  if (shutdown.waiting() != nullptr) shutdown.waiting()->wait();
  shutdown.end();
}

}  // namespace nakh
