// SPDX-License-Identifier: BSL-1.0
#include <nakh/shield.hpp>

#include "loop_core.hpp"

namespace nakh::detail {

namespace {

constexpr std::uint64_t log_id = ~std::uint64_t{0};

// Left on the inner future when the shield before it is gone: its error would be lost otherwise.
class log_error final : public done_call {
 public:
  log_error() : done_call(source_location{}) {}
  void run() override {
    const auto inner = ref<future_state>::adopt(std::exchange(source, nullptr));
    if (!inner->failed()) return;
    inner->mark_retrieved();
    inner->loop().report({.message = "Exception in a shielded task that nobody awaits any more", .exception = inner->peek_error()});
  }
};

void log_later_error(future_state& inner) noexcept {
  remove_done_call(inner, callback_id(log_id));  // one report is enough for several shields
  auto* const log = new (std::nothrow) log_error;
  if (log == nullptr) return;
  log->loop = &inner.loop();
  log->id = log_id;
  inner.subscribe(*log);
}

}  // namespace

shield_link::shield_link(future_state& outer, future_state& inner) noexcept
    : outer_(outer),
      inner_(inner),
      inner_done_([](hook& self) noexcept {
        const shield_link& link = *static_cast<inner_done&>(self).owner;
        if (link.outer_.done()) return;
        if (link.inner_.status() == future_status::cancelled) {
          link.outer_.finish_cancelled(link.inner_.reason());
        } else if (link.inner_.failed()) {
          link.inner_.mark_retrieved();
          link.outer_.fail(link.inner_.peek_error());
        } else {
          link.outer_.finish();
        }
      }),
      outer_done_([](hook& self) noexcept {
        shield_link& link = *static_cast<outer_done&>(self).owner;
        if (link.inner_.done()) return;
        link.inner_.withdraw(link.inner_done_);
        log_later_error(link.inner_);
      }) {
  inner_done_.owner = this;
  outer_done_.owner = this;
  inner_.subscribe(inner_done_);
  outer_.subscribe(outer_done_);
}

shield_link::~shield_link() {
  if (outer_done_.is_queued()) {
    // Cancelled and dropped in one pass.
    outer_.withdraw(outer_done_);
    if (!inner_.done()) log_later_error(inner_);
  }
  outer_.withdraw(outer_done_);
  inner_.withdraw(inner_done_);
}

}  // namespace nakh::detail
