// SPDX-License-Identifier: BSL-1.0
// The `main` of every test program.

// No handlers of doctest's own: they would hide what `run` does with SIGINT, and the report of a stack overflow.
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
