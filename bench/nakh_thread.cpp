// SPDX-License-Identifier: BSL-1.0
//
// Nakh and other threads.
#include "row.hpp"

#include <nakh/nakh.hpp>

namespace {

/// A function that does nothing to speak of, in another thread.
void to_thread(bench::stopwatch& watch, std::size_t operations) {
  nakh::run([&] {
    std::size_t calls = 0;
    const auto once = [&calls] { nakh::to_thread([&calls] { ++calls; }); };
    once();
    watch.start();
    for (std::size_t i = 0; i != operations; ++i) once();
    watch.stop();
    bench::keep(calls);
  });
}

const bench::row to_thread_1{"to_thread/1/nakh", 20'000, to_thread, "one thread of the default executor"};

}  // namespace
