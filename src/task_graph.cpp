// SPDX-License-Identifier: BSL-1.0
#include <nakh/task_graph.hpp>

#include "awaiting.hpp"
#include "task_core.hpp"

#include <algorithm>
#include <cstdio>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace nakh {

const char* to_string(task_state s) noexcept {
  switch (s) {
    case task_state::not_begun:
      return "not begun";
    case task_state::ready:
      return "ready";
    case task_state::running:
      return "running";
    case task_state::waiting:
      return "waiting";
    case task_state::done:
      break;
  }
  return "done";
}

namespace detail {

namespace {

std::uintptr_t address_of(const void* p) noexcept { return reinterpret_cast<std::uintptr_t>(p); }

task_state state_of(const task_core& task) noexcept {
  if (task.state().done()) return task_state::done;
  const routine& r = task.routine();
  if (r.state == routine_state::parked) return task_state::waiting;
  if (task.state().loop().sched.current_routine() == &r) return task_state::running;
  return r.has_begun() ? task_state::ready : task_state::not_begun;
}

task_info describe(const task_core& task) {
  task_info info{.name = task_name(task), .id = address_of(&task.state()), .where = task.where(), .state = state_of(task)};
  if (info.state != task_state::waiting) return info;
  const wait_description wait = describe_wait(task);
  info.waits_in = wait.what;
  info.until = wait.until;
  info.waits_at = address_of(wait.at);
  return info;
}

task_info describe(future_state& state) {
  if (const task_core* const task = state.as_task()) return describe(*task);
  return {.name = state.kind(),
          .id = address_of(&state),
          .where = state.origin(),
          .state = state.done() ? task_state::done : task_state::waiting,
          .is_task = false};
}

// Finds the tasks that a parked one waits for: those behind the future that it awaits, through gathers of shields and so
// on, without recursion, since these can be long.
class edge_finder final : public future_visitor {
 public:
  void operator()(future_state& awaited) override {
    if (awaited.done()) return;
    if (awaited.as_task() != nullptr) {
      tasks.push_back(&awaited);
    } else if (seen_.insert(&awaited).second) {
      to_ask_.push_back(&awaited);
      others.push_back(&awaited);
    }
  }
  void look_at(const task_core& waiting) {
    tasks.clear();
    others.clear();
    seen_.clear();
    if (future_state* const awaited = awaited_by(waiting.routine())) {
      (*this)(*awaited);
    } else if (const wait_queue* const line = wait_queue::where_waits(waiting.routine())) {
      for_each_member(*line, *this);
    }
    while (!to_ask_.empty()) {
      future_state& next = *to_ask_.back();
      to_ask_.pop_back();
      next.for_each_awaited(*this);
    }
  }

  std::vector<const future_state*> tasks;   ///< What it found; one may be there twice.
  std::vector<const future_state*> others;  ///< Futures on the way.

 private:
  std::vector<future_state*> to_ask_;
  std::unordered_set<const future_state*> seen_;
};

// All tasks of `loop`, behind `first` when that is no unfinished task itself.
task_graph collect(const loop_core& loop, future_state* first) {
  task_graph graph{.tasks = {}, .taken_at = loop.time(), .thread = loop.thread};
  std::unordered_map<const future_state*, std::size_t> places;
  std::vector<const task_core*> waiting;
  const auto add = [&](const task_core& task) {
    places.emplace(&task.state(), graph.tasks.size());
    graph.tasks.push_back(describe(task));
    waiting.push_back(&task);
  };
  if (first != nullptr) {
    places.emplace(first, 0);
    graph.tasks.push_back(describe(*first));
    waiting.push_back(first->as_task());
  }
  for (ring_link* l = loop.tasks.next; l != &loop.tasks; l = l->next) {
    const task_core& task = task_core::of(*l);
    if (&task.state() != first) add(task);
  }

  edge_finder found;
  std::vector<std::size_t> last_awaiter(graph.tasks.size(), graph.tasks.size());
  for (std::size_t i = 0; i < graph.tasks.size(); ++i) {
    if (waiting[i] == nullptr || graph.tasks[i].state != task_state::waiting) continue;
    found.look_at(*waiting[i]);
    const auto connect = [&](const future_state* awaited) {
      const auto place = places.find(awaited);
      if (place == places.end() || last_awaiter[place->second] == i) return;
      last_awaiter[place->second] = i;
      graph.tasks[i].waits_for.push_back(place->second);
      graph.tasks[place->second].awaited_by.push_back(i);
    };
    for (const future_state* s : found.tasks) connect(s);
    for (const future_state* s : found.others) connect(s);
  }
  return graph;
}

// The first one and who awaits it, directly or not.
task_graph with_awaiters_only(task_graph all) {
  constexpr auto nowhere = static_cast<std::size_t>(-1);
  std::vector<std::size_t> new_place(all.tasks.size(), nowhere);
  std::vector<std::size_t> kept{0};
  new_place[0] = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    for (const std::size_t awaiter : all.tasks[kept[i]].awaited_by) {
      if (new_place[awaiter] != nowhere) continue;
      new_place[awaiter] = kept.size();
      kept.push_back(awaiter);
    }
  }
  task_graph graph{.tasks = {}, .taken_at = all.taken_at, .thread = all.thread};
  graph.tasks.reserve(kept.size());
  for (const std::size_t place : kept) {
    task_info& task = graph.tasks.emplace_back(std::move(all.tasks[place]));
    std::erase_if(task.waits_for, [&](std::size_t p) { return new_place[p] == nowhere; });
    for (auto* const edges : {&task.waits_for, &task.awaited_by}) {
      for (std::size_t& p : *edges) p = new_place[p];
    }
  }
  return graph;
}

}  // namespace

