// SPDX-License-Identifier: BSL-1.0
#include "memory/usage.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>

namespace bench {

usage usage::now() {
  usage result;
  std::ifstream status{"/proc/self/status"};
  for (std::string key; status >> key; status.ignore(std::numeric_limits<std::streamsize>::max(), '\n')) {
    std::size_t kilobytes = 0;
    if (key == "VmRSS:" && status >> kilobytes) result.resident_bytes = kilobytes * 1024;
    if (key == "VmPTE:" && status >> kilobytes) result.page_table_bytes = kilobytes * 1024;
  }
  std::ifstream maps{"/proc/self/maps"};
  result.mappings = static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>{maps}, std::istreambuf_iterator<char>{}, '\n'));
  return result;
}

void report_parked(stopwatch& watch, const usage& before, std::size_t count) {
  const usage after = usage::now();
  const auto each = static_cast<double>(count);
  const auto added = [](std::size_t from, std::size_t to) { return static_cast<double>(to) - static_cast<double>(from); };
  watch.report("resident_bytes_each", added(before.resident_bytes, after.resident_bytes) / each);
  watch.report("page_table_bytes_each", added(before.page_table_bytes, after.page_table_bytes) / each);
  watch.report("mappings_added", added(before.mappings, after.mappings));
}

std::chrono::steady_clock::time_point due_for(std::size_t count) {
  return std::chrono::steady_clock::now() + count * std::chrono::microseconds{20};
}

void block_until(std::chrono::steady_clock::time_point due, stopwatch& watch) {
  if (std::chrono::steady_clock::now() > due) watch.fail("the last one was not asleep yet when the first one was due");
  std::this_thread::sleep_until(due);
}

}  // namespace bench
