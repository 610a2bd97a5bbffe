// SPDX-License-Identifier: BSL-1.0
// Five downloads at once, as fast as the slowest of them. How long each takes is fixed, so that every run prints the same.
#include <boost/fiber/all.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <vector>

using namespace std::chrono_literals;

// [main]
constexpr auto second = 100ms;  // here time is always real

const std::map<int, int> durations = {{1, 3}, {2, 5}, {3, 1}, {4, 4}, {5, 2}};

int download(int file) {
  std::cout << "file " << file << ": begun\n";
  boost::this_fiber::sleep_for(durations.at(file) * second);
  std::cout << "file " << file << ": complete\n";
  return file;
}

int main() {
  const auto start = std::chrono::steady_clock::now();
  std::vector<boost::fibers::future<int>> downloads;
  int one_by_one = 0;
  for (const auto& [file, time] : durations) {
    downloads.push_back(boost::fibers::async(download, file));
    one_by_one += time;
  }
  std::vector<int> files;
  for (auto& each : downloads) files.push_back(each.get());
  std::cout << "all files:";
  for (int file : files) std::cout << ' ' << file;
  const auto took = (std::chrono::steady_clock::now() - start) / second;
  std::cout << '\n' << one_by_one << " s of downloads in " << took << " s\n";
}
// [main]
