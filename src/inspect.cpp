// SPDX-License-Identifier: BSL-1.0
#include <nakh/inspect.hpp>

#include "awaiting.hpp"
#include "stack_walk.hpp"
#include "task_core.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ostream>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace nakh {

namespace detail {

namespace {

constexpr std::size_t most_indented = 64;
constexpr std::size_t widest_column = 48;  // what is longer stands out

std::string format_stack_names(const task_info& task) {
  std::string text;
  for (const stack_entry& e : task.stack) {
    if (!text.empty()) text += " -> ";
    text += e.function.empty() ? format_address(e.address) : e.function;
  }
  return text.empty() ? "-" : text;
}

std::string format_head(const task_graph& graph, const task_info& task) { return format_name(task) + " " + format_state(graph, task); }

// Gives back why there are none.
std::string read_stacks(task_graph& graph, const loop_core& loop) {
  std::unordered_map<std::uintptr_t, const task_core*> tasks;
  for (ring_link* l = loop.tasks.next; l != &loop.tasks; l = l->next) {
    const task_core& task = task_core::of(*l);
    tasks.emplace(reinterpret_cast<std::uintptr_t>(&task.state()), &task);
  }
  std::vector<stack_request> requests;
  for (task_info& info : graph.tasks) {
    const auto found = tasks.find(info.id);
    if (!info.is_task || found == tasks.end()) continue;
    if (const fiber* const f = found->second->as_fiber()) requests.push_back({f, &info.stack});
  }
  return walk_stacks(requests);
}

// Tasks as an indented list along one kind of edge. Written without recursion: a chain of tasks can be longer than a stack
// is deep.
class outline {
 public:
  using edges = std::vector<std::size_t> task_info::*;
  outline(const task_graph& graph, edges down) : graph_(graph), down_(down), is_written_(graph.tasks.size(), false) {}

  template <class Write>
  void write_below(std::size_t top, Write&& write) {
    todo_.push_back({top, 0, true});
    while (!todo_.empty()) {
      const entry e = todo_.back();
      todo_.pop_back();
      const task_info& task = graph_.tasks[e.place];
      const std::vector<std::size_t>& below = task.*down_;
      const bool again = is_written_[e.place] && !below.empty();
      is_written_[e.place] = true;
      write(task, e.level, e.is_last, again);
      if (again) continue;
      for (std::size_t i = below.size(); i-- > 0;) todo_.push_back({below[i], e.level + 1, i + 1 == below.size()});
    }
  }

