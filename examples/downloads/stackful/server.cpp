// SPDX-License-Identifier: BSL-1.0
#include "server.hpp"

#include "../common/serving.hpp"

#include <nakh/nakh.hpp>
#include <nakh/tls.hpp>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace downloads::stackful {

namespace {

using namespace std::chrono_literals;
using nakh::net::stream;

/// The next request, or nothing when the peer has none, or none that can be answered; then it was told so.
std::optional<request_reader::request> next_request(stream& s, request_reader& requests,
                                                    const serve_options& options) {
  std::string refusal;
  try {
    // For all of the request: a peer that sends a byte now and then gains nothing by it.
    nakh::timeout(options.header_deadline, [&] {
      while (!requests.is_complete()) requests.put(s.read(file::piece_size));
    });
    return requests.take();
  } catch (const nakh::timeout_error&) {
    if (!requests.is_empty())
      refusal =
          short_answer(http::status::request_timeout, "The request took too long.");
  } catch (const boost::system::system_error& e) {
    refusal = refusal_of(e.code());
  }
  if (refusal.empty()) return std::nullopt;
  s.write(refusal);
  if (s.can_write_eof()) s.write_eof();
  // What it still sends is read for a moment: closing before that would be a reset, which may overtake the answer.
  nakh::timeout(1s, [&] {
    while (!s.read(file::piece_size).empty()) continue;
  });
  return std::nullopt;
}

answer answer_to(const request_reader::request& asked, serving& all) {
  const auto path = all.files.find(asked.target());
  if (path) {
    const std::scoped_lock one_at_a_time(all.summing);
    if (all.files.must_sum(*path)) {
      const shelf::signature before = shelf::sign(*path);
      all.files.remember(*path, before, nakh::to_thread(digest_of_file, *path));
    }
  }
  return all.files.answer_to(asked, path);
}

/// Whether the connection can be used again.
bool send(stream& s, answer& a, const serve_options& options) {
  s.write(a.head());
  for (std::string piece = a.next_piece(); !piece.empty(); piece = a.next_piece()) {
    s.write(piece);
    nakh::timeout(options.write_deadline, [&] { s.drain(); });
    if (options.rate) nakh::sleep(time_for(piece.size(), *options.rate));
  }
  if (a.end() == answer::ending::reset) s.abort();
  if (a.end() == answer::ending::stall) {
    while (!s.read(file::piece_size).empty()) continue;
  }
  return a.end() == answer::ending::keep;
}

void serve(stream s, serving& all) {
  try {
    if (all.identity)
      s = nakh::tls::start_tls(std::move(s), *all.identity, {},
                               all.options.header_deadline);
    request_reader requests;
    for (bool more = true; more;) {
      const auto asked = next_request(s, requests, all.options);
      if (!asked) break;
      answer a = answer_to(*asked, all);
      more = send(s, a, all.options);
    }
    s.close();
    nakh::timeout(all.options.write_deadline, [&] { s.wait_closed(); });
  } catch (const std::exception&) {
    s.abort();  // the peer has gone, does not read, or speaks no TLS: that is its own affair
  }
}

}  // namespace

nakh::net::server start_file_server(shelf& files, const serve_options& options) {
  const auto all = std::make_shared<serving>(files, options);
  return nakh::net::start_server([all](stream s) { serve(std::move(s), *all); },
                                 nakh::net::endpoint(options.host, options.port),
                                 {.max_connections = options.max_connections});
}

}  // namespace downloads::stackful
