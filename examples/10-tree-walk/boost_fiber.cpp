// SPDX-License-Identifier: BSL-1.0
// Recursion that waits at every depth. The function that recurses is an ordinary one.
#include <boost/fiber/all.hpp>

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
constexpr std::chrono::nanoseconds second = 200ms;  // here time is always real

int walk(const folder& f, const std::string& above, std::chrono::nanoseconds pause) {
  boost::this_fiber::sleep_for(pause);  // as if from a slow disk
  const std::string path = above + f.name;
  std::cout << path << '\n';
  int count = 1;
  for (const folder& each : f.inside) count += walk(each, path + '/', pause);
  return count;
}

void measure(const folder& tree, std::chrono::nanoseconds pause) {
  const auto start = std::chrono::steady_clock::now();
  const int count = walk(tree, "", pause);
  const auto took = (std::chrono::steady_clock::now() - start) / second;
  std::cout << tree.name << ": " << count << " folders in " << took << " s\n";
}

int main() {
  boost::fibers::fiber first([] { measure(house, second); });
  boost::fibers::fiber other([] { measure(garden, second / 4); });
  first.join();
  other.join();
}
// [main]
