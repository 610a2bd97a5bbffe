// SPDX-License-Identifier: BSL-1.0
#include "server.hpp"

#include "../common/serving.hpp"

#include <nakh/stackless.hpp>
#include <nakh/stackless/net.hpp>
#include <nakh/stackless/tls.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace downloads::stackless {

namespace {

namespace sl = nakh::stackless;
using namespace std::chrono_literals;
using nakh::net::stream;

sl::task<> read_request(stream& s, request_reader& requests) {
  while (!requests.is_complete()) requests.put(co_await sl::read(s, file::piece_size));
}

sl::task<> read_to_end(stream& s) {
  std::string piece;
  do {  // not `while (!(co_await ...).empty())`, for which GCC 12 makes code that overwrites the coroutine's own frame
    piece = co_await sl::read(s, file::piece_size);
  } while (!piece.empty());
}

/// The next request, or nothing when the peer has none, or none that can be answered; then it was told so.
sl::task<std::optional<request_reader::request>> next_request(
    stream& s, request_reader& requests, const serve_options& options) {
  std::string refusal;
  try {
    // For all of the request: a peer that sends a byte now and then gains nothing by it.
    co_await sl::timeout(options.header_deadline, read_request(s, requests));
    co_return requests.take();
  } catch (const nakh::timeout_error&) {
    if (!requests.is_empty())
      refusal =
          short_answer(http::status::request_timeout, "The request took too long.");
  } catch (const boost::system::system_error& e) {
    refusal = refusal_of(e.code());
  }
  if (refusal.empty()) co_return std::nullopt;
  s.write(refusal);
  if (s.can_write_eof()) s.write_eof();
  // What it still sends is read for a moment: closing before that would be a reset, which may overtake the answer.
  co_await sl::timeout(1s, read_to_end(s));
  co_return std::nullopt;
}

sl::task<answer> answer_to(const request_reader::request& asked, serving& all) {
  const auto path = all.files.find(asked.target());
  if (path) {
    const auto one_at_a_time = co_await sl::hold(all.summing);
    if (all.files.must_sum(*path)) {
      const shelf::signature before = shelf::sign(*path);
      all.files.remember(*path, before, co_await sl::to_thread(digest_of_file, *path));
    }
  }
  co_return all.files.answer_to(asked, path);
}

/// Whether the connection can be used again.
sl::task<bool> send(stream& s, answer& a, const serve_options& options) {
  s.write(a.head());
  for (std::string piece = a.next_piece(); !piece.empty(); piece = a.next_piece()) {
    s.write(piece);
    co_await sl::timeout(options.write_deadline, sl::drain(s));
    if (options.rate) co_await sl::sleep(time_for(piece.size(), *options.rate));
  }
  if (a.end() == answer::ending::reset) s.abort();
  if (a.end() == answer::ending::stall) co_await read_to_end(s);
  co_return a.end() == answer::ending::keep;
}

sl::task<> serve(stream s, std::shared_ptr<serving> all) {
  try {
    if (all->identity)
      s = co_await sl::start_tls(std::move(s), *all->identity, {},
                                 all->options.header_deadline);
    request_reader requests;
    for (bool more = true; more;) {
      const auto asked = co_await next_request(s, requests, all->options);
      if (!asked) break;
      answer a = co_await answer_to(*asked, *all);
      more = co_await send(s, a, all->options);
    }
    s.close();
    co_await sl::timeout(all->options.write_deadline, sl::wait_closed(s));
  } catch (const std::exception&) {
    s.abort();  // the peer has gone, does not read, or speaks no TLS: that is its own affair
  }
}

}  // namespace

nakh::net::server start_file_server(shelf& files, const serve_options& options) {
  const auto all = std::make_shared<serving>(files, options);
  return sl::start_server([all](stream s) { return serve(std::move(s), all); },
                          nakh::net::endpoint(options.host, options.port),
                          {.max_connections = options.max_connections});
}

}  // namespace downloads::stackless
