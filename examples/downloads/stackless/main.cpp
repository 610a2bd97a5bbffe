// SPDX-License-Identifier: BSL-1.0
#include "../common/command_line.hpp"
#include "downloader.hpp"
#include "server.hpp"

#include <nakh/stackless.hpp>
#include <nakh/stackless/net.hpp>

namespace {

using namespace downloads;
namespace sl = nakh::stackless;

void get(const get_options& options, progress& shown, tally& count) {
  sl::run(stackless::get_all(options, shown, count));
}

sl::task<> start_serving(
    const serve_options& options,
    const std::function<void(const nakh::net::server&)>& announce) {
  shelf files(options.folder, options.trouble);
  nakh::net::server server = stackless::start_file_server(files, options);
  announce(server);
  co_await sl::serve_forever(server);
}
void serve(const serve_options& options,
           const std::function<void(const nakh::net::server&)>& announce) {
  sl::run(start_serving(options, announce));
}

sl::task<> start_demonstration(const demonstration& d, progress& shown) {
  shelf files(d.serving.folder, d.serving.trouble);
  const nakh::net::server server = stackless::start_file_server(files, d.serving);
  const get_options wanted = d.wanted(server.endpoints().front().port());
  tally first;
  try {
    co_await sl::timeout(d.interruption, stackless::get_all(wanted, shown, first));
  } catch (const nakh::timeout_error&) {
    shown.say("interrupted half-way");
  }
  d.report(first);
  tally second;
  co_await stackless::get_all(wanted, shown, second);
  d.report(second);
}
void demonstrate(const demonstration& d, progress& shown) {
  sl::run(start_demonstration(d, shown));
}

}  // namespace

int main(int argc, char** argv) {
  return run_command_line(argc, argv, {"stackless", &get, &serve, &demonstrate});
}
