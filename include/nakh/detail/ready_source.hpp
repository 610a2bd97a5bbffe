// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace nakh::detail {

/// Descriptors that a loop's reactor looks at besides Boost.Asio's: by a call of its own before it waits, and through Asio only
/// while it does. So a loop that finds some of them ready at each look spares Asio's part of it.
/// @par Thread safety  The loop's thread only.
class ready_source {
 public:
  ready_source(const ready_source&) = delete;
  ready_source& operator=(const ready_source&) = delete;

  /// Tells those that wait for what is ready now. False: nothing is.
  virtual bool serve() noexcept = 0;
  /// What becomes ready ends a run of Asio's, once.
  virtual void listen() noexcept = 0;
  [[nodiscard]] virtual bool is_listening() const noexcept = 0;
  /// Whether somebody waits.
  [[nodiscard]] virtual bool is_wanted() const noexcept = 0;

 protected:
  ready_source() = default;
  ~ready_source() = default;
};

}  // namespace nakh::detail
