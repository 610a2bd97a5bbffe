// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "digest.hpp"
#include "file.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace downloads {

/// A file on its way: `NAME.part` beside `NAME`, which appears when it is whole and not before. What was kept outlives the program;
/// `NAME.part.from` says of which version of the file it is, without which it could not be continued.
/// @par Thread safety  One thread at a time.
class partial_file {
 public:
  /// Reads what an earlier run has kept, which takes its time: for another thread.
  /// @throws file_error
  /// @throws std::runtime_error  when another process is at it
  [[nodiscard]] static partial_file open(const std::filesystem::path& target);

  /// How much of it is here.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  /// The server's name for the version that the kept bytes are of; empty: they cannot be continued.
  [[nodiscard]] const std::string& version() const noexcept { return version_; }

  /// Begins anew. @throws file_error
  void restart(const std::string& version);
  /// @throws file_error
  void append(std::string_view bytes);
  [[nodiscard]] digest sum() const { return sum_.value(); }
  /// It is whole: gives it its name, when it is on the disk; which takes its time. @throws file_error
  void commit();
  /// It is not wanted any more.
  void discard() noexcept;

 private:
  explicit partial_file(const std::filesystem::path& target);
  std::filesystem::path target_;
  std::filesystem::path part_;
  std::filesystem::path from_;
  file file_;
  std::string version_;
  std::uint64_t size_ = 0;
  sha256 sum_;
};

}  // namespace downloads
