// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>

#include <atomic>
#include <cstddef>
#include <string>
#include <utility>

namespace nakh::detail {

/// A string that is shared between copies, in one pointer. Null means: none.
/// @par Thread safety  As std::shared_ptr: copies may live in different threads.
class NAKH_API shared_text {
 public:
  shared_text() noexcept = default;
  shared_text(std::nullptr_t) noexcept {}  // NOLINT(google-explicit-constructor)
  explicit shared_text(std::string text) : p_(new counted{.text = std::move(text)}) {}
  shared_text(const shared_text& other) noexcept : p_(other.p_) {
    // Relaxed: whoever copies has a reference already.
    if (p_ != nullptr) p_->refs.fetch_add(1, std::memory_order_relaxed);
  }
  shared_text(shared_text&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  shared_text& operator=(shared_text other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~shared_text() {
    // Acquire and release: the last one destroys what others have read.
    if (p_ != nullptr && p_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) delete p_;
  }

  /// The text; empty when there is none.
  [[nodiscard]] const std::string& text() const noexcept { return p_ != nullptr ? p_->text : none; }

 private:
  struct counted {
    std::atomic<long> refs = 1;
    std::string text;
  };
  static const std::string none;
  counted* p_ = nullptr;
};

}  // namespace nakh::detail
