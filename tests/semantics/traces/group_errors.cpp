// SPDX-License-Identifier: BSL-1.0
// Rows: T-exg-01 T-exg-02 T-exg-03
#include "trace.hpp"

#include <new>
#include <optional>

TRACE(group_errors) {
  run([] {
    const auto fails = [](auto error) { return [error] { throw error; }; };
    const auto inner = [&] {
      task_group::run([&](task_group& group) {
        static_cast<void>(group.async(fails(std::invalid_argument(""))));
        static_cast<void>(group.async(fails(timeout_error(""))));
      });
    };
    std::optional<exception_group> group;
    try {
      task_group::run([&](task_group& both) {
        static_cast<void>(both.async([&] {
          yield();
          throw usage_error("");
        }));
        static_cast<void>(both.async(inner));
        yield();
        yield();
      });
    } catch (const exception_group& error) {
      group = error;
    }
    const auto tell = [](const std::optional<exception_group>& part) {
      say(part ? error_name(std::make_exception_ptr(*part)) : std::string("None"));
    };
    tell(group);
    const auto tell_both = [&](const exception_group::parts& parts) {
      tell(parts.first);
      tell(parts.second);
    };
    tell_both(group->split<std::invalid_argument>());
    tell_both(group->split<timeout_error>());
    tell_both(group->split<std::invalid_argument, timeout_error>());
    tell_both(group->split<std::exception>());
    tell_both(group->split<std::bad_alloc>());
    tell(group->subgroup<usage_error>());
    try {
      try {
        group->handle<std::invalid_argument>(tell);
      } catch (const exception_group& others) {
        others.handle<timeout_error>(tell);
      }
    } catch (const exception_group& rest) {
      tell(rest);
    }
    exception_group::handle<timeout_error>(std::make_exception_ptr(timeout_error("")), tell);
  });
}
