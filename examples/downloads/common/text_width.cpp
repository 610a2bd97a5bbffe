// SPDX-License-Identifier: BSL-1.0
#include "text_width.hpp"

#include <langinfo.h>

#include <algorithm>
#include <cstddef>
#include <cwchar>
#include <string_view>
#include <vector>

namespace downloads {

namespace {

struct character {
  std::string bytes;
  int columns;
};

std::vector<character> characters_of(const std::string& text) {
  std::vector<character> all;
  std::mbstate_t state{};
  for (std::size_t at = 0; at < text.size();) {
    wchar_t wide = 0;
    const std::size_t size =
        std::mbrtowc(&wide, text.data() + at, text.size() - at, &state);
    const bool valid = size > 0 && size <= text.size() - at;
    const int columns = valid ? ::wcwidth(wide) : -1;
    if (columns < 0) {
      all.push_back({"?", 1});
      state = {};
    } else {
      all.push_back({text.substr(at, size), columns});
    }
    at += valid ? size : 1;
  }
  return all;
}

int width_of(const std::vector<character>& all) {
  int columns = 0;
  for (const character& c : all) columns += c.columns;
  return columns;
}

}  // namespace

bool terminal_knows_utf8() {
  return std::string_view(::nl_langinfo(CODESET)) == "UTF-8";
}

int text_width(const std::string& text) { return width_of(characters_of(text)); }

std::string fit(const std::string& text, int columns) {
  const std::vector<character> all = characters_of(text);
  std::string fitted;
  if (width_of(all) <= columns) {
    for (const character& c : all) fitted += c.bytes;
    return fitted;
  }
  if (columns <= 0) return {};
  const int around = columns - 1;
  int left = around - around / 2;
  int right = around / 2;
  auto first_left_out = all.begin();
  for (; first_left_out->columns <= left; ++first_left_out) {
    left -= first_left_out->columns;
    fitted += first_left_out->bytes;
  }
  auto last = all.end();
  while (std::prev(last)->columns <= right) right -= (--last)->columns;
  fitted += terminal_knows_utf8() ? "…" : "~";
  for (; last != all.end(); ++last) fitted += last->bytes;
  return fitted;
}

std::string pad(std::string text, int columns) {
  const int missing = columns - text_width(text);
  return text.append(static_cast<std::size_t>(std::max(missing, 0)), ' ');
}

}  // namespace downloads
