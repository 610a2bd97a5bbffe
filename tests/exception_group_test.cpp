// SPDX-License-Identifier: BSL-1.0
#include <nakh/exception_group.hpp>

#include "support/fixture.hpp"

#include <nakh/sleep.hpp>
#include <nakh/task_group.hpp>
#include <nakh/timeout.hpp>

#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace nakh;
using namespace nakh::test;
using namespace std::chrono_literals;

namespace {

template <class E>
std::exception_ptr an(E error) {
  return std::make_exception_ptr(std::move(error));
}
std::exception_ptr value_error(const char* text) { return an(std::invalid_argument(text)); }
std::exception_ptr type_error(const char* text) { return an(std::domain_error(text)); }
std::exception_ptr os_error(const char* text) { return an(std::runtime_error(text)); }

/// "message[error inner[error]]"
std::string tree(const exception_group& g) {
  std::string text = g.message() + "[";
  for (const std::exception_ptr& e : g.errors()) {
    if (text.back() != '[') text += ' ';
    try {
      std::rethrow_exception(e);
    } catch (const exception_group& inner) {
      text += tree(inner);
    } catch (const std::exception& error) {
      text += error.what();
    } catch (...) {
      text += "?";
    }
  }
  return text + "]";
}
std::string tree(const std::optional<exception_group>& g) { return g ? tree(*g) : "none"; }

/// The tree of the group that leaves `f`, or how `caught` says it.
template <class F>
std::string thrown(F&& f) {
  try {
    f();
    return "nothing";
  } catch (const exception_group& g) {
    return tree(g);
  } catch (...) {
    return caught(std::current_exception());
  }
}

exception_group nested() {
  return {"outer",
          {value_error("v1"),
           an(exception_group("inner", {type_error("t1"), value_error("v2"), an(exception_group("deep", {os_error("o1")}))})),
           type_error("t2")}};
}

}  // namespace

TEST_CASE("T-exg-01: a handler gets the errors of its types with their nesting; the others go on") {
  trace say;
  CHECK(thrown([&] { nested().handle<std::invalid_argument>([&](const exception_group& g) { say(tree(g)); }); }) ==
        "outer[inner[t1 deep[o1]] t2]");
  CHECK(say.take() == "outer[v1 inner[v2]]");
  // Several types at once; a base class stands for those derived from it.
  CHECK(thrown([&] { nested().handle<std::domain_error, std::runtime_error>([&](const exception_group& g) { say(tree(g)); }); }) ==
        "outer[v1 inner[v2]]");
  CHECK(say.take() == "outer[inner[t1 deep[o1]] t2]");
  CHECK(thrown([&] { nested().handle<std::logic_error>([&](const exception_group& g) { say(tree(g)); }); }) == "outer[inner[deep[o1]]]");
  CHECK(say.take() == "outer[v1 inner[t1 v2] t2]");
  // All of them: nothing goes on.
  CHECK(thrown([&] { nested().handle<std::exception>([&](const exception_group& g) { say(tree(g)); }); }) == "nothing");
  CHECK(say.take() == tree(nested()));
}

TEST_CASE("T-exg-01: none of its type: the handler is not called, and the group goes on as it was") {
  trace say;
  CHECK(thrown([&] { nested().handle<std::bad_alloc>([&](const exception_group&) { say("called"); }); }) == tree(nested()));
  CHECK(say.take().empty());
}

TEST_CASE("T-exg-01: what the handler throws is thrown beside the others; a cancellation and a fatal error alone") {
  const auto throws = [](auto error) { return [error](const exception_group&) { throw error; }; };
  CHECK(thrown([&] { nested().handle<std::invalid_argument>(throws(std::runtime_error("new"))); }) == "[new outer[inner[t1 deep[o1]] t2]]");
  CHECK(thrown([&] { nested().handle<std::exception>(throws(std::runtime_error("new"))); }) == "[new]");
  CHECK(thrown([&] { nested().handle<std::exception>(throws(cancelled_error())); }) == "cancelled_error");
  CHECK(thrown([&] { nested().handle<std::exception>(throws(system_exit(3))); }) == "system_exit(3)");
}

