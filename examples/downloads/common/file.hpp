// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace downloads {

/// What is wrong with a file here, not with the net.
class file_error : public std::system_error {
 public:
  using std::system_error::system_error;
};

/// An open file, by the system's calls: what the standard streams do not tell, an error's reason, counts here.
/// Everything throws file_error, with the path.
class file {
 public:
  enum class open_to { read, write };
  static constexpr std::size_t piece_size = 64 * 1024;

  /// For writing it is made if it is not there, and stays as it is if it is.
  file(std::filesystem::path path, open_to what);
  file(file&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)) {}
  file& operator=(file&& other) noexcept;
  ~file();

  [[nodiscard]] std::uint64_t size() const;
  /// Nothing at the end.
  [[nodiscard]] std::string read(std::uint64_t from, std::size_t most) const;
  void write(std::uint64_t at, std::string_view bytes);
  void truncate(std::uint64_t size);
  /// Returns when it is on the disk.
  void sync();
  /// False when somebody else has it, or the path has come to mean another file meanwhile.
  [[nodiscard]] bool try_lock();

  template <class F>
  void for_each_piece(F&& f) const {
    std::uint64_t at = 0;
    for (std::string piece = read(at, piece_size); !piece.empty();
         piece = read(at, piece_size)) {
      f(std::string_view(piece));
      at += piece.size();
    }
  }

 private:
  [[noreturn]] void fail(const char* what) const;
  std::filesystem::path path_;
  int descriptor_ = -1;
};

/// All of it. @throws file_error
[[nodiscard]] std::string text_of(const std::filesystem::path& path);

}  // namespace downloads
