// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "port.hpp"

// Boost.Asio's coroutines, with a concrete executor.
namespace asio = boost::asio;
using executor = asio::io_context::executor_type;
using token = asio::use_awaitable_t<executor>;
using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, executor>;
using socket_type = asio::basic_stream_socket<asio::ip::tcp, executor>;
using session = asio::awaitable<void, executor> (*)(socket_type s);

inline asio::awaitable<void, executor> accept(acceptor& a, session serve) {
  for (;;) {
    socket_type s = co_await a.async_accept(a.get_executor(), token());
    asio::co_spawn(a.get_executor(), serve(std::move(s)), asio::detached);
  }
}

/// A coroutine for each connection.
inline void serve_for_ever(session serve) {
  asio::io_context io(1);
  acceptor a(io.get_executor(), {asio::ip::address_v4::loopback(), 0});
  say_port(a.local_endpoint().port());
  asio::co_spawn(io.get_executor(), accept(a, serve), asio::detached);
  io.run();
}
