// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

namespace downloads {

/// Why an attempt at a file came to nothing.
class failure : public std::runtime_error {
 public:
  enum class advice { give_up, try_again };
  failure(const std::string& what, advice a,
          std::optional<std::chrono::seconds> after = std::nullopt)
      : std::runtime_error(what), advice_(a), after_(after) {}
  [[nodiscard]] bool may_pass() const noexcept { return advice_ == advice::try_again; }
  /// When the server asks to be left alone for so long.
  [[nodiscard]] std::optional<std::chrono::seconds> after() const noexcept {
    return after_;
  }

 private:
  advice advice_;
  std::optional<std::chrono::seconds> after_;
};

}  // namespace downloads
