// SPDX-License-Identifier: BSL-1.0
#include "reactor.hpp"

#include <nakh/detail/memory_allocator.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <map>
#include <new>
#include <optional>
#include <system_error>
#include <utility>

namespace nakh::detail {

namespace asio = boost::asio;

namespace {

std::chrono::steady_clock::time_point steady(time_point t) noexcept {
  return std::chrono::steady_clock::time_point(std::chrono::duration_cast<std::chrono::steady_clock::duration>(t.time_since_epoch()));
}

}  // namespace

// Memory for a handler that the loop hands to Asio again and again from outside of Asio's own run, where Asio does not
// recycle it: kept and used anew.
class recycled_memory {
 public:
  recycled_memory() = default;
  recycled_memory(const recycled_memory&) = delete;
  recycled_memory& operator=(const recycled_memory&) = delete;
  ~recycled_memory() {
    for (const block& b : blocks_) ::operator delete(b.memory);
  }
  void* allocate(std::size_t size) {
    for (block& b : blocks_) {
      if (b.memory != nullptr && b.size >= size) return std::exchange(b.memory, nullptr);
    }
    return ::operator new(size);
  }
  void deallocate(void* memory, std::size_t size) noexcept {
    for (block& b : blocks_) {
      if (b.memory != nullptr) continue;
      b = {memory, size};
      return;
    }
    ::operator delete(memory);
  }

 private:
  struct block {
    void* memory = nullptr;
    std::size_t size = 0;
  };
  std::array<block, 2> blocks_;  // a cancelled handler may still wait for its turn while the next is set
};

struct reactor::state {
  explicit state(std::function<void()> f) : on_error(std::move(f)) {}

  struct watched_signal {
    watched_signal(asio::io_context& io, int number, watcher w, std::function<void()> f) : set(io), who(w), on_signal(std::move(f)) {
      boost::system::error_code error;
      set.add(number, error);  // NOLINT(bugprone-unused-return-value): void in some of Asio's configurations
      if (error) throw std::system_error(error.value(), std::system_category(), "nakh: the signal cannot be watched");
    }
    asio::signal_set set;
    watcher who;
    bool is_heard = false;
    std::function<void()> on_signal;
  };

  // Asio sees one descriptor, the set's own.
  struct watched_descriptors {
    explicit watched_descriptors(asio::io_context& io) : seen(io, set.native()) {}
    ~watched_descriptors() { seen.release(); }
    watched_descriptors(const watched_descriptors&) = delete;
    watched_descriptors& operator=(const watched_descriptors&) = delete;
    descriptor_set set;
    asio::posix::stream_descriptor seen;
    bool is_heard = false;
  };

  std::function<void()> on_error;
  recycled_memory alarm_memory;
  // One thread runs it: no locks between handlers.
  asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work{io.get_executor()};
  asio::steady_timer alarm{io};
  std::optional<time_point> alarm_at;
  std::map<int, std::shared_ptr<watched_signal>> signals;
  std::shared_ptr<watched_descriptors> descriptors;  ///< Null until one is watched.
  ready_source* source = nullptr;
  std::atomic<bool> interrupted = false;
  bool is_deaf = false;        ///< Does not listen for some of what it has to.
  bool has_thrown = false;     ///< A handler, since it was cleared.
  std::size_t taken_back = 0;  ///< Handlers that ran because what they wait for was cancelled.

  // One that is set for an earlier time is left to be: it wakes the loop once in vain, and spares two system calls at each wait.
  void set_alarm(std::optional<time_point> deadline) {
    if (alarm_at && deadline && *alarm_at <= *deadline) return;
    alarm_at.reset();
    if (!deadline) {
      alarm.cancel();
      return;
    }
    alarm.expires_at(steady(*deadline));
    alarm.async_wait(
        asio::bind_allocator(memory_allocator<void, recycled_memory>(alarm_memory), [this](const boost::system::error_code& error) {
          if (error) {
            ++taken_back;
          } else {
            alarm_at.reset();
          }
        }));
    alarm_at = deadline;
  }

  // The handlers that are left after one has thrown run all the same. How many ran, but for those before the one that threw.
  std::size_t poll() {
    for (std::size_t thrown = 0;; ++thrown) {
      try {
        return thrown + io.poll();
      } catch (...) {
        handle_error();
      }
    }
  }
  // As `run_one`: false when it was stopped.
  bool wait_for_one() {
    try {
      return io.run_one() != 0;
    } catch (...) {
      handle_error();
      return true;
    }
  }
  void handle_error() {
    has_thrown = true;
    on_error();
  }

