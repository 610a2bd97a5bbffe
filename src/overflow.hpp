// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>
#include <memory>

namespace nakh::detail {

/// While it lives, a fiber of this thread that overflows its stack is named before the program is aborted.
///
/// The message goes to standard error: the task's name, its stack's size, the address that was touched. Faults that
/// are no overflow go to the handler that was there before. The thread gets an alternate signal stack if it has none.
class overflow_detection {
 public:
  overflow_detection() noexcept;
  ~overflow_detection();
  overflow_detection(const overflow_detection&) = delete;
  overflow_detection& operator=(const overflow_detection&) = delete;

 private:
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace nakh::detail
