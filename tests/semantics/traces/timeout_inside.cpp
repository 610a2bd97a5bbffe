// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-02 T-tmo-05 T-tmo-06 T-tmo-07
#include "trace.hpp"

TRACE(timeout_inside) {
  run([] {
    const auto inner_first = [] {
      timeout(3s, [](timeout_scope& outer) {
        const timeout_scope* of_inner = nullptr;
        bool inner_expired = false;
        try {
          timeout(1s, [&](timeout_scope& inner) {
            of_inner = &inner;
            try {
              sleep(10s);
            } catch (const cancelled_error&) {
              inner_expired = inner.expired();
              throw;
            }
          });
        } catch (const timeout_error&) {
          say("inner", of_inner != nullptr && inner_expired, outer.expired(), now());
        }
        sleep(10s);
      });
    };
    const auto outer_first = [] {
      timeout(1s, [](timeout_scope& outer) {
        try {
          timeout(3s, [&](timeout_scope& inner) {
            try {
              sleep(10s);
            } catch (const cancelled_error&) {
              say("outer", inner.expired(), outer.expired(), now());
              throw;
            }
          });
        } catch (const timeout_error&) {
          say("never");
        }
      });
    };
    const auto body_fails = [] { timeout(1s, [] { throw std::invalid_argument(""); }); };
    const auto in_time = [] {
      timeout(5s, [](timeout_scope& limit) {
        sleep(1s);
        say("in time", limit.expired(), now());
      });
    };
    const auto tell = [](auto f) {
      const auto error = error_of([&] { return f(), 0; });
      say(error, current_task().cancelling(), now());
    };
    tell(inner_first);
    tell(outer_first);
    tell(body_fails);
    tell(in_time);
  });
}
