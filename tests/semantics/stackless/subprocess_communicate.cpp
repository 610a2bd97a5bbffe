// SPDX-License-Identifier: BSL-1.0
// Rows: T-sub-01 T-sub-02 T-sub-05
#include <nakh/stackless/net.hpp>
#include <nakh/stackless/subprocess.hpp>

#include "stackless_trace.hpp"

namespace trace::subprocess_communicate {

constexpr auto pipe = stdio::pipe;

sl::task<> both() {
  subprocess p = create_subprocess_shell("cat; echo problems >&2; exit 3", {pipe, pipe, pipe});
  say("running", !p.return_code());
  const subprocess_output got = co_await sl::communicate(p, "one two");
  say(got.output, got.error, *p.return_code());
}

sl::task<> merged() {
  subprocess p = create_subprocess_shell("echo out; echo err >&2", {stdio::inherit, pipe, stdio::merge});
  const subprocess_output got = co_await sl::communicate(p);
  say(got.output, !p.has_standard_input(), !p.has_standard_error());
}

sl::task<> size_of_output(subprocess p, std::string input) {
  const subprocess_output got = co_await sl::communicate(p, std::move(input));
  say(got.output.size(), *p.return_code());
}

sl::task<> line_by_line(subprocess p) {
  const char* const lines[] = {"first\n", "second\n"};
  for (const char* line : lines) {
    p.standard_input().write(line);
    co_await sl::drain(p.standard_input());
    const auto answer = co_await sl::read_line(p.standard_output());
    say(answer);
  }
  p.standard_input().close();
  const auto rest = co_await sl::read_all(p.standard_output());
  const int code = co_await sl::wait(p);
  say(rest.size(), p.standard_output().at_eof(), code);
}

subprocess cat(stdio input) { return create_subprocess({"cat"}, {input, pipe}); }

sl::task<> program() {
  co_await both();
  co_await merged();
  const std::string much(1'000'000, 'x');
  co_await size_of_output(cat(stdio::null), "");
  co_await size_of_output(cat(pipe), much);
  subprocess ends = create_subprocess_shell("exit 4", {pipe, pipe});
  co_await size_of_output(std::move(ends), much);
  co_await line_by_line(cat(pipe));
  say(error_of([] { return create_subprocess({"no-such-program-of-nakh"}); }));
}

}  // namespace trace::subprocess_communicate

TRACE(subprocess_communicate) { sl::run(trace::subprocess_communicate::program()); }
