// SPDX-License-Identifier: BSL-1.0
#include "downloader.hpp"

#include "../common/backoff.hpp"
#include "../common/downloading.hpp"
#include "../common/exchange.hpp"
#include "../common/partial_file.hpp"

#include <nakh/stackless/net.hpp>
#include <nakh/stackless/tls.hpp>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace downloads::stackless {

namespace {

namespace sl = nakh::stackless;
using namespace std::chrono_literals;
using nakh::net::stream;

sl::task<stream> connect(const address& to, downloading& all) {
  return sl::timeout(all.options.patience,
                     to.by_tls ? sl::open_connection(to.host, to.port, all.trust)
                               : sl::open_connection(to.host, to.port));
}

// [attempt]
/// Gets the file, or what is missing of it. Whether its digest was known, so checked.
sl::task<bool> attempt(const job& j, partial_file& file, progress::bar& bar,
                       downloading& all) {
  address from = j.from;
  for (int redirections = 0;; ++redirections) {
    exchange e(from, file, j.wanted);
    stream s = co_await connect(from, all);
    s.write(e.request());
    while (!e.done()) {
      e.put(co_await sl::timeout(all.options.patience, sl::read(s, file::piece_size)));
      bar.set(file.size(), e.total());
    }
    if (!e.redirection()) co_return e.is_verified();
    from = next_address(from, *e.redirection(), redirections);
  }
}
// [attempt]

// [get]
/// The line that says what has become of it. @throws failure  for good
sl::task<std::string> get(const job& j, progress::bar& bar, downloading& all) {
  if (std::filesystem::exists(j.to)) {
    bool is_right = true;
    if (j.wanted) is_right = co_await sl::to_thread(digest_of_file, j.to) == *j.wanted;
    if (is_right) {
      ++all.count.there;
      co_return "is here already";
    }
  }
  partial_file file = co_await sl::to_thread(&partial_file::open, j.to);
  bar.start(file.size());
  part_on_leaving kept(file, all.count);
  backoff retry(all.options.retries);
  std::optional<bool> verified;
  while (!verified) {
    std::optional<backoff::duration> wait;  // a handler cannot wait
    try {
      verified = co_await attempt(j, file, bar, all);
      continue;
    } catch (const std::exception&) {
      const failure why = failure_in_flight();
      wait = retry.after(why, file.size(), all.random);
      if (!wait) throw why;
      bar.note(to_text(why, *wait));
    }
    co_await sl::sleep(*wait);
  }
  const std::string line = in_bytes(static_cast<double>(file.size())) +
                           (*verified ? ", SHA-256 is right" : "");
  kept.dismiss();
  // By name: what is captured within a co_await, GCC 12 destroys twice.
  // It goes on when this is cancelled.
  auto commit = [file = std::move(file)]() mutable { file.commit(); };
  co_await sl::to_thread(std::move(commit));
  ++all.count.whole;
  co_return line;
}
// [get]

sl::task<> get_and_report(const job& j, downloading& all) {
  progress::bar bar(all.shown, j.to.filename().string());
  std::string line;
  try {
    line = co_await get(j, bar, all);
  } catch (const std::exception&) {
    line = std::string("failed: ") + failure_in_flight().what();
    ++all.count.failed;
  }
  all.shown.count_finished();
  all.shown.say(j.to.filename().string() + ": " + line);
}

sl::task<> work(downloading& all) {
  while (all.next != all.options.jobs.end()) co_await get_and_report(*all.next++, all);
}

sl::task<> draw(progress& shown) {
  for (; shown.is_terminal(); co_await sl::sleep(100ms)) shown.draw(nakh::clock::now());
}

sl::task<> start_workers(nakh::task_group& workers, downloading& all) {
  for (std::size_t i = 0; i < all.options.at_once; ++i) workers.async(work(all));
  co_return;
}

sl::task<> draw_and_work(nakh::task_group& around, downloading& all) {
  auto drawing = around.async(draw(all.shown));
  const auto start = [&all](nakh::task_group& workers) {
    return start_workers(workers, all);
  };
  co_await sl::task_group::run(start);
  drawing.cancel();
}

}  // namespace

sl::task<> get_all(const get_options& options, progress& shown, tally& count) {
  downloading all(options, shown, count);
  const auto start = [&all](nakh::task_group& around) {
    return draw_and_work(around, all);
  };
  co_await sl::task_group::run(start);
}

}  // namespace downloads::stackless
