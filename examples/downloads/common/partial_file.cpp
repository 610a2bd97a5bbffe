// SPDX-License-Identifier: BSL-1.0
#include "partial_file.hpp"

#include <stdexcept>
#include <system_error>

namespace downloads {

namespace fs = std::filesystem;

namespace {

fs::path with(fs::path path, const char* ending) { return path += ending; }

}  // namespace

partial_file::partial_file(const fs::path& target)
    : target_(target),
      part_(with(target, ".part")),
      from_(with(target, ".part.from")),
      file_(part_, file::open_to::write) {}

partial_file partial_file::open(const fs::path& target) {
  partial_file f(target);
  if (!f.file_.try_lock())
    throw std::runtime_error("another process is downloading " + target.string());
  if (fs::exists(f.from_)) f.version_ = text_of(f.from_);
  if (f.version_.empty()) {
    f.file_.truncate(0);
  } else {
    f.file_.for_each_piece([&](std::string_view piece) { f.sum_.add(piece); });
    f.size_ = f.file_.size();
  }
  return f;
}

void partial_file::restart(const std::string& version) {
  // In this order: bytes never stand beside the name of a version that they are not of.
  file_.truncate(0);
  size_ = 0;
  sum_ = {};
  version_ = version;
  file from(from_, file::open_to::write);
  from.truncate(0);
  from.write(0, version);
}

void partial_file::append(std::string_view bytes) {
  file_.write(size_, bytes);
  size_ += bytes.size();
  sum_.add(bytes);
}

void partial_file::commit() {
  file_.sync();
  fs::rename(part_, target_);
  fs::remove(from_);
}

void partial_file::discard() noexcept {
  std::error_code ignored;
  fs::remove(part_, ignored);
  fs::remove(from_, ignored);
}

}  // namespace downloads
