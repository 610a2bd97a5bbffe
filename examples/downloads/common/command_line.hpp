// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "options.hpp"
#include "progress.hpp"
#include "tally.hpp"

#include <nakh/net.hpp>

#include <chrono>
#include <cstdint>
#include <functional>

namespace downloads {

/// What the demonstration does: serves made-up files, gets them, is interrupted half-way, and gets the rest.
struct demonstration {
  serve_options serving;
  std::chrono::milliseconds interruption;  ///< When.
  std::function<get_options(std::uint16_t port)> wanted;
  std::function<void(const tally&)> report;
};

/// The parts of the program that wait, each in an event loop of its own.
struct model {
  const char* name;
  void (*get)(const get_options& options, progress& shown, tally& count);
  /// Tells `announce` where it serves. Goes on until it is interrupted.
  void (*serve)(const serve_options& options,
                const std::function<void(const nakh::net::server&)>& announce);
  void (*demonstrate)(const demonstration& d, progress& shown);
};

/// The program: its exit status.
[[nodiscard]] int run_command_line(int argc, char** argv, const model& m);

}  // namespace downloads
