// SPDX-License-Identifier: BSL-1.0
#include "downloader.hpp"

#include "../common/backoff.hpp"
#include "../common/downloading.hpp"
#include "../common/exchange.hpp"
#include "../common/partial_file.hpp"

#include <nakh/nakh.hpp>
#include <nakh/net.hpp>
#include <nakh/tls.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace downloads::stackful {

namespace {

using namespace std::chrono_literals;
using nakh::net::stream;

stream connect(const address& to, downloading& all) {
  return nakh::timeout(all.options.patience, [&] {
    return to.by_tls ? nakh::tls::open_connection(to.host, to.port, all.trust)
                     : nakh::net::open_connection(to.host, to.port);
  });
}

// [attempt]
/// Gets the file, or what is missing of it. Whether its digest was known, so checked.
bool attempt(const job& j, partial_file& file, progress::bar& bar, downloading& all) {
  address from = j.from;
  for (int redirections = 0;; ++redirections) {
    exchange e(from, file, j.wanted);
    stream s = connect(from, all);
    s.write(e.request());
    while (!e.done()) {
      e.put(nakh::timeout(all.options.patience,
                          [&] { return s.read(file::piece_size); }));
      bar.set(file.size(), e.total());
    }
    if (!e.redirection()) return e.is_verified();
    from = next_address(from, *e.redirection(), redirections);
  }
}
// [attempt]

// [get]
/// The line that says what has become of it. @throws failure  for good
std::string get(const job& j, progress::bar& bar, downloading& all) {
  if (std::filesystem::exists(j.to) &&
      (!j.wanted || nakh::to_thread(digest_of_file, j.to) == *j.wanted)) {
    ++all.count.there;
    return "is here already";
  }
  partial_file file = nakh::to_thread(&partial_file::open, j.to);
  bar.start(file.size());
  part_on_leaving kept(file, all.count);
  backoff retry(all.options.retries);
  std::optional<bool> verified;
  while (!verified) {
    try {
      verified = attempt(j, file, bar, all);
    } catch (const std::exception&) {
      const failure why = failure_in_flight();
      const auto wait = retry.after(why, file.size(), all.random);
      if (!wait) throw why;
      bar.note(to_text(why, *wait));
      nakh::sleep(*wait);
    }
  }
  const std::string line = in_bytes(static_cast<double>(file.size())) +
                           (*verified ? ", SHA-256 is right" : "");
  kept.dismiss();
  nakh::to_thread([file = std::move(file)]() mutable {
    file.commit();
  });  // which goes on when this is cancelled
  ++all.count.whole;
  return line;
}
// [get]

void get_and_report(const job& j, downloading& all) {
  progress::bar bar(all.shown, j.to.filename().string());
  std::string line;
  try {
    line = get(j, bar, all);
  } catch (const std::exception&) {
    line = std::string("failed: ") + failure_in_flight().what();
    ++all.count.failed;
  }
  all.shown.count_finished();
  all.shown.say(j.to.filename().string() + ": " + line);
}

void draw(progress& shown) {
  for (; shown.is_terminal(); nakh::sleep(100ms)) shown.draw(nakh::clock::now());
}

}  // namespace

void get_all(const get_options& options, progress& shown, tally& count) {
  downloading all(options, shown, count);
  nakh::task_group::run([&](nakh::task_group& around) {
    auto drawing = around.async([&] { draw(shown); });
    nakh::task_group::run([&](nakh::task_group& workers) {
      for (std::size_t i = 0; i < options.at_once; ++i) {
        workers.async([&] {
          while (all.next != options.jobs.end()) get_and_report(*all.next++, all);
        });
      }
    });
    drawing.cancel();
  });
}

}  // namespace downloads::stackful
