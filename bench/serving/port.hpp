// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <cstdio>

/// Each server says where it listens by its first line: bench/servers.py.
inline void say_port(int port) {
  std::printf("%d\n", port);
  std::fflush(stdout);
}
