// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/time.hpp>

#include <cstdint>
#include <cstdio>
#include <list>
#include <optional>
#include <string>
#include <string_view>

namespace downloads {

/// "1.5 MiB"
[[nodiscard]] std::string in_bytes(double bytes);

/// What the user sees while files come: on a terminal a bar for each that is under way and one for all, below the lines that stay;
/// elsewhere only those lines.
/// @par Thread safety  One thread.
class progress {
 public:
  /// A file on its way. It may go at any time, and its bar with it.
  class bar {
   public:
    bar(progress& all, std::string name);
    ~bar();
    bar(const bar&) = delete;
    bar& operator=(const bar&) = delete;
    /// So much is here from before.
    void start(std::uint64_t kept) noexcept { line_->kept = kept; }
    /// So much is here now, of so much.
    void set(std::uint64_t kept, std::optional<std::uint64_t> total);
    /// What it waits for, in place of its speed.
    void note(std::string what) { line_->note = std::move(what); }

   private:
    friend progress;
    struct line {
      std::string name;
      std::uint64_t kept = 0;
      std::optional<std::uint64_t> total;
      std::string note;
      std::uint64_t came = 0;  ///< Since the last drawing.
      double speed = 0;        ///< Bytes a second, smoothed.
    };
    progress& all_;
    std::list<line>::iterator line_;
  };

  /// Draws `files` of them on `terminal`, if it is one.
  progress(std::FILE* terminal, std::size_t files);
  /// Takes the bars away.
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// Whether there is somebody to draw for: then `draw` is to be called some times a second.
  [[nodiscard]] bool is_terminal() const noexcept { return is_terminal_; }
  void draw(nakh::time_point now);
  /// A line that stays.
  void say(const std::string& line);
  /// A file has come to its end, whatever that was.
  void count_finished() noexcept { ++finished_; }

 private:
  void erase();
  [[nodiscard]] std::string draw_file(const bar::line& l, int columns) const;
  [[nodiscard]] std::string draw_total(int columns) const;

  std::FILE* terminal_;
  bool is_terminal_;
  std::list<bar::line> lines_;
  std::size_t files_;
  std::size_t finished_ = 0;
  std::uint64_t received_ = 0;  ///< Bytes that came over the net.
  std::optional<nakh::time_point> begun_;
  nakh::time_point drawn_{};
  int rows_drawn_ = 0;
};

}  // namespace downloads
