// SPDX-License-Identifier: BSL-1.0
// Asks which tasks there are and what each of them waits for.
#include <nakh/nakh.hpp>

#include <chrono>
#include <cstddef>
#include <iostream>

using namespace std::chrono_literals;

// [main]
void show_tasks() {
  const nakh::task_graph graph = nakh::call_graph(nakh::get_running_loop());
  for (const nakh::task_info& task : graph.tasks) {
    std::cout << task.name << ": " << nakh::to_string(task.state);
    if (!task.waits_in.empty()) std::cout << " in " << task.waits_in;
    for (const std::size_t other : task.waits_for)
      std::cout << ", for " << graph.tasks[other].name;
    std::cout << '\n';
  }
}

int main() {
  nakh::run([] {
    nakh::event dinner;
    const auto cook = nakh::async(nakh::task_options{.name = "cook"}, [&] {
      nakh::sleep(10s);
      dinner.set();
    });
    const auto guest =
        nakh::async(nakh::task_options{.name = "guest"}, [&] { dinner.wait(); });
    const auto waiter = nakh::async(nakh::task_options{.name = "waiter"},
                                    [&] { nakh::gather(cook, guest); });
    nakh::sleep(1s);
    show_tasks();
    nakh::await(waiter);
  });
}
// [main]
