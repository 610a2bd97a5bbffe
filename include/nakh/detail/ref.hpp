// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <utility>

namespace nakh::detail {

/// An owner of one counted reference to a T with `add_ref` and `release`: its members, or functions beside a T that is not complete.
template <class T>
class ref {
 public:
  ref() noexcept = default;
  /// Takes over a reference that was counted already.
  static ref adopt(T* p) noexcept {
    ref r;
    r.p_ = p;
    return r;
  }
  /// Counts one more.
  static ref share(T* p) noexcept {
    if (p != nullptr) count(*p);
    return adopt(p);
  }
  ref(const ref& other) noexcept : ref(share(other.p_)) {}
  ref(ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  template <class U>
  ref(const ref<U>& other) noexcept : ref(share(other.get())) {}  // NOLINT(google-explicit-constructor)
  ref& operator=(ref other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~ref() {
    if (p_ != nullptr) discount(*p_);  // NOLINT(clang-analyzer-cplusplus.NewDelete): it does not count
  }

  [[nodiscard]] T* get() const noexcept { return p_; }
  T* operator->() const noexcept { return p_; }
  T& operator*() const noexcept { return *p_; }
  explicit operator bool() const noexcept { return p_ != nullptr; }
  /// Gives the reference away uncounted.
  [[nodiscard]] T* detach() noexcept { return std::exchange(p_, nullptr); }
  friend bool operator==(const ref&, const ref&) noexcept = default;

 private:
  static void count(T& t) noexcept {
    if constexpr (requires { t.add_ref(); }) {
      t.add_ref();
    } else {
      add_ref(t);
    }
  }
  static void discount(T& t) noexcept {
    if constexpr (requires { t.release(); }) {
      t.release();
    } else {
      release(t);
    }
  }
  T* p_ = nullptr;
};

}  // namespace nakh::detail