wait_description describe_wait(const task_core& parked) noexcept {
  const routine& r = parked.routine();
  if (const future_state* const awaited = awaited_by(r)) return {awaited->kind(), std::nullopt, awaited};
  return {r.parked_in->kind->what, sleeps_until(r), wait_queue::where_waits(r)};
}

std::vector<task_core*> awaited_tasks(const task_core& parked) {
  edge_finder found;
  found.look_at(parked);
  std::vector<task_core*> tasks;
  for (const future_state* const s : found.tasks) {
    task_core* const task = const_cast<future_state*>(s)->as_task();
    if (std::find(tasks.begin(), tasks.end(), task) == tasks.end()) tasks.push_back(task);
  }
  return tasks;
}

task_graph graph_of(future_state& state) { return with_awaiters_only(collect(state.loop(), &state)); }

task_graph graph_of(const loop_core& loop) { return collect(loop, nullptr); }

std::string format_address(std::uintptr_t n) {
  char text[2 + 2 * sizeof n + 1];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(n));
  return text;
}

std::string format_name(const task_info& task) {
  std::string text = task.is_task ? "'" + task.name + "'" : task.name + " " + format_address(task.id);
  if (task.where.line() != 0) text += std::string(" (made at ") + task.where.file_name() + ":" + std::to_string(task.where.line()) + ")";
  return text;
}

std::string format_state(const task_graph& graph, const task_info& task) {
  constexpr std::size_t most_names = 8;
  switch (task.state) {
    case task_state::not_begun:
      return "has not begun";
    case task_state::ready:
      return "is ready";
    case task_state::running:
      return "runs";
    case task_state::done:
      return "has ended";
    case task_state::waiting:
      break;
  }
  if (!task.is_task) return "is not done";
  if (task.until) {
    char text[64];
    std::snprintf(text, sizeof text, "sleeps for another %.3f s", std::chrono::duration<double>(*task.until - graph.taken_at).count());
    return text;
  }
  std::string text = "waits";
  if (task.waits_in != "task") {
    text += " in " + (task.waits_in.empty() ? std::string("something unnamed") : task.waits_in);
    if (task.waits_for.empty() && task.waits_at != 0) text += " " + format_address(task.waits_at);
  }
  for (std::size_t i = 0; i < task.waits_for.size(); ++i) {
    if (i == most_names) {
      text += " and " + std::to_string(task.waits_for.size() - i) + " more";
      break;
    }
    text += (i == 0 ? " for '" : ", '") + graph.tasks[task.waits_for[i]].name + "'";
  }
  return text;
}

std::string format_step(const stack_entry& e) {
  std::string text = e.function.empty() ? format_address(e.address) : e.function;
  if (!e.file.empty()) text += " at " + e.file + ":" + std::to_string(e.line);
  return text;
}

std::string format_cycle(const task_graph& graph, const std::vector<std::size_t>& cycle) {
  std::string text;
  for (const std::size_t place : cycle) text += "'" + graph.tasks[place].name + "' -> ";
  return text + "'" + graph.tasks[cycle.front()].name + "'";
}

std::string format_waits(const task_graph& graph) {
  std::string text;
  for (const auto& cycle : graph.cycles()) text += "they wait for each other: " + format_cycle(graph, cycle) + "\n";
  for (const task_info& task : graph.tasks) text += "  " + format_name(task) + " " + format_state(graph, task) + "\n";
  return text;
}

}  // namespace detail

std::vector<std::vector<std::size_t>> task_graph::cycles() const {
  enum class seen : unsigned char { no, open, closed };
  std::vector<seen> state(tasks.size(), seen::no);
  std::vector<bool> in_cycle(tasks.size(), false);
  std::vector<std::vector<std::size_t>> found;
  struct step {
    std::size_t place;
    std::size_t next_edge;
  };
  std::vector<step> path;
  for (std::size_t start = 0; start < tasks.size(); ++start) {
    if (state[start] != seen::no) continue;
    state[start] = seen::open;
    path.push_back({start, 0});
    while (!path.empty()) {
      step& here = path.back();
      if (here.next_edge == tasks[here.place].waits_for.size()) {
        state[here.place] = seen::closed;
        path.pop_back();
        continue;
      }
      const std::size_t next = tasks[here.place].waits_for[here.next_edge++];
      if (state[next] == seen::no) {
        state[next] = seen::open;
        path.push_back({next, 0});
      } else if (state[next] == seen::open) {
        const auto begin = std::find_if(path.begin(), path.end(), [next](const step& s) { return s.place == next; });
        if (std::any_of(begin, path.end(), [&](const step& s) { return in_cycle[s.place]; })) continue;
        std::vector<std::size_t>& cycle = found.emplace_back();
        for (auto s = begin; s != path.end(); ++s) {
          in_cycle[s->place] = true;
          cycle.push_back(s->place);
        }
      }
    }
  }
  return found;
}

task_graph call_graph() {
  detail::loop_core& loop = detail::running_loop_core();
  detail::routine* const r = loop.sched.current_routine();
  if (r == nullptr) return {};
  return detail::graph_of(detail::task_core::of(*r).state());
}

task_graph call_graph(const any_task& task) {
  if (!task) throw std::invalid_argument("nakh: call_graph was given a handle that stands for no task");
  return detail::graph_of(*task.share());
}

task_graph call_graph(const event_loop& loop) { return detail::graph_of(loop.core()); }

}  // namespace nakh
