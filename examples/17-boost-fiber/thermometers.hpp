// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/nakh.hpp>
#include <nakh/net.hpp>

#include <string>

/// Where six thermometers answer by TCP: a line with a number, for a text with degrees. The fifth is broken, and says nothing.
inline nakh::net::endpoint thermometers_at() {
  static const nakh::net::server server = nakh::net::start_server(
      [](nakh::net::stream& s) {
        const int thermometer = std::stoi(s.read_line());
        constexpr int broken = 5;
        if (thermometer == broken) static_cast<void>(s.read_line());
        s.write(std::to_string(17 + thermometer) + " degrees");
      },
      nakh::net::endpoint("127.0.0.1", 0));
  return server.endpoints().front();
}
