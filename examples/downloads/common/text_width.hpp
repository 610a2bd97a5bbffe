// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <string>

// Text of the current locale (std::setlocale), as a terminal shows it.
namespace downloads {

[[nodiscard]] bool terminal_knows_utf8();
/// Columns; what cannot be shown counts as one each.
[[nodiscard]] int text_width(const std::string& text);
/// No wider than that: the middle is left out, since names differ at their ends. What would move the cursor becomes "?".
[[nodiscard]] std::string fit(const std::string& text, int columns);
/// Not narrower than that.
[[nodiscard]] std::string pad(std::string text, int columns);

}  // namespace downloads
