// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/detail/state.hpp>

#include <exception>
#include <utility>
#include <variant>

namespace nakh {

/// How a job ended: its result, or the error it ended with (a `cancelled_error` when it was cancelled).
/// @par Source  What asyncio.gather(return_exceptions=True) puts into its list.
/// @par Thread safety  As the value in it.
template <class T>
class outcome {
 public:
  using value_type = T;

  /// A result, or an error.
  outcome(detail::stored<T> value) : state_(std::in_place_index<0>, std::move(value)) {}            // NOLINT(google-explicit-constructor)
  outcome(std::exception_ptr error) noexcept : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  /// Whether there is a result.
  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  /// The same.
  explicit operator bool() const noexcept { return has_value(); }
  /// The error; null when there is a result.
  [[nodiscard]] std::exception_ptr error() const noexcept { return has_value() ? nullptr : std::get<1>(state_); }
  /// The result; throws the error when there is none.
  decltype(auto) value() const& {
    require();
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*std::get<0>(state_));
    } else if constexpr (!std::is_void_v<T>) {
      return std::get<0>(state_);
    }
  }
  T value() && {
    require();
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*std::get<0>(state_));
    } else if constexpr (!std::is_void_v<T>) {
      return std::get<0>(std::move(state_));
    }
  }

 private:
  void require() const {
    if (!has_value()) std::rethrow_exception(std::get<1>(state_));
  }
  std::variant<detail::stored<T>, std::exception_ptr> state_;
};

}  // namespace nakh
