// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/future.hpp>
#include <nakh/loop.hpp>
#include <nakh/source_location.hpp>
#include <nakh/task.hpp>
#include <nakh/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nakh {

/// One step of a parked fiber's stack.
struct stack_entry {
  std::uintptr_t address = 0;  ///< Where it goes on.
  std::string function{};      ///< Demangled; empty when unknown.
  std::string file{};          ///< Empty when unknown: stripped, or built without `-g`.
  int line = 0;                ///< 0 when unknown.
};

/// What a task is doing.
enum class task_state : unsigned char {
  not_begun,  ///< Its body has not run yet.
  ready,      ///< Will go on in its turn.
  running,    ///< The one that asks.
  waiting,    ///< Is parked: see `task_info::waits_in`.
  done,       ///< Has ended, or was cancelled.
};
/// As words: "not begun".
/// @par Thread safety  Any thread.
[[nodiscard]] NAKH_API const char* to_string(task_state s) noexcept;

/// What can be told about a task.
struct task_info {
  /// The task's name.
  std::string name{};
  std::uintptr_t id = 0;                   ///< Tells tasks of one name apart: an address.
  source_location where{};                 ///< Where it was made; line 0 when unknown.
  task_state state = task_state::waiting;  ///< What it is doing.
  bool is_task = true;                     ///< False: a future that no task stands behind; its name is its kind.
  std::string waits_in{};                  ///< "sleep", "mutex", "gather", "task", "future"; empty unless it waits.
  std::uintptr_t waits_at = 0;             ///< The address of the future or of the primitive's line; 0 when there is none.
  std::optional<time_point> until{};       ///< The end of a sleep, on the loop's clock.
  std::vector<std::size_t> waits_for{};    ///< Unfinished tasks, as places in `task_graph::tasks`, each once.
  std::vector<std::size_t> awaited_by{};   ///< The same from the other side.
  std::vector<stack_entry> stack{};        ///< Innermost first; empty unless asked for: see `nakh/inspect.hpp`.
};

/// Tasks, and who waits for whom: through `gather`, `wait`, `shield`, `wait_for`, `timeout` and task groups (T-graph-02).
/// Plain data: what is done to the tasks afterwards does not change it.
/// @par Thread safety  As any plain data.
struct task_graph {
  std::vector<task_info> tasks{};  ///< What was asked for first; of a whole loop, all in order of creation.
  time_point taken_at{};           ///< On the loop's clock.
  int thread = 0;                  ///< The system's number of the thread that ran the loop last; 0: none did.

  /// Tasks that wait for each other in a circle: each circle's places in turn, every task in one circle at most.
  /// @par Complexity  O(tasks + edges), and the length of the way for each circle.
  [[nodiscard]] NAKH_API std::vector<std::vector<std::size_t>> cycles() const;
};

/// The current task, and every task that awaits it, and those that await them, and so on (T-graph-01). Empty in a plain
/// callback of a loop.
/// @throws usage_error     outside a loop (T-graph-03).
/// @throws std::bad_alloc
/// @par Suspends       Never.
/// @par Thread safety  The loop's thread only.
/// @par Complexity     O(tasks of the loop + edges)
/// @par Source         asyncio.capture_call_graph (CPython 3.14). Differs: the edges are data, and stacks are asked for apart.
[[nodiscard]] NAKH_API task_graph call_graph();
/// The same from another task on; also outside of its loop's run. One that is done is awaited by nobody (T-graph-04).
[[nodiscard]] NAKH_API task_graph call_graph(const any_task& task);
/// Every unfinished task of a loop.
[[nodiscard]] NAKH_API task_graph call_graph(const event_loop& loop);

namespace detail {

[[nodiscard]] NAKH_API task_graph graph_of(future_state& state);
/// Of all tasks of the loop.
[[nodiscard]] task_graph graph_of(const loop_core& loop);
/// A line for each task: its name, where it was made, what it waits for; before them a line for each circle.
[[nodiscard]] std::string format_waits(const task_graph& graph);
/// "0x7f12"
[[nodiscard]] std::string format_address(std::uintptr_t address);
/// "'name' (made at file:line)"
[[nodiscard]] std::string format_name(const task_info& task);
/// "waits in gather for 'a', 'b'"
[[nodiscard]] std::string format_state(const task_graph& graph, const task_info& task);
/// "function at file:line"
[[nodiscard]] std::string format_step(const stack_entry& e);
/// "'a' -> 'b' -> 'a'"
[[nodiscard]] std::string format_cycle(const task_graph& graph, const std::vector<std::size_t>& cycle);

}  // namespace detail

/// The same from a future on: the first entry is the future itself, a task or not.
template <class T>
[[nodiscard]] task_graph call_graph(const future<T>& f) {
  return detail::graph_of(f.state());
}

}  // namespace nakh
