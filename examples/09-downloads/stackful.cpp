// SPDX-License-Identifier: BSL-1.0
// Five downloads at once, as fast as the slowest of them. How long each takes is fixed, so that every run prints the same.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <vector>

using namespace std::chrono_literals;

// [main]
const std::map<int, std::chrono::seconds> durations = {
    {1, 3s}, {2, 5s}, {3, 1s}, {4, 4s}, {5, 2s}};

int download(int file) {
  std::cout << "file " << file << ": begun\n";
  nakh::sleep(durations.at(file));
  std::cout << "file " << file << ": complete\n";
  return file;
}

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    std::vector<nakh::task<int>> downloads;
    std::chrono::seconds one_by_one{};
    for (const auto& [file, time] : durations) {
      downloads.push_back(nakh::async(download, file));
      one_by_one += time;
    }
    const std::vector<int> files = nakh::gather(downloads);
    std::cout << "all files:";
    for (int file : files) std::cout << ' ' << file;
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << '\n'
              << one_by_one.count() << " s of downloads in " << took.count() << " s\n";
  });
}
// [main]
