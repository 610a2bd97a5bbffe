// SPDX-License-Identifier: BSL-1.0
#include "stackless_trace.hpp"

namespace trace::generator_throw {

sl::generator<int> patient() {
  for (int i = 0; i < 5; ++i) {
    bool caught = false;
    try {
      co_yield i;
    } catch (const std::invalid_argument&) {
      caught = true;
    }
    if (!caught) continue;
    say("caught", i);
    co_await sl::sleep(1s);
    co_yield 100 + i;
  }
}

sl::generator<int> breaks() {
  co_yield 1;
  co_await sl::sleep(1s);
  throw std::invalid_argument("");
}

sl::task<std::string> next_of(sl::generator<int>& g) {
  const auto item = co_await g.next();
  co_return item ? word(*item) : "nothing";
}
template <class Error>
sl::task<std::string> throw_into(sl::generator<int>& g, Error error) {
  const auto item = co_await g.throw_into(error);
  co_return item ? word(*item) : "nothing";
}

sl::task<> program() {
  auto g = patient();
  auto item = co_await next_of(g);
  say(item);
  item = co_await throw_into(g, std::invalid_argument(""));
  say(item, now());
  item = co_await next_of(g);
  say(item);
  auto error = co_await thrown_by(throw_into(g, named_error("KeyError")));
  say(error);
  item = co_await next_of(g);
  say(item);

  auto fresh = patient();
  error = co_await thrown_by(throw_into(fresh, std::invalid_argument("")));
  item = co_await next_of(fresh);
  say(error, item);

  auto broken = breaks();
  item = co_await next_of(broken);
  say(item);
  error = co_await thrown_by(next_of(broken));
  say(error, now());
  item = co_await next_of(broken);
  say(item);
}

}  // namespace trace::generator_throw

TRACE(generator_throw) { sl::run(trace::generator_throw::program()); }
