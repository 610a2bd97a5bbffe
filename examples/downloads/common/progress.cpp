// SPDX-License-Identifier: BSL-1.0
#include "progress.hpp"

#include "text_width.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>

namespace downloads {

namespace {

struct extent {
  int columns = 80;
  int rows = 24;
};
extent extent_of(std::FILE* terminal) {
  winsize size{};
  if (::ioctl(::fileno(terminal), TIOCGWINSZ, &size) != 0 || size.ws_col == 0 ||
      size.ws_row == 0)
    return {};
  return {size.ws_col, size.ws_row};
}

double seconds(nakh::duration d) { return std::chrono::duration<double>(d).count(); }

/// Right-aligned, so that figures stand still while they change.
std::string in_column(double bytes, const char* unit = "") {
  constexpr std::size_t widest = 10;  // "1023.9 KiB"
  std::string text = in_bytes(bytes);
  if (text.size() < widest) text.insert(0, widest - text.size(), ' ');
  return text + unit;
}

/// As much of a bar as `share` (0 to 1) of `columns`.
std::string draw_bar(double share, int columns) {
  if (columns <= 0) return {};
  const int full = static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * columns));
  const bool blocks = terminal_knows_utf8();
  std::string text;
  for (int i = 0; i < columns; ++i) {
    if (i < full) {
      text += blocks ? "█" : "#";
    } else {
      text += blocks ? "░" : ".";
    }
  }
  return text;
}

/// In a narrow terminal the figures are worth more than the bar, and the bar more than the end of a name.
std::string lay_out(const std::string& name, double share, const std::string& figures,
                    int columns) {
  constexpr int name_columns = 24;
  constexpr int least_bar = 8;
  constexpr int most_bar = 40;
  const int left = columns - text_width(figures) - 1;
  if (left < 8) return fit(figures, columns);
  const int bar = std::min(most_bar, left - std::min(name_columns, left / 2) - 1);
  const int for_name = bar >= least_bar ? left - bar - 1 : left;
  std::string text = pad(fit(name, std::min(for_name, name_columns)),
                         std::min(for_name, name_columns)) +
                     " ";
  if (bar >= least_bar) text += draw_bar(share, bar) + " ";
  return text + figures;
}

}  // namespace

std::string in_bytes(double bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", bytes,
                units[unit]);
  return text.data();
}

progress::bar::bar(progress& all, std::string name)
    : all_(all),
      line_(all.lines_.insert(
          all.lines_.end(), line{.name = std::move(name), .total = {}, .note = {}})) {}

progress::bar::~bar() { all_.lines_.erase(line_); }

void progress::bar::set(std::uint64_t kept, std::optional<std::uint64_t> total) {
  if (kept > line_->kept) {
    line_->came += kept - line_->kept;
    all_.received_ += kept - line_->kept;
  }
  line_->kept = kept;
  line_->total = total;
  line_->note.clear();
}

progress::progress(std::FILE* terminal, std::size_t files)
    : terminal_(terminal),
      is_terminal_(::isatty(::fileno(terminal)) == 1),
      files_(files) {}

progress::~progress() {
  erase();
  std::fflush(terminal_);
}

void progress::erase() {
  if (rows_drawn_ == 0) return;
  std::fprintf(terminal_, "\r\033[%dA\033[J", rows_drawn_);
  rows_drawn_ = 0;
}

void progress::say(const std::string& line) {
  erase();
  std::fprintf(terminal_, "%s\n", line.c_str());
  std::fflush(terminal_);
}

std::string progress::draw_file(const bar::line& l, int columns) const {
  std::string figures = l.note;
  if (figures.empty())
    figures = in_column(static_cast<double>(l.kept)) + in_column(l.speed, "/s");
  double share = 0;
  if (l.total) {
    share =
        *l.total == 0 ? 1 : static_cast<double>(l.kept) / static_cast<double>(*l.total);
    std::array<char, 8> percent{};
    std::snprintf(percent.data(), percent.size(), "%3.0f%%", std::floor(100 * share));
    figures.insert(0, percent.data());
  }
  return lay_out(l.name, share, figures, columns);
}

std::string progress::draw_total(int columns) const {
  double under_way = 0;
  for (const bar::line& l : lines_) {
    if (l.total && *l.total > 0)
      under_way += static_cast<double>(l.kept) / static_cast<double>(*l.total);
  }
  const double share = files_ == 0 ? 1
                                   : (static_cast<double>(finished_) + under_way) /
                                         static_cast<double>(files_);
  const double time = seconds(drawn_ - *begun_);
  const std::string figures =
      in_column(static_cast<double>(received_)) +
      in_column(time > 0 ? static_cast<double>(received_) / time : 0, "/s");
  return lay_out(std::to_string(finished_) + " of " + std::to_string(files_) + " files",
                 share, figures, columns);
}

void progress::draw(nakh::time_point now) {
  if (!is_terminal_) return;
  constexpr double half_life = 1;  // second, of a speed's past
  if (!begun_) begun_ = drawn_ = now;
  const double elapsed = seconds(now - drawn_);
  for (bar::line& l : lines_) {
    if (elapsed <= 0) continue;
    const double share_of_past = std::exp2(-elapsed / half_life);
    l.speed = l.speed * share_of_past +
              static_cast<double>(l.came) / elapsed * (1 - share_of_past);
    l.came = 0;
  }
  drawn_ = now;

  // Not the last column, after which some terminals go to the next line; and not the last row, where the cursor stands.
  const auto [columns, rows] = extent_of(terminal_);
  std::string text;
  int drawn = 0;
  for (const bar::line& l : lines_) {
    if (drawn + 2 >= rows) break;
    text += draw_file(l, columns - 1) + "\033[K\n";
    ++drawn;
  }
  text += draw_total(columns - 1) + "\033[K\n";
  erase();
  std::fputs(text.c_str(), terminal_);
  std::fflush(terminal_);
  rows_drawn_ = drawn + 1;
}

}  // namespace downloads
