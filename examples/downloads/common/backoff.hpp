// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "failure.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <random>

namespace downloads {

/// How often, and when, to try again. An attempt that brings the file further than all before it is no failure, so that a large
/// file may come in many pieces, and one that always breaks at the same place does not go on for ever.
class backoff {
 public:
  using duration = std::chrono::milliseconds;
  static constexpr duration first{250};
  static constexpr duration longest{30'000};

  explicit backoff(unsigned retries) : retries_(retries) {}

  /// An attempt has failed, and the file is so long. How long to wait before the next; nothing: no more.
  template <class Random>
  [[nodiscard]] std::optional<duration> after(const failure& f, std::uint64_t kept,
                                              Random& random) {
    if (kept > furthest_) {
      furthest_ = kept;
      failures_ = 0;
    }
    if (!f.may_pass() || failures_ == retries_) return std::nullopt;
    constexpr unsigned doublings = 10;
    const duration ceiling =
        std::min(longest, first * (1 << std::min(failures_++, doublings)));
    // Half of it by chance, so that those who failed together do not come back together.
    const duration wait(std::uniform_int_distribution<duration::rep>(
        ceiling.count() / 2, ceiling.count())(random));
    return f.after() ? std::max<duration>(wait, *f.after()) : wait;
  }

 private:
  unsigned retries_;
  unsigned failures_ = 0;
  std::uint64_t furthest_ = 0;
};

}  // namespace downloads
