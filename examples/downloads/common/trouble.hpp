// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstdint>
#include <random>

namespace downloads {

/// A server's bad days, to try clients with: what goes wrong with an answer, by chance, the same for the same seed.
class trouble {
 public:
  enum class kind {
    none,
    refuse,    ///< 503, come back later.
    drop,      ///< The connection is reset in the midst of it.
    truncate,  ///< The connection is closed in the midst of it.
    stall,     ///< Nothing more comes.
    corrupt,   ///< A byte is wrong.
  };
  struct plan {
    kind what = kind::none;
    std::uint64_t at = 0;  ///< The byte that it happens before.
  };

  explicit trouble(std::uint64_t seed) : random_(seed) {}

  /// For an answer with a body of so many bytes. Two of three go well.
  [[nodiscard]] plan next(std::uint64_t size) {
    constexpr int of = 15;
    const int drawn = std::uniform_int_distribution(0, of - 1)(random_);
    const plan p{drawn <= static_cast<int>(kind::corrupt) ? static_cast<kind>(drawn)
                                                          : kind::none,
                 std::uniform_int_distribution<std::uint64_t>(
                     0, size == 0 ? 0 : size - 1)(random_)};
    return size == 0 && p.what != kind::refuse ? plan{} : p;
  }

 private:
  std::mt19937_64 random_;
};

}  // namespace downloads