 private:
  struct entry {
    std::size_t place;
    std::size_t level;
    bool is_last;  ///< Of those below the same one.
  };
  const task_graph& graph_;
  edges down_;
  std::vector<bool> is_written_;
  std::vector<entry> todo_;
};

std::string indent_of(std::size_t level, std::size_t width) {
  std::string text(std::min(level, most_indented) * width, ' ');
  if (level > most_indented) text += "[" + std::to_string(level) + "] ";
  return text;
}

template <class Format>
std::string with_stacks(task_graph graph, const loop_core& loop, Format&& format) {
  static_cast<void>(read_stacks(graph, loop));
  return format(graph);
}

void write_to(std::FILE* to, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), to);
  std::fflush(to);
}
void write_to(std::ostream& to, const std::string& text) { to << text << std::flush; }
void write_to(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

std::string format_dump(const loop_core& loop) {
  task_graph graph = graph_of(loop);
  const std::string obstacle = read_stacks(graph, loop);
  std::string text = "nakh: " + std::to_string(graph.tasks.size()) + (graph.tasks.size() == 1 ? " task" : " tasks") +
                     " of the loop in thread " + std::to_string(graph.thread) + "\n";
  if (!obstacle.empty()) text += "no stacks: " + obstacle + "\n";
  return text + format_tasks(graph);
}

// --- In the signal handler ---

struct dump_signal {
  std::atomic<int> fd = 2;
  struct sigaction former{};  ///< Asio's.
};
std::array<dump_signal, NSIG> dump_signals;

void on_dump_signal(int signal, siginfo_t* info, void* machine) {
  const int error = errno;
  const dump_signal& own = dump_signals.begin()[signal];
  const scheduler* const s = this_scheduler;
  const routine* const r = s != nullptr ? s->current_routine() : nullptr;
  // The loop's own stack stands there as a fiber for a moment when it is switched to.
  if (r != nullptr && (r->is_coroutine() || static_cast<const fiber*>(r)->stack_top != nullptr)) {
    char text[512] = "nakh: now runs task '";
    std::size_t length = std::strlen(text);
    s->owner().write_name(*r, text + length, 256);
    length += std::strlen(text + length);
    constexpr char rest[] = "'; the others follow as soon as it waits\n";
    std::memcpy(text + length, rest, sizeof rest);
    write_to(own.fd.load(std::memory_order_relaxed), text);
  }
  if ((own.former.sa_flags & SA_SIGINFO) != 0) {
    own.former.sa_sigaction(signal, info, machine);
  } else if (own.former.sa_handler != SIG_DFL && own.former.sa_handler != SIG_IGN) {
    own.former.sa_handler(signal);
  }
  errno = error;
}

// In front of Asio's handler, which goes on to wake the loop. Asio puts the default back with its last watch.
void stand_in_front(int signal, int fd) noexcept {
  dump_signal& own = dump_signals.begin()[signal];
  own.fd.store(fd, std::memory_order_relaxed);  // a number and nothing behind it
  struct sigaction present{};
  if (sigaction(signal, nullptr, &present) != 0) return;
  if ((present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == &on_dump_signal) return;
  own.former = present;
  struct sigaction action{};
  action.sa_sigaction = &on_dump_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  action.sa_mask = present.sa_mask;
  sigaction(signal, &action, nullptr);
}

void check_signal_number(int signal) {
  if (signal >= 1 && signal < NSIG) return;
  throw std::invalid_argument("nakh: there is no signal " + std::to_string(signal) + "; signals are 1 to " + std::to_string(NSIG - 1));
}

}  // namespace

void print_call_graph_of(future_state& state, std::FILE* to) {
  write_to(to, with_stacks(graph_of(state), state.loop(), &format_call_graph));
}
void print_call_graph_of(future_state& state, std::ostream& to) {
  write_to(to, with_stacks(graph_of(state), state.loop(), &format_call_graph));
}

}  // namespace detail

void read_stacks(task_graph& graph) { static_cast<void>(detail::read_stacks(graph, detail::running_loop_core())); }

void read_stacks(task_graph& graph, const event_loop& loop) { static_cast<void>(detail::read_stacks(graph, loop.core())); }

std::string why_no_stacks() { return detail::walk_stacks({}); }

std::string format_call_graph(const task_graph& graph) {
  std::string text;
  if (graph.tasks.empty()) return text;
  detail::outline(graph, &task_info::awaited_by).write_below(0, [&](const task_info& task, std::size_t level, bool, bool again) {
    const std::string indent = detail::indent_of(level, 4);
    text += indent + "* " + detail::format_head(graph, task) + (again ? ", see above\n" : "\n");
    if (again) return;
    if (!task.stack.empty()) text += indent + "  + Stack:\n";
    for (const stack_entry& e : task.stack) text += indent + "  |   " + detail::format_step(e) + "\n";
    if (!task.awaited_by.empty()) text += indent + "  + Awaited by:\n";
  });
  return text;
}

std::string format_task_tree(const task_graph& graph) {
  const auto cycles = graph.cycles();
  std::string text;
  if (!cycles.empty()) {
    text = "There is no tree, since tasks wait for each other:\n";
    for (const auto& cycle : cycles) text += "  " + detail::format_cycle(graph, cycle) + "\n";
    return text;
  }
  detail::outline all(graph, &task_info::waits_for);
  std::string branches;                // what stands in front of a line
  std::vector<std::size_t> widths{0};  // of `branches`, by level
  for (std::size_t i = 0; i < graph.tasks.size(); ++i) {
    if (!graph.tasks[i].awaited_by.empty()) continue;
    all.write_below(i, [&](const task_info& task, std::size_t level, bool is_last, bool again) {
      branches.resize(widths[level]);
      widths.resize(level + 1);
      text += branches + (is_last ? "└── " : "├── ");
      if (level > detail::most_indented) text += "[" + std::to_string(level) + "] ";
      text += "(T) " + detail::format_head(graph, task) + (again ? ", see above\n" : "\n");
      if (level < detail::most_indented) branches += is_last ? "    " : "│   ";
      widths.push_back(branches.size());
      if (again) return;
      const std::string step = branches + (task.waits_for.empty() ? "    " : "│   ");
      for (auto e = task.stack.rbegin(); e != task.stack.rend(); ++e) text += step + detail::format_step(*e) + "\n";
    });
  }
  return text;
}