TEST_CASE("T-exg-02: split: the matching ones and the rest, each with messages and nesting; an empty side is none") {
  const auto [values, rest] = nested().split<std::invalid_argument>();
  CHECK(tree(values) == "outer[v1 inner[v2]]");
  CHECK(tree(rest) == "outer[inner[t1 deep[o1]] t2]");
  const auto [all, none] = nested().split<std::exception>();
  CHECK(tree(all) == tree(nested()));
  CHECK_FALSE(none.has_value());
  const auto [nobody, everything] = nested().split<std::bad_alloc>();
  CHECK_FALSE(nobody.has_value());
  CHECK(tree(everything) == tree(nested()));
  // By any question, which is asked of errors in their order, never of groups.
  trace asked;
  const auto parts = nested().split([&](const std::exception_ptr& e) {
    asked(caught(e));
    return caught(e) == "o1";
  });
  CHECK(asked.take() == "invalid_argument t1 invalid_argument o1 t2");
  CHECK(tree(parts.first) == "outer[inner[deep[o1]]]");
  CHECK_THROWS_WITH(static_cast<void>(nested().split([](const std::exception_ptr&) -> bool { throw std::runtime_error("no answer"); })),
                    "no answer");
}

TEST_CASE("T-exg-02: the errors themselves are handed on, not copies") {
  const std::exception_ptr one = value_error("v");
  const exception_group g("g", {one, type_error("t")});
  CHECK(g.subgroup<std::invalid_argument>()->errors().front() == one);
  CHECK(exception_group(g).errors().front() == one);
}

TEST_CASE("T-exg-03: a bare error meets a handler: it comes as a group of one; else it goes on as it was") {
  trace say;
  const auto say_tree = [&](const exception_group& g) { say(tree(g)); };
  exception_group::handle<std::invalid_argument>(value_error("v"), say_tree);
  CHECK(say.take() == "[v]");
  CHECK(thrown([&] { exception_group::handle<std::invalid_argument>(type_error("t"), say_tree); }) == "t");
  CHECK(thrown([&] { exception_group::handle<std::invalid_argument>(an(42), say_tree); }) == "int 42");
  CHECK(say.take().empty());
  CHECK(thrown([&] { exception_group::handle<std::invalid_argument>(an(nested()), say_tree); }) == "outer[inner[t1 deep[o1]] t2]");
  CHECK(say.take() == "outer[v1 inner[v2]]");
  CHECK(tree(nested().subgroup([](const std::exception_ptr& e) { return caught(e).starts_with("t"); })) == "outer[inner[t1] t2]");
}

TEST_CASE("T-exg-04: a group of nothing, of null, of a cancellation or of a fatal error is refused") {
  const auto refused = [](std::vector<std::exception_ptr> errors) {
    CHECK_THROWS_AS(exception_group("g", std::move(errors)), std::invalid_argument);
  };
  refused({});
  refused({nullptr});
  refused({value_error("v"), nullptr});
  refused({an(cancelled_error())});
  refused({value_error("v"), an(system_exit(1))});
  refused({an(keyboard_interrupt())});
  CHECK(exception_group("", {an(42)}).errors().size() == 1);
}

TEST_CASE("what a group says: its message, how many errors, and the tree of them") {
  const exception_group g("outer", {value_error("v1"), an(exception_group("inner", {type_error("two\nlines")})), an(42)});
  CHECK(std::string(g.what()) == std::string("outer (3 errors)\n"
                                             "  - std::invalid_argument: v1\n"
                                             "  - inner (1 error)\n"
                                             "      - std::domain_error: two\n"
                                             "        lines\n"
                                             "  - int"));
  CHECK(g.message() == "outer");
}

TEST_CASE("a group of groups a hundred deep: said, split, copied and destroyed") {
  std::exception_ptr e = value_error("v");
  for (int i = 0; i < 100; ++i) e = an(exception_group("g", {e}));
  CHECK(thrown([&] { exception_group::handle<std::domain_error>(e, [](const exception_group&) {}); }).size() == 301);
  trace say;
  exception_group::handle<std::invalid_argument>(
      e, [&](const exception_group& g) { say("depth", static_cast<long long>(tree(g).find('v'))); });
  CHECK(say.take() == "depth200");
}

TEST_CASE_FIXTURE(fixture, "errors of a task group's members, by kind, as except* would have them") {
  run([&] {
    const auto fails = [](auto error, delay d) {
      return [error, d] {
        sleep(d);
        throw error;
      };
    };
    try {
      task_group::run([&](task_group& g) {
        static_cast<void>(g.async(fails(std::invalid_argument("bad"), 1s)));
        static_cast<void>(g.async([&] { wait_for([] { sleep(1h); }, 1s); }));
        sleep(1h);
      });
    } catch (const exception_group& errors) {
      try {
        errors.handle<timeout_error>([&](const exception_group& late) { say("late", static_cast<long long>(late.errors().size())); });
      } catch (const exception_group& others) {
        others.handle<std::invalid_argument>([&](const exception_group& bad) { say(caught(bad.errors().front())); });
      }
    }
  });
  CHECK(say.take() == "late1 invalid_argument");
}
