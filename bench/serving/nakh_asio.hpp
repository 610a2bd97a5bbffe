// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/asio.hpp>
#include <nakh/run.hpp>
#include <nakh/task.hpp>

#include <boost/asio/ip/tcp.hpp>
#include <utility>
#include <vector>

#include "port.hpp"

// This library: a fiber a connection, Boost.Asio's sockets by use_fiber.
namespace asio = boost::asio;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, nakh::executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, nakh::executor>;

/// A fiber for each connection.
inline void serve_for_ever(void (*serve)(socket_type s)) {
  nakh::run([serve] {
    acceptor a(nakh::get_executor(), {asio::ip::address_v4::loopback(), 0});
    say_port(a.local_endpoint().port());
    std::vector<nakh::task<>> all;
    for (;;) {
      all.push_back(nakh::async([serve, s = a.async_accept(nakh::get_executor(), nakh::use_fiber)]() mutable { serve(std::move(s)); }));
    }
  });
}
