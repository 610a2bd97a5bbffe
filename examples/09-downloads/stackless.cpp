// SPDX-License-Identifier: BSL-1.0
// Five downloads at once, as fast as the slowest of them. How long each takes is fixed, so that every run prints the same.
#include <nakh/stackless.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <vector>

using namespace std::chrono_literals;

// [main]
namespace sl = nakh::stackless;

const std::map<int, std::chrono::seconds> durations = {
    {1, 3s}, {2, 5s}, {3, 1s}, {4, 4s}, {5, 2s}};

sl::task<int> download(int file) {
  std::cout << "file " << file << ": begun\n";
  co_await sl::sleep(durations.at(file));
  std::cout << "file " << file << ": complete\n";
  co_return file;
}

sl::task<> download_all() {
  const auto start = nakh::clock::now();
  std::vector<nakh::task<int>> downloads;
  std::chrono::seconds one_by_one{};
  for (const auto& [file, time] : durations) {
    downloads.push_back(sl::spawn(download(file)));
    one_by_one += time;
  }
  const std::vector<int> files = co_await sl::gather(downloads);
  std::cout << "all files:";
  for (int file : files) std::cout << ' ' << file;
  const auto took =
      std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
  std::cout << '\n'
            << one_by_one.count() << " s of downloads in " << took.count() << " s\n";
}

int main() { sl::run(download_all()); }
// [main]
