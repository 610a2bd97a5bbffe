// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstdint>

namespace nakh {

/// A place in a program's source: `std::source_location` for compilers that do not have it yet (Clang before 16).
/// @par Thread safety  As int.
class source_location {
 public:
  /// No place: line 0.
  constexpr source_location() noexcept = default;
  /// Where the call stands; as a default argument, where the function is called.
  [[nodiscard]] static constexpr source_location current(const char* file = __builtin_FILE(),
                                                         std::uint_least32_t line = __builtin_LINE()) noexcept {
    source_location here;
    here.file_ = file;
    here.line_ = line;
    return here;
  }
  /// The file's name, as the compiler was given it.
  [[nodiscard]] constexpr const char* file_name() const noexcept { return file_; }
  /// The line's number, from 1; 0 for no place.
  [[nodiscard]] constexpr std::uint_least32_t line() const noexcept { return line_; }

 private:
  const char* file_ = "";
  std::uint_least32_t line_ = 0;
};

}  // namespace nakh
