// SPDX-License-Identifier: BSL-1.0
// Five downloads, of which two at most are under way at the same time.
#include <nakh/nakh.hpp>

#include <chrono>
#include <iostream>
#include <mutex>
#include <vector>

using namespace std::chrono_literals;

// [given]
int download(int file, std::chrono::seconds time) {
  std::cout << "file " << file << ": begun\n";
  nakh::sleep(time);
  std::cout << "file " << file << ": complete\n";
  return file;
}
// [given]

// [solution]
std::vector<int> download_all(const std::vector<std::chrono::seconds>& times) {
  nakh::semaphore places(2);
  std::vector<nakh::task<int>> downloads;
  for (int file = 1; const auto time : times) {
    downloads.push_back(nakh::async([&places, file, time] {
      const std::scoped_lock place(places);
      return download(file, time);
    }));
    ++file;
  }
  return nakh::gather(downloads);
}
// [solution]

int main() {
  nakh::run([] {
    const auto start = nakh::clock::now();
    std::cout << download_all({3s, 5s, 1s, 4s, 2s}).size() << " files";
    const auto took =
        std::chrono::round<std::chrono::seconds>(nakh::clock::now() - start);
    std::cout << " in " << took.count() << " s\n";
  });
}
