// SPDX-License-Identifier: BSL-1.0
// Rows: T-sub-01 T-sub-02 T-sub-05
#include <nakh/subprocess.hpp>

#include "trace.hpp"

TRACE(subprocess_communicate) {
  run([] {
    constexpr auto pipe = stdio::pipe;
    {
      subprocess p = create_subprocess_shell("cat; echo problems >&2; exit 3", {pipe, pipe, pipe});
      say("running", !p.return_code());
      const auto [output, error] = p.communicate("one two");
      say(output, error, *p.return_code());
    }
    {
      subprocess p = create_subprocess_shell("echo out; echo err >&2", {stdio::inherit, pipe, stdio::merge});
      const auto output = p.communicate().output;
      say(output, !p.has_standard_input(), !p.has_standard_error());
    }
    {
      subprocess p = create_subprocess({"cat"}, {stdio::null, pipe});
      const auto output = p.communicate().output;
      say(output.size(), *p.return_code());
    }
    {
      subprocess p = create_subprocess({"cat"}, {pipe, pipe});
      const auto output = p.communicate(std::string(1'000'000, 'x')).output;
      say(output.size(), *p.return_code());
    }
    {
      subprocess p = create_subprocess_shell("exit 4", {pipe, pipe});
      const auto output = p.communicate(std::string(1'000'000, 'x')).output;
      say(output.size(), *p.return_code());
    }
    {
      subprocess p = create_subprocess({"cat"}, {pipe, pipe});
      for (const char* line : {"first\n", "second\n"}) {
        p.standard_input().write(line);
        p.standard_input().drain();
        say(p.standard_output().read_line());
      }
      p.standard_input().close();
      const auto rest = p.standard_output().read_all();
      const int code = p.wait();
      say(rest.size(), p.standard_output().at_eof(), code);
    }
    say(error_of([] { return create_subprocess({"no-such-program-of-nakh"}); }));
  });
}
