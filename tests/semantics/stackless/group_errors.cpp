// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

#include <new>
#include <optional>

namespace trace::group_errors {

template <class E>
sl::task<> fails(E error) {
  co_await sl::yield();
  throw error;
}

sl::task<> inner(task_group& group) {
  group.async(fails(std::invalid_argument("")));
  group.async(fails(timeout_error("")));
  co_return;
}

sl::task<> both(task_group& group) {
  group.async(fails(usage_error("")));
  group.async(sl::task_group::run(inner));
  co_await sl::yield();
  co_await sl::yield();
}

void tell(const std::optional<exception_group>& part) { say(part ? error_name(std::make_exception_ptr(*part)) : std::string("None")); }

void tell_both(const exception_group::parts& parts) {
  tell(parts.first);
  tell(parts.second);
}

sl::task<> program() {
  std::optional<exception_group> group;
  try {
    co_await sl::task_group::run(both);
  } catch (const exception_group& error) {
    group = error;
  }
  tell(group);
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
}

}  // namespace trace::group_errors

TRACE(group_errors) { sl::run(trace::group_errors::program()); }
