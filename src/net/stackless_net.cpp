// SPDX-License-Identifier: BSL-1.0
#include <nakh/stackless/net.hpp>

#include <nakh/detail/suspension.hpp>
#include <nakh/stackless/sleep.hpp>
#include <nakh/stackless/sync.hpp>

#include <array>
#include <coroutine>
#include <optional>
#include <span>

#include "stream_core.hpp"

namespace nakh::stackless {

namespace {

using detail::stream_request;
using progress = detail::stream_core::progress;

// NOLINTBEGIN(bugprone-unchecked-optional-access): `await_ready` makes it
// A wait until more has come.
class more_awaiter {
 public:
  using makes_task_wait = void;
  explicit more_awaiter(detail::stream_core& s) noexcept : stream_(s) {}
  [[nodiscard]] bool await_ready() {
    const bool blocks = detail::runs_in_fiber();
    wait_.emplace(stream_);
    wait_->begin();
    if (blocks) wait_->block();
    return blocks;
  }
  [[nodiscard]] bool await_suspend(std::coroutine_handle<> self) {
    suspended_ = wait_->suspend(self);
    return suspended_;
  }
  void await_resume() {
    if (suspended_) wait_->resume();
    wait_->end();
  }

 private:
  detail::stream_core& stream_;
  std::optional<detail::stream_wait> wait_;
  bool suspended_ = false;
};
// NOLINTEND(bugprone-unchecked-optional-access)

task<std::string> take(net::stream& s, stream_request request) {
  request.check();
  const auto kept = detail::stream_ref::share(&s.core());
  for (;;) {
    if (auto taken = request.take(*kept)) co_return *std::move(taken);
    switch (kept->read_more()) {
      case progress::made:
        break;
      case progress::must_wait:
        co_await more_awaiter(*kept);
        break;
      case progress::must_yield:
        co_await yield();
        kept->end_read();
    }
  }
}

}  // namespace

task<std::string> read(net::stream& s, std::size_t most) { return take(s, {.what = stream_request::kind::some, .size = most}); }
task<std::string> read_all(net::stream& s) { return take(s, {.what = stream_request::kind::all}); }
task<std::string> read_exactly(net::stream& s, std::size_t size) { return take(s, {.what = stream_request::kind::exactly, .size = size}); }
task<std::string> read_until(net::stream& s, std::string_view separator) {
  co_return co_await take(s, {.what = stream_request::kind::until, .separators = std::span(&separator, 1)});
}
task<std::string> read_line(net::stream& s) { return take(s, {.what = stream_request::kind::line}); }

task<> drain(net::stream& s) {
  detail::stream_core& core = s.core();
  core.require_writable();
  if (core.is_closing()) {
    co_await yield();
  } else {
    co_await wait(core.drained());
  }
  core.require_writable();
}
task<> wait_closed(net::stream& s) {
  co_await wait(s.core().gone());
  s.core().require_readable();
}

task<net::stream> open_connection(std::string host, std::uint16_t port, net::connect_options options) {
  co_return co_await nakh::async([&] { return net::open_connection(host, port, options); });
}
task<net::stream> open_connection(net::endpoint to, net::connect_options options) {
  co_return co_await nakh::async([&] { return net::open_connection(to, options); });
}

task<> serve_forever(net::server& s) {
  co_await nakh::async([&] { s.serve_forever(); });
}
task<> wait_closed(net::server& s) {
  co_await nakh::async([&] { s.wait_closed(); });
}

}  // namespace nakh::stackless
