// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/open_generator.hpp>

#include "loop_core.hpp"
#include "task_core.hpp"

#include <nakh/gather.hpp>
#include <nakh/generator.hpp>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

namespace nakh {

namespace detail {

namespace {

constexpr int most_attempts = 100;

void report_closing(open_generator& g, std::exception_ptr error) noexcept {
  try {
    this_loop->report({.message = "An error occurred during closing of a generator", .exception = std::move(error), .where = g.where});
  } catch (...) {
    std::fputs("nakh: an error could not be reported for lack of memory\n", stderr);
  }
}

// Until it has ended, whatever it does, in the current task. Errors are reported, the first one for each kind of stubbornness.
void close_for_good(open_generator& g) noexcept {
  bool told = false;
  for (int i = 0; i < most_attempts && g.state == generator_state::suspended; ++i) {
    try {
      g.close();
    } catch (const cancelled_error&) {
      // Nobody gets it here: it is delivered again.
      routine& f = *g.sched->current_routine();
      if (cancel_requests(task_core::of(f)) > 0) f.cancel_pending = true;
    } catch (const fatal_error&) {
      g.sched->abort_pass(std::current_exception());
    } catch (...) {
      if (!std::exchange(told, true) || g.state == generator_state::ended) report_closing(g, std::current_exception());
    }
  }
}

/// A generator that a task is to close; kept until it has.
class closing {
 public:
  explicit closing(open_generator& g) noexcept : g_(ref<open_generator>::share(&g)) {}
  closing(closing&&) noexcept = default;
  closing& operator=(closing&&) = delete;
  ~closing() {
    if (g_ && g_->is_dropped && g_->state == generator_state::ended) {
      g_->is_dropped = false;
      g_->release();
    }
  }
  [[nodiscard]] open_generator& of() const noexcept { return *g_; }

 private:
  ref<open_generator> g_;
};

// False when there is no memory for a task, or no stack.
bool close_in_task(open_generator& g) noexcept {
  try {
    const auto state = make_task(*g.loop, task_settings{.where = g.where}, [c = closing(g)] { close_for_good(c.of()); });
    return true;
  } catch (...) {
    return false;
  }
}

void close_all(loop_core& loop) noexcept {
  for (ring_link* l = loop.generators.next; l != &loop.generators; l = l->next) {
    auto& g = static_cast<open_generator&>(*l);
    if (!close_in_task(g)) return;  // what is not closed now is when this is called again
  }
}

bool can_wait_in(const open_generator& g) noexcept { return this_scheduler == g.sched && this_scheduler->current() != nullptr; }

}  // namespace

open_generator::~open_generator() {
  if (loop != nullptr) loop->release();
}

void open_generator::require_free() const {
  if (state == generator_state::running)
    throw usage_error("nakh: the generator runs already, in another task or further out in this one; wait until it has yielded");
}

void open_generator::require_own_loop() const {
  if (sched != nullptr && sched != this_scheduler)
    throw usage_error("nakh: the generator belongs to another loop, where its first item was asked for; use it there");
}

void open_generator::throw_sent_too_early() {
  throw usage_error("nakh: a generator that has not begun is at no yield that could return the value; ask for its first item with next");
}

void open_generator::throw_yielded_while_closed() {
  throw usage_error("nakh: the generator yielded an item while it was closed; its body must let generator_exit through, or return");
}

void open_generator::open() {
  loop_core& own = *this_loop;
  own.close_generators = &close_all;
  own.add_ref();
  loop = &own;
  sched = &own.sched;
  insert_before(own.generators);
}

void open_generator::end() noexcept {
  unlink();
  std::exchange(loop, nullptr)->release();  // which runs, so that others have it too
}

void open_generator::drop() noexcept {
  switch (state) {
    case generator_state::created:
      close();
      break;
    case generator_state::suspended:
      if (can_wait_in(*this)) {
        close_for_good(*this);
        if (state == generator_state::ended) break;
        is_dropped = true;
      } else {
        is_dropped = true;
        if (!loop->closed.load(std::memory_order_relaxed)) static_cast<void>(close_in_task(*this));
        // Where that cannot be, its loop's end does it.
      }
      return;  // a suspended body is never destroyed
    case generator_state::running:
      if (refs == 1) {
        std::fputs("nakh: a generator is destroyed while a task is in it, which cannot work; keep it until next has returned\n", stderr);
        std::abort();
      }
      break;  // somebody closes it
    case generator_state::ended:
      break;
  }
  release();
}

}  // namespace detail

void event_loop::shutdown_generators() {
  if (detail::this_loop != core_ || core_->sched.current() == nullptr)
    throw usage_error("nakh: a loop's generators can be closed in that loop only; run this in a task of it");
  struct entry {
    detail::closing generator;
    std::exception_ptr error;
    bool was_running = false;
    void close() {
      if (generator.of().is_closing) return;  // somebody else's work
      was_running = generator.of().state == detail::generator_state::running;
      try {
        generator.of().close();
      } catch (const cancelled_error&) {
        throw;
      } catch (const fatal_error&) {
        throw;
      } catch (...) {
        error = std::current_exception();
      }
    }
  };
  // Shared, since what follows may leave some of it to the tasks.
  const auto open = std::make_shared<std::vector<entry>>();
  for (detail::ring_link* l = core_->generators.next; l != &core_->generators; l = l->next) {
    open->push_back({detail::closing(static_cast<detail::open_generator&>(*l)), nullptr, false});
  }
  if (open->empty()) return;
  std::vector<task<>> tasks;
  tasks.reserve(open->size());
  for (std::size_t i = 0; i < open->size(); ++i) {
    try {
      tasks.emplace_back(
          detail::make_task(*core_, detail::task_settings{.where = (*open)[i].generator.of().where}, [open, i] { (*open)[i].close(); }));
    } catch (const std::exception&) {
      (*open)[i].close();  // no room for a task of its own
    }
  }
  static_cast<void>(gather(return_exceptions, tasks));
  for (const entry& e : *open) {
    // One that was in use may have been closed by those that used it: the stages of a pipeline.
    if (e.error && (!e.was_running || e.generator.of().state != detail::generator_state::ended))
      detail::report_closing(e.generator.of(), e.error);
  }
}

}  // namespace nakh