  void listen(const std::shared_ptr<watched_signal>& s) {
    s->set.async_wait([this, weak = std::weak_ptr(s)](const boost::system::error_code& error, int) {
      const auto strong = weak.lock();
      if (strong) strong->is_heard = false;
      if (error || !strong) {
        ++taken_back;
        return;
      }
      listen(strong);
      strong->on_signal();
    });
    s->is_heard = true;
  }
  // Once: as long as one is ready, to listen again at once would be to serve it without end.
  void listen(const std::shared_ptr<watched_descriptors>& d) {
    d->seen.async_wait(asio::posix::stream_descriptor::wait_read, [this, weak = std::weak_ptr(d)](const boost::system::error_code& error) {
      const auto strong = weak.lock();
      if (strong) strong->is_heard = false;
      if (error || !strong) {
        ++taken_back;
        return;
      }
      is_deaf = true;
      strong->set.serve();
    });
    d->is_heard = true;
  }
  void listen_again() {
    for (const auto& [number, signal] : signals) {
      if (!signal->is_heard) listen(signal);
    }
    if (descriptors && !descriptors->is_heard && !descriptors->set.empty()) listen(descriptors);
    is_deaf = false;
  }
};

reactor::reactor(std::function<void()> on_error) {
  try {
    state_ = std::make_unique<state>(std::move(on_error));
  } catch (const boost::system::system_error& e) {
    throw std::system_error(e.code().value(), std::system_category(), "nakh: a loop needs descriptors to wait with");
  }
  // Asio makes room for its first timer when that is set, and a wait must not fail for want of memory.
  state_->set_alarm(time_point::max());
  state_->set_alarm(std::nullopt);
  state_->io.poll();
}

reactor::~reactor() = default;

// Asio keeps the small blocks of memory of a thread's operations, and uses them anew, as long as the thread runs some context: an
// operation's way to be cancelled is up to two of them. Tasks begin theirs outside of `io`'s run, so all takes place in a handler
// of a context that does nothing else.
void reactor::run_inside(void* loop, void (*call)(void*)) {
  std::optional<asio::io_context> around;
  try {
    around.emplace(1);
    asio::post(*around, [loop, call] { call(loop); });
  } catch (const std::bad_alloc&) {
    return call(loop);  // it saves memory, and can be done without: a loop that closes has to run
  }
  around->run_one();
}

asio::io_context& reactor::context() noexcept { return state_->io; }

void reactor::look_at(ready_source& source) noexcept { state_->source = &source; }

bool reactor::waits_for_source() const noexcept { return state_->source != nullptr && state_->source->is_wanted(); }

std::size_t reactor::poll() {
  if (state_->source != nullptr) state_->source->serve();
  return poll_asio();
}

std::size_t reactor::poll_asio() {
  if (state_->is_deaf) [[unlikely]]
    state_->listen_again();
  asio::io_context& io = state_->io;
  if (io.stopped()) io.restart();  // an interrupt that came late, after the wait
  return state_->poll();
}

bool reactor::wait(std::optional<time_point> deadline) {
  ready_source* const source = state_->source;
  if (source != nullptr) {
    if (source->serve()) return false;
    source->listen();
  }
  const bool listened = source != nullptr && source->is_listening();
  if (state_->is_deaf) state_->listen_again();
  // Without a deadline one that is still set wakes it once, in vain.
  if (deadline) state_->set_alarm(deadline);
  if (!state_->wait_for_one()) {
    state_->io.restart();
  } else if (listened && !source->is_listening()) {
    return false;
  } else {
    poll_asio();
  }
  return true;
}

// Asio's own way to wake a thread that waits in it: one system call here and none there. A descriptor of ours would have to
// be read and watched anew each time.
void reactor::interrupt() noexcept {
  state_->interrupted.store(true, std::memory_order_relaxed);  // published by `stop`
  state_->io.stop();
}

void reactor::watch_signal(int number, watcher who, std::function<void()> on_signal) {
  const auto old = state_->signals.find(number);
  if (old != state_->signals.end()) {
    old->second->who = who;
    old->second->on_signal = std::move(on_signal);
    return;
  }
  auto s = std::make_shared<state::watched_signal>(state_->io, number, who, std::move(on_signal));
  state_->listen(s);
  state_->signals.emplace(number, s);
}

bool reactor::unwatch_signal(int number) noexcept { return state_->signals.erase(number) > 0; }

void reactor::unwatch_all_signals() noexcept { state_->signals.clear(); }

bool reactor::watches_users_signals() const noexcept {
  return std::any_of(state_->signals.begin(), state_->signals.end(), [](const auto& s) { return s.second->who == watcher::user; });
}

void reactor::watch_descriptor(int fd, descriptor_set::direction d, std::function<void()> on_ready) {
  state& s = *state_;
  if (!s.descriptors) s.descriptors = std::make_shared<state::watched_descriptors>(s.io);
  s.descriptors->set.watch(fd, d, std::move(on_ready));
  s.is_deaf = true;
}

bool reactor::unwatch_descriptor(int fd, descriptor_set::direction d) noexcept {
  return state_->descriptors && state_->descriptors->set.unwatch(fd, d);
}

void reactor::unwatch_all_descriptors() noexcept {
  const auto dropped = std::move(state_->descriptors);  // last: it may be somebody's code that goes with them
}

bool reactor::watches_descriptors() const noexcept { return state_->descriptors && !state_->descriptors->set.empty(); }

// Asio tells nobody how many operations it has under way, but it stops when it has none. So the loop's own ones are taken
// back until the next look. A signal that comes meanwhile is not lost: the signal set keeps it.
reactor::others reactor::look_for_others() {
  state& s = *state_;
  s.set_alarm(std::nullopt);
  s.is_deaf = true;
  for (const auto& [number, signal] : s.signals) signal->set.cancel();
  if (s.descriptors) {
    if (s.descriptors->set.empty()) {
      s.descriptors->seen.cancel();
    } else if (!s.descriptors->is_heard) {
      s.listen(s.descriptors);
    }
  }
  struct without_work {
    explicit without_work(state& owner) : s(owner) { s.work.reset(); }
    ~without_work() {
      if (s.io.stopped()) s.io.restart();
      s.work.emplace(s.io.get_executor());
    }
    without_work(const without_work&) = delete;
    without_work& operator=(const without_work&) = delete;
    state& s;
  } const alone(s);
  s.taken_back = 0;
  s.has_thrown = false;
  if (s.poll() != s.taken_back || s.has_thrown) return others::were_served;
  if (s.interrupted.exchange(false, std::memory_order_relaxed)) return others::were_served;  // that stops it too
  return s.io.stopped() ? others::none : others::wait;
}

}  // namespace nakh::detail
