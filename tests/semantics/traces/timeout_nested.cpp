// SPDX-License-Identifier: BSL-1.0
// Rows: T-tmo-01 T-tmo-06 T-tmo-07 T-tmo-08
#include "trace.hpp"

TRACE(timeout_nested) {
  const auto nested = [](int outer, int inner) {
    bool outer_expired = false;
    bool inner_expired = false;
    const auto seconds = [](int s) { return std::chrono::seconds(s); };
    try {
      timeout(seconds(outer), [&](timeout_scope& o) {
        try {
          timeout(seconds(inner), [&](timeout_scope& i) {
            try {
              sleep(10s);
            } catch (...) {
              inner_expired = i.expired();
              outer_expired = o.expired();
              throw;
            }
          });
        } catch (...) {
          say("inner", error_name(std::current_exception()), inner_expired, current_task().cancelling());
          outer_expired = o.expired();
          throw;
        }
      });
    } catch (...) {
      say("outer", error_name(std::current_exception()), outer_expired, current_task().cancelling(), now());
    }
  };
  run([nested] {
    nested(3, 1);
    nested(1, 3);
    nested(1, 1);
  });
}
