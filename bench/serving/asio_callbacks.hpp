// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <utility>

#include "port.hpp"

// Boost.Asio as its own examples write it: a session that keeps itself alive.
namespace asio = boost::asio;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;

template <class Session>
void accept(acceptor& a) {
  a.async_accept(a.get_executor(), [&a](const boost::system::error_code& error, socket_type s) {
    if (!error) std::make_shared<Session>(std::move(s))->read();
    accept<Session>(a);
  });
}

/// A `Session` for each connection, which begins by `read()`.
template <class Session>
void serve_for_ever() {
  asio::io_context io(1);
  acceptor a(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  say_port(a.local_endpoint().port());
  accept<Session>(a);
  io.run();
}
