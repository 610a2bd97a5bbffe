// SPDX-License-Identifier: BSL-1.0
#include <nakh/task.hpp>

#include "awaiting.hpp"
#include "debugger_view.hpp"
#include "task_core.hpp"

#include <nakh/detail/coroutine_block.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <new>

namespace nakh {

namespace detail {

namespace {

// Task numbers count up per process. Each thread takes them in blocks, so that making a task needs no locked access.
std::uint64_t next_task_number() noexcept {
  constexpr std::uint64_t block = 1024;
  static std::atomic<std::uint64_t> first_free = 1;
  static thread_local constinit std::uint64_t next = 0;
  static thread_local constinit std::uint64_t end = 0;
  if (next == end) {
    next = first_free.fetch_add(block, std::memory_order_relaxed);  // only uniqueness matters
    end = next + block;
  }
  return next++;
}

// As what a body threw, the current exception, wants it.
void end_by_exception(future_state& state) noexcept {
  try {
    throw;
  } catch (const cancelled_error& e) {
    state.finish_cancelled(e.shared_reason());
  } catch (const fatal_error&) {
    state.loop().sched.abort_pass(std::current_exception());
    state.fail(std::current_exception());
  } catch (...) {
    state.fail(std::current_exception());
  }
}

// The body has ended, and left a value.
[[gnu::always_inline]] inline void end_by_value(const routine& r, future_state& state) noexcept {
  if (r.cancel_pending) [[unlikely]] {
    state.drop_value();
    state.finish_cancelled(state.reason());
  } else {
    state.finish();
  }
}

void run_body(fiber& f) noexcept {
  fiber_task& task = fiber_task::of(f);
  future_state& state = task.state();
  if (f.cancel_pending) {
    f.cancel_pending = false;
    state.discard_body();
    task.unlink();
    state.finish_cancelled(state.reason());
    return;
  }
  try {
    state.run_body();
  } catch (...) {
    task.unlink();
    return end_by_exception(state);
  }
  task.unlink();
  end_by_value(f, state);
}

void discard_coroutine(coroutine& c) noexcept {
  coroutine_task& task = coroutine_task::of(c);
  c.innermost.destroy();
  task.unlink();
  task.state().finish_cancelled(task.state().reason());
  task.state().release();
}

void finish_coroutine(coroutine& c) noexcept {
  coroutine_task& task = coroutine_task::of(c);
  future_state& state = task.state();
  task.unlink();
  if (!state.has_noted_error()) [[likely]] {
    end_by_value(c, state);
  } else {
    try {
      std::rethrow_exception(state.take_noted_error());
    } catch (...) {
      end_by_exception(state);
    }
  }
  state.release();
}

void refuse_to_run(fiber& f, std::exception_ptr why) noexcept {
  fiber_task& task = fiber_task::of(f);
  future_state& state = task.state();
  state.discard_body();
  task.unlink();
  state.fail(std::move(why));
  state.release();
}

// For a signal handler: without allocation.
void write_name(const routine& r, char* text, std::size_t size) noexcept {
  const task_core& task = task_core::of(r);
  if (task.label.is_text()) {
    text[task.label.text().copy(text, size - 1)] = '\0';
    return;
  }
  char* const digits = std::copy_n("Task-", 5, text);
  *std::to_chars(digits, text + size - 1, task.label.number()).ptr = '\0';
}

const routine_owner task_owner = {
    &run_body,
    &refuse_to_run,
    &discard_coroutine,
    &finish_coroutine,
    [](routine& r) noexcept { task_core::of(r).state().release(); },
    [](routine& r) noexcept { task_core::of(r).state().add_ref(); },
    [](const routine& r) noexcept { return task_core::of(r).state().reason(); },
    &waits_on,
    &write_name,
};

void report_all(loop_core& loop) noexcept {
  for (ring_link* l = loop.tasks.next; l != &loop.tasks; l = l->next) {
    exception_context context;
    try {
      describe_task(task_core::of(*l), context);
      context.message = "Task was destroyed but it is pending";
    } catch (...) {
      continue;  // no memory for the name
    }
    loop.report(context);
  }
}

void cancel_all(loop_core& loop) noexcept {
  for (ring_link* l = loop.tasks.next; l != &loop.tasks; l = l->next) cancel_task(task_core::of(*l), nullptr);
}

}  // namespace

// Apart, so that a task without a name is made without what moving a string takes.
[[gnu::noinline]] static task_label label_of(std::string& name) {
  return name.empty() ? task_label(next_task_number()) : task_label(std::move(name));
}

[[gnu::always_inline]] inline seldom_of_task::seldom_of_task(const task_settings& settings)
    : label(settings.name == nullptr ? task_label(next_task_number()) : label_of(*settings.name)),
      file(settings.where.file_name()),
      line(settings.where.line()) {}

namespace {

template <class Task>
void* allocate_with(std::size_t size) {
  return static_cast<std::byte*>(allocate_block(size + Task::room())) + Task::room();
}

template <class Task>
void free_with(void* block, std::size_t size) noexcept {
  free_block(static_cast<std::byte*>(block) - Task::room(), size + Task::room());
}

template <class Task, class Start>
[[gnu::always_inline]] inline void attach(future_state& block, Start start, const task_settings& settings) {
  auto variables = settings.context != nullptr ? variable_slot(settings.context->box()) : current_variables().copy();
  auto& task = *::new (static_cast<void*>(reinterpret_cast<std::byte*>(&block) - Task::room())) Task(start, settings);
  task.variables = std::move(variables);
}

// Among its loop's unfinished tasks.
template <class Task>
[[gnu::always_inline]] inline Task& enroll(future_state& state) noexcept {
  Task& task = Task::in_front_of(state);
  loop_core& loop = state.loop();
  if (loop.report_tasks == nullptr) [[unlikely]] {
    loop.sched.set_owner(task_owner);
    loop.report_tasks = &report_all;
    loop.cancel_tasks = &cancel_all;
    loop.for_debuggers = &nakh_debugger_view;
  }
  state.add_ref();  // the routine's, until it has ended
  task.insert_before(loop.tasks);
  return task;
}

template <class Task>
[[gnu::always_inline]] inline void start(future_state& state, const task_settings& settings) noexcept {
  loop_core& loop = state.loop();
  Task& task = enroll<Task>(state);
  loop.keep_order();
  if (settings.eager_start.value_or(loop.eager_start) && this_loop == &loop && loop.sched.start_now(task)) return;
  loop.sched.push(task);
}

void require_open(const loop_core& loop) {
  loop.require_open();
  loop.require_own_thread("create_task");
}

}  // namespace

void* allocate_task(std::size_t size) { return allocate_with<fiber_task>(size); }

void free_task(void* block, std::size_t size) noexcept { free_with<fiber_task>(block, size); }

void attach_task(future_state& block, const task_settings& settings) {
  attach<fiber_task>(block, settings.stack_size == 0 ? block.loop().default_stack_class : stack_pool::class_of(settings.stack_size),
                     settings);
}

task_core* task_in_front_of(future_state& block) noexcept { return &fiber_task::in_front_of(block); }

void detach_task(task_core& task) noexcept { static_cast<fiber_task&>(task).~fiber_task(); }

void require_room(loop_core& loop, std::size_t stack_size) {
  require_open(loop);
  loop.sched.ensure_stack(stack_size == 0 ? loop.default_stack_class : stack_pool::class_of(stack_size));
}

void start_task(future_state& state, const task_settings& settings) noexcept { start<fiber_task>(state, settings); }

fiber& begin_as_guest(future_state& state) noexcept {
  fiber& guest = enroll<fiber_task>(state);
  guest.kind = ready_kind::guest;
  return guest;
}

void run_as_guest(fiber& guest) noexcept { run_body(guest); }

void* coroutine_block::allocate(std::size_t size, loop_core& loop) {
  require_open(loop);
  return allocate_with<coroutine_task>(size);
}

void coroutine_block::free(void* block, std::size_t size) noexcept { free_with<coroutine_task>(block, size); }

void coroutine_block::begin(future_state& block, std::coroutine_handle<> root, const task_settings& settings) {
  try {
    attach<coroutine_task>(block, root, settings);
  } catch (...) {
    root.destroy();
    throw;
  }
  start<coroutine_task>(block, settings);
}

task_core* coroutine_block::in_front_of(future_state& block) noexcept { return &coroutine_task::in_front_of(block); }

void coroutine_block::detach(future_state& block) noexcept { coroutine_task::in_front_of(block).~coroutine_task(); }

// A cancellation is handed on to what the task waits for: a task, all children of a gather, and so on. The round works
// that off from a list instead of by recursion, since such chains can be longer than a stack is deep: the outermost
// `cancel_task` interrupts one task after the other; those that this reaches are only noted, in front of the rest, which
// keeps asyncio's order.
namespace {

class cancel_round {
 public:
  void note(task_core& task) noexcept {
    try {
      note(*new noted{task, current_});
    } catch (const std::bad_alloc&) {
      // By recursion after all.
      task.round = task_core::in_round::handled;
      interrupt_wait(task);
      task.round = task_core::in_round::no;
    }
  }
  void run(task_core& outermost) noexcept {
    noted lone{outermost};  // most rounds need no other
    end_ = &first_;
    note(lone);
    noted* handled = nullptr;
    while (first_ != nullptr) {
      noted& n = *first_;
      first_ = n.next;
      end_ = &first_;
      n.task.round = task_core::in_round::handled;
      n.next = handled;
      handled = &n;
      current_ = &n;
      interrupt_wait(n.task);
    }
    while (handled != nullptr) {
      noted* const n = std::exchange(handled, handled->next);
      n->task.round = task_core::in_round::no;
      if (n != &lone) delete n;
    }
  }
  [[nodiscard]] bool comes_from(const task_core& task) const noexcept {
    for (const noted* n = current_; n != nullptr; n = n->noted_by) {
      if (&n->task == &task) return true;
    }
    return false;
  }

