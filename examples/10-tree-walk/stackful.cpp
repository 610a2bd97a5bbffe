// SPDX-License-Identifier: BSL-1.0
// Recursion that waits at every depth. The function that recurses is an ordinary one.
#include <nakh/nakh.hpp>

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
int walk(const folder& f, const std::string& above, nakh::delay pause) {
  nakh::sleep(pause);  // as if from a slow disk
  const std::string path = above + f.name;
  std::cout << path << '\n';
  int count = 1;
  for (const folder& each : f.inside) count += walk(each, path + '/', pause);
  return count;
}

void measure(const folder& tree, nakh::delay pause) {
  const auto start = nakh::clock::now();
  const int count = walk(tree, "", pause);
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << tree.name << ": " << count << " folders in " << took.count() << " s\n";
}

int main() {
  nakh::run(
      [] { nakh::gather([] { measure(house, 1s); }, [] { measure(garden, 250ms); }); });
}
// [main]
