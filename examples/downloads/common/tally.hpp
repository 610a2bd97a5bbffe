// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "failure.hpp"
#include "partial_file.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace downloads {

/// What came of the files.
struct tally {
  std::size_t files = 0;
  std::size_t whole = 0;  ///< Came now.
  std::size_t there = 0;  ///< Were there before.
  std::size_t failed = 0;
  std::size_t parts = 0;         ///< Unfinished files that are kept to be continued...
  std::uint64_t part_bytes = 0;  ///< ...and how much of them.
};

/// Counts a file that is left unfinished; an empty one is taken away.
class part_on_leaving {
 public:
  part_on_leaving(partial_file& file, tally& count) noexcept
      : file_(file), count_(count) {}
  part_on_leaving(const part_on_leaving&) = delete;
  part_on_leaving& operator=(const part_on_leaving&) = delete;
  ~part_on_leaving();
  /// It is whole.
  void dismiss() noexcept { is_whole_ = true; }

 private:
  partial_file& file_;
  tally& count_;
  bool is_whole_ = false;
};

/// "3 of 10 files came, 1 failed; of 2 more a part is kept (1.5 MiB): the same command goes on from there."
[[nodiscard]] std::string to_text(const tally& t);

/// "again in 0.5 s: the connection ended"
[[nodiscard]] std::string to_text(const failure& why, std::chrono::milliseconds wait);

/// In a handler: what the error that is being handled means for the file.
/// @throws  what is not for one file to deal with: that error itself
[[nodiscard]] failure failure_in_flight();

}  // namespace downloads
