// SPDX-License-Identifier: BSL-1.0
#include "debugger_view.hpp"

#include "awaiting.hpp"
#include "task_core.hpp"

#include <nakh/lowlevel.hpp>

#include <cstddef>

namespace nakh::detail {

namespace {

template <class Whole, class Part>
std::uint64_t distance(const Whole* whole, const Part* part) noexcept {
  return static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(part) - reinterpret_cast<const std::byte*>(whole));
}

}  // namespace

// Classes with bases have no standard `offsetof`: the distances are taken in memory where no object is.
debugger_view debugger_view::make() noexcept {
  alignas(fiber_task) static std::byte task_room[sizeof(fiber_task)];
  alignas(loop_core) static std::byte loop_room[sizeof(loop_core)];
  auto& task = *reinterpret_cast<fiber_task*>(task_room);
  auto& loop = *reinterpret_cast<loop_core*>(loop_room);
  debugger_view v{};
  v.version = 4;
  v.first_loop = &detail::first_loop;
  v.await = &layout_of_await;
  v.saved = &saved_frame::found;
  v.registers = saved_frame::registers.data();
  v.register_count = saved_frame::registers.size();
  v.saved_resume = offsetof(saved_frame, resume);
  v.saved_size = offsetof(saved_frame, size);
  v.loop_next = distance(&loop, &loop.next_loop);
  v.loop_tasks = distance(&loop, &loop.tasks);
  v.loop_thread = distance(&loop, &loop.thread);
  v.loop_current = distance(&loop, &loop.sched.current_);
  v.loop_coroutine = distance(&loop, &loop.sched.coroutine_);
  v.task_link = distance(&task, static_cast<detail::ring_link*>(&task));
  v.task_routine = distance(&task, static_cast<routine*>(&task));
  v.task_label = distance(&task, &task.label);
  v.task_where = distance(&task, &task.file);
  v.task_state = distance(&task, &task.routine::state);
  v.task_kind = distance(&task, &task.kind);
  v.task_op = distance(&task, &task.parked_in);
  v.task_stack_top = distance(&task, &task.stack_top);
  v.task_stack_pointer = distance(&task, &task.ctx.stack_pointer_);
  v.task_future = fiber_task::room();
  v.coroutine_kinds = static_cast<std::uint64_t>(ready_kind::coroutine);
  v.coroutine_future = coroutine_task::room();
  v.op_kind = offsetof(lowlevel::wait_op, kind);
  v.kind_what = offsetof(lowlevel::wait_kind, what);
  alignas(side_stack) static std::byte side_room[sizeof(side_stack)];
  auto& side = *reinterpret_cast<side_stack*>(side_room);
  v.task_side = distance(&task, &task.side);
  v.side_below = distance(&side, &side.below);
  v.side_stack_top = distance(&side, &side.memory.top);
  v.side_caller = distance(&side, &side.caller.stack_pointer_);
#if defined(__GLIBCXX__)
  v.is_libstdcxx = 1;
#endif
  return v;
}

}  // namespace nakh::detail

const nakh::detail::debugger_view nakh_debugger_view = nakh::detail::debugger_view::make();
