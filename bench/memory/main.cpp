// SPDX-License-Identifier: BSL-1.0
//
// The rows that fill the memory. Each needs a process to itself (--benchmark_filter), or its numbers contain what the one before
// it left; bench/run starts them that way.
#include <benchmark/benchmark.h>

#include <string>
#include <vector>

int main(int argc, char** argv) {
  std::vector<char*> arguments{argv, argv + argc};
  std::string once = "--benchmark_min_time=1e-9";  // first, so that the command line can say otherwise
  arguments.insert(arguments.begin() + 1, once.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