std::string format_task_table(const task_graph& graph) {
  using row = std::array<std::string, 8>;
  std::vector<row> rows{{"thread", "task id", "task", "state", "stack", "awaiter chain", "awaiter", "awaiter id"}};
  for (const task_info& task : graph.tasks) {
    if (!task.is_task) continue;
    const row own{std::to_string(graph.thread),
                  detail::format_address(task.id),
                  task.name,
                  detail::format_state(graph, task),
                  detail::format_stack_names(task),
                  "-",
                  "-",
                  "0x0"};
    if (task.awaited_by.empty()) rows.push_back(own);
    for (const std::size_t place : task.awaited_by) {
      const task_info& awaiter = graph.tasks[place];
      row& r = rows.emplace_back(own);
      r[5] = detail::format_stack_names(awaiter);
      r[6] = awaiter.name;
      r[7] = detail::format_address(awaiter.id);
    }
  }
  std::array<std::size_t, 8> widths{};
  for (const row& r : rows) {
    for (std::size_t i = 0; i < r.size(); ++i) widths[i] = std::max(widths[i], std::min(r[i].size(), detail::widest_column));
  }
  std::string text;
  for (const row& r : rows) {
    for (std::size_t i = 0; i + 1 < r.size(); ++i) text += r[i] + std::string(std::max(widths[i], r[i].size()) - r[i].size() + 2, ' ');
    text += r.back() + "\n";
  }
  return text;
}

std::string format_tasks(const task_graph& graph) {
  std::string text;
  for (const auto& cycle : graph.cycles()) text += "they wait for each other: " + detail::format_cycle(graph, cycle) + "\n";
  for (const task_info& task : graph.tasks) {
    text += detail::format_head(graph, task) + "\n";
    for (const stack_entry& e : task.stack) text += "    " + detail::format_step(e) + "\n";
  }
  return text;
}

namespace {

template <class To>
void print_current(To&& to) {
  const detail::loop_core& loop = detail::running_loop_core();
  detail::write_to(to, detail::with_stacks(call_graph(), loop, &format_call_graph));
}

template <class To>
void print_tree(To&& to) {
  const detail::loop_core& loop = detail::running_loop_core();
  detail::write_to(to, detail::with_stacks(detail::graph_of(loop), loop, &format_task_tree));
}

}  // namespace

void print_call_graph(std::FILE* to) { print_current(to); }
void print_call_graph(std::ostream& to) { print_current(to); }

void print_call_graph(const any_task& task, std::FILE* to) {
  const auto state = task.share();
  if (!state) throw std::invalid_argument("nakh: print_call_graph was given a handle that stands for no task");
  detail::print_call_graph_of(*state, to);
}
void print_call_graph(const any_task& task, std::ostream& to) {
  const auto state = task.share();
  if (!state) throw std::invalid_argument("nakh: print_call_graph was given a handle that stands for no task");
  detail::print_call_graph_of(*state, to);
}

void print_task_tree(std::FILE* to) { print_tree(to); }
void print_task_tree(std::ostream& to) { print_tree(to); }

void dump_tasks(int fd) { detail::write_to(fd, detail::format_dump(detail::running_loop_core())); }

void dump_tasks(int fd, const event_loop& loop) { detail::write_to(fd, detail::format_dump(loop.core())); }

void install_dump_handler(int signal, int fd) {
  detail::check_signal_number(signal);
  detail::loop_core& loop = detail::running_loop_core();
  try {
    loop.io.watch_signal(signal, detail::reactor::watcher::library, [&loop, fd] {
      try {
        detail::write_to(fd, detail::format_dump(loop));
      } catch (...) {
        detail::write_to(fd, "nakh: there is no memory to dump the tasks\n");
      }
    });
  } catch (const std::system_error&) {
    throw usage_error("nakh: signal " + std::to_string(signal) + " cannot be caught");
  }
  detail::stand_in_front(signal, fd);
}

bool remove_dump_handler(int signal) {
  detail::check_signal_number(signal);
  return detail::running_loop_core().io.unwatch_signal(signal);
}

}  // namespace nakh
