// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <nakh/detail/ref.hpp>
#include <nakh/thread.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace nakh::detail {

/// The threads of a pool and the queue that they share: Boost.Asio's io_context. Owned by the pool and by each thread, so that
/// threads can be left alone with it.
///
/// Not asio::thread_pool: that one starts all threads at once, hangs for ever when one of them cannot be started, and cannot
/// let go of a thread that does not end.
/// @par Thread safety  Any thread.
class worker_threads : public std::enable_shared_from_this<worker_threads> {
 public:
  explicit worker_threads(std::size_t most);
  worker_threads(const worker_threads&) = delete;
  worker_threads& operator=(const worker_threads&) = delete;

  /// Queues a job, and starts a thread for it when all are at work and there may be more.
  /// @throws usage_error        when shut down.
  /// @throws std::system_error  when there is no thread, and none can be started.
  /// @throws std::bad_alloc
  void submit(ref<thread_job> job);
  /// Takes no more jobs.
  void shut_down() noexcept;
  /// Shut down before: sends `job` back, unworked, as soon as no other job is left. @throws std::bad_alloc
  void send_back_when_done(ref<thread_job> job);
  /// Shut down before: blocks until all jobs are done and the threads have ended.
  void join() noexcept;
  /// Shut down before: as `join` when that need not wait for a job; else the threads are left alone.
  void leave() noexcept;

 private:
  void start_thread();
  void perform(ref<thread_job> job) noexcept;
  [[nodiscard]] std::vector<std::thread> take_threads() noexcept;

  const std::size_t most_;
  boost::asio::io_context io_;
  std::mutex mutex_;  ///< Over all that follows.
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> open_{io_.get_executor()};
  std::vector<std::thread> threads_;
  std::size_t to_do_ = 0;       ///< Jobs that are queued or in a thread's hands.
  std::size_t unfinished_ = 0;  ///< The same, until they have gone back too.
  std::vector<ref<thread_job>> when_done_;
};

}  // namespace nakh::detail
