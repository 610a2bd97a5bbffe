// SPDX-License-Identifier: BSL-1.0
#include "../common/command_line.hpp"
#include "downloader.hpp"
#include "server.hpp"

#include <nakh/nakh.hpp>

namespace {

using namespace downloads;

void get(const get_options& options, progress& shown, tally& count) {
  nakh::run([&] { stackful::get_all(options, shown, count); });
}

void serve(const serve_options& options,
           const std::function<void(const nakh::net::server&)>& announce) {
  nakh::run([&] {
    shelf files(options.folder, options.trouble);
    nakh::net::server server = stackful::start_file_server(files, options);
    announce(server);
    server.serve_forever();
  });
}

void demonstrate(const demonstration& d, progress& shown) {
  nakh::run([&] {
    shelf files(d.serving.folder, d.serving.trouble);
    const nakh::net::server server = stackful::start_file_server(files, d.serving);
    const get_options wanted = d.wanted(server.endpoints().front().port());
    tally first;
    try {
      nakh::timeout(d.interruption, [&] { stackful::get_all(wanted, shown, first); });
    } catch (const nakh::timeout_error&) {
      shown.say("interrupted half-way");
    }
    d.report(first);
    tally second;
    stackful::get_all(wanted, shown, second);
    d.report(second);
  });
}

}  // namespace

int main(int argc, char** argv) {
  return run_command_line(argc, argv, {"stackful", &get, &serve, &demonstrate});
}