 private:
  struct noted {
    static void* operator new(std::size_t size) { return allocate_block(size); }
    static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

    task_core& task;
    const noted* noted_by = nullptr;  ///< Whose wait handed the request on to it.
    noted* next = nullptr;            ///< The next one noted, or handled.
  };

  void note(noted& n) noexcept {
    n.task.round = task_core::in_round::noted;
    n.next = *end_;
    *end_ = &n;
    end_ = &n.next;
  }
  static void interrupt_wait(task_core& task) noexcept { task.state().loop().sched.cancel(task.routine()); }

  noted* first_ = nullptr;          ///< Next to be handled.
  noted** end_ = nullptr;           ///< Where the next one is noted.
  const noted* current_ = nullptr;  ///< Whose wait is being interrupted.
};

thread_local constinit cancel_round* this_round = nullptr;

}  // namespace

bool cancel_task(task_core& task, const cancel_reason& reason) noexcept {
  task.state().mark_retrieved();
  if (task.state().done()) return false;
  ++task.cancel_requests;
  task.state().note_reason(reason);
  if (this_round == nullptr) {
    cancel_round round;
    this_round = &round;
    round.run(task);
    this_round = nullptr;
  } else if (task.round == task_core::in_round::no) {
    this_round->note(task);
  } else if (task.round == task_core::in_round::handled && this_round->comes_from(task)) {
    interrupt(task.routine());  // tasks that wait for each other: the circle is broken where it closes
  }
  return true;
}

int uncancel_task(task_core& task) noexcept {
  if (task.cancel_requests > 0) {
    --task.cancel_requests;
    if (task.cancel_requests == 0) task.routine().cancel_pending = false;
  }
  return cancel_requests(task);
}

int cancel_requests(const task_core& task) noexcept { return static_cast<int>(task.cancel_requests); }

std::string task_name(const task_core& task) {
  return task.label.is_text() ? task.label.text() : "Task-" + std::to_string(task.label.number());
}

void set_task_name(task_core& task, std::string name) { task.label = std::move(name); }

void describe_task(const task_core& task, exception_context& context) {
  context.message = "Task exception was never retrieved";
  context.source = task_name(task);
  context.where = task.where();
}

}  // namespace detail

any_task current_task() {
  static_cast<void>(detail::running_loop_core());
  detail::routine* const r = detail::this_scheduler->current_routine();
  if (r == nullptr) return any_task();
  return any_task(detail::ref<detail::future_state>::share(&detail::task_core::of(*r).state()));
}

std::vector<any_task> all_tasks() {
  detail::loop_core& loop = detail::running_loop_core();
  std::vector<any_task> tasks;
  for (detail::ring_link* l = loop.tasks.next; l != &loop.tasks; l = l->next) {
    tasks.emplace_back(detail::ref<detail::future_state>::share(&detail::task_core::of(*l).state()));
  }
  return tasks;
}

}  // namespace nakh
