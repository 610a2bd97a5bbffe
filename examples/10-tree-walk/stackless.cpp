// SPDX-License-Identifier: BSL-1.0
// Recursion that waits at every depth. Each level is a coroutine with a frame of its own, down to the last.
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;

struct folder {
  std::string name;
  std::vector<folder> inside;
};

const folder house = {"house",
                      {{"cellar", {{"wine", {}}}}, {"kitchen", {{"drawer", {}}}}}};
const folder garden = {"garden", {{"shed", {{"tools", {}}}}, {"pond", {}}}};

// [main]
namespace sl = nakh::stackless;

sl::task<int> walk(const folder& f, std::string above, nakh::delay pause) {
  co_await sl::sleep(pause);  // as if from a slow disk
  const std::string path = above + f.name;
  std::cout << path << '\n';
  int count = 1;
  for (const folder& each : f.inside) count += co_await walk(each, path + '/', pause);
  co_return count;
}

sl::task<> measure(const folder& tree, nakh::delay pause) {
  const auto start = nakh::clock::now();
  const int count = co_await walk(tree, "", pause);
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << tree.name << ": " << count << " folders in " << took.count() << " s\n";
}

sl::task<> measure_both() {
  co_await sl::gather(measure(house, 1s), measure(garden, 250ms));
}

int main() { sl::run(measure_both()); }
// [main]
