// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/task_graph.hpp>

#include <cstdio>
#include <iosfwd>
#include <string>

/// @file
/// Looking at tasks while they run: who waits for whom, in what, and where in the source.
///
/// The graph itself is `call_graph`, in `nakh/task_graph.hpp`. Everything here is of the loop's thread, and suspends nobody. To
/// read stacks takes some 10 milliseconds at first and some 10 microseconds a task then, in a thread that is made for it, while
/// the caller waits.
/// @par Thread safety  The loop's thread only.
namespace nakh {

/// Puts the stack of each task of a graph into it that was taken in this step: of a waiting task where it waits, of the
/// current one from here on. Innermost call first, the library's own left out. Tasks that have not begun have none.
/// @throws usage_error     outside a loop: name the loop.
/// @throws std::bad_alloc
/// @par Complexity  O(tasks of the loop + steps of the stacks)
NAKH_API void read_stacks(task_graph& graph);
NAKH_API void read_stacks(task_graph& graph, const event_loop& loop);
/// Why there are no stacks here, as half a sentence; empty when there are. They need elfutils' libdw: its headers where
/// Nakh is built (libdw-dev), and the library (libdw1) where the program runs.
[[nodiscard]] NAKH_API std::string why_no_stacks();

/// A graph as text, the first entry on top, indented below it who awaits it. A task that awaits by several ways is there
/// as often, but what is below it only the first time.
/// @par Complexity  O(text); 64 levels are indented, deeper ones numbered.
/// @par Source      asyncio.format_call_graph (CPython 3.14).
[[nodiscard]] NAKH_API std::string format_call_graph(const task_graph& graph);
/// The other way round: each task that nobody awaits, and indented below it what it waits for, with its stack between. When
/// tasks wait for each other in a circle there is no tree, and the text names each circle.
/// @par Source  `python -m asyncio pstree` (CPython 3.14).
[[nodiscard]] NAKH_API std::string format_task_tree(const task_graph& graph);
/// A row for each task and awaiter: thread, id, name, state, stack, the awaiter's stack, its name and id, `0x0` for none.
/// @par Source  `python -m asyncio ps` (CPython 3.14).
[[nodiscard]] NAKH_API std::string format_task_table(const task_graph& graph);
/// A paragraph for each task: name, where it was made, what it waits for, its stack; and the circles, if there are any.
[[nodiscard]] NAKH_API std::string format_tasks(const task_graph& graph);

/// Prints the call graph of the current task, with stacks where there are any.
/// @throws usage_error  outside a loop (T-graph-03).
NAKH_API void print_call_graph(std::FILE* to = stdout);
NAKH_API void print_call_graph(std::ostream& to);
/// Of any task or future.
NAKH_API void print_call_graph(const any_task& task, std::FILE* to = stdout);
NAKH_API void print_call_graph(const any_task& task, std::ostream& to);
namespace detail {
NAKH_API void print_call_graph_of(future_state& state, std::FILE* to);
NAKH_API void print_call_graph_of(future_state& state, std::ostream& to);
}  // namespace detail
template <class T>
void print_call_graph(const future<T>& f, std::FILE* to = stdout) {
  detail::print_call_graph_of(f.state(), to);
}
template <class T>
void print_call_graph(const future<T>& f, std::ostream& to) {
  detail::print_call_graph_of(f.state(), to);
}
/// Prints the tree of the running loop's tasks, with stacks where there are any.
/// @throws usage_error  outside a loop.
NAKH_API void print_task_tree(std::FILE* to = stdout);
NAKH_API void print_task_tree(std::ostream& to);

/// Writes `format_tasks` of the running loop, with stacks, to a descriptor. What cannot be written is lost.
/// @throws usage_error  outside a loop.
NAKH_API void dump_tasks(int fd = 2);
/// Of a loop that does not run.
NAKH_API void dump_tasks(int fd, const event_loop& loop);

/// From now on the running loop dumps its tasks when `signal` arrives: `install_dump_handler(SIGQUIT)`, and Ctrl-\ shows them.
///
/// The loop itself does that, as soon as it gets a turn, so that the dump is never of something half changed. A task that has
/// run for long keeps it from that: so its name, and nothing else, is written at once, in the signal handler. Replaces a
/// handler that `add_signal_handler` gave to the loop, and ends with the loop. Is no reason to think that a task can still be
/// woken (`deadlock_error`).
/// @throws usage_error            outside a loop; when the signal cannot be caught.
/// @throws std::invalid_argument  when there is no such signal.
NAKH_API void install_dump_handler(int signal, int fd = 2);
/// Restores the signal's default. False when the running loop had no handler for it.
NAKH_API bool remove_dump_handler(int signal);

}  // namespace nakh
