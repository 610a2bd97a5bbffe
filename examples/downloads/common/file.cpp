// SPDX-License-Identifier: BSL-1.0
#include "file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace downloads {

file::file(std::filesystem::path path, open_to what) : path_(std::move(path)) {
  const int how = what == open_to::read ? O_RDONLY : O_RDWR | O_CREAT;
  descriptor_ = ::open(path_.c_str(), how | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot open");
}

file& file::operator=(file&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

file::~file() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void file::fail(const char* what) const {
  throw file_error(errno, std::system_category(), what + (" " + path_.string()));
}

std::uint64_t file::size() const {
  struct stat s{};
  if (::fstat(descriptor_, &s) != 0) fail("cannot look at");
  return static_cast<std::uint64_t>(s.st_size);
}

std::string file::read(std::uint64_t from, std::size_t most) const {
  std::string bytes(most, '\0');
  const ssize_t n = ::pread(descriptor_, bytes.data(), most, static_cast<off_t>(from));
  if (n < 0) fail("cannot read");
  bytes.resize(static_cast<std::size_t>(n));
  return bytes;
}

void file::write(std::uint64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (n < 0) fail("cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
}

void file::truncate(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) fail("cannot cut");
}

void file::sync() {
  if (::fsync(descriptor_) != 0) fail("cannot save");
}

bool file::try_lock() {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail("cannot lock");
    return false;
  }
  // Whoever had the lock may have renamed or removed the file between our opening and our locking it.
  struct stat own{};
  struct stat there{};
  if (::fstat(descriptor_, &own) != 0) fail("cannot look at");
  return ::stat(path_.c_str(), &there) == 0 && own.st_dev == there.st_dev &&
         own.st_ino == there.st_ino;
}

std::string text_of(const std::filesystem::path& path) {
  std::string text;
  file(path, file::open_to::read).for_each_piece([&](std::string_view piece) {
    text += piece;
  });
  return text;
}

}  // namespace downloads
