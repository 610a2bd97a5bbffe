// SPDX-License-Identifier: BSL-1.0
// Runs one of the trace programs by its name.
#include "trace.hpp"

int main(int count, char** arguments) {
  for (const trace::program* p = trace::programs; p != nullptr; p = p->next) {
    if (count == 2 && std::string_view(arguments[1]) == p->name) {
      p->run();
      return 0;
    }
  }
  std::fprintf(stderr, "usage: traces NAME\n");
  return 2;
}
