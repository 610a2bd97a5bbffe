// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

/// What all of these servers understand and say.
using request = boost::beast::http::request<boost::beast::http::string_body>;
using response = boost::beast::http::response<boost::beast::http::string_body>;

inline response answer(const request& asked) {
  response r(boost::beast::http::status::ok, asked.version());
  r.set(boost::beast::http::field::content_type, "text/plain");
  r.body() = "Hello!\n";
  r.keep_alive(asked.keep_alive());
  r.prepare_payload();
  return r;
}
