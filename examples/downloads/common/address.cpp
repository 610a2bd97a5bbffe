// SPDX-License-Identifier: BSL-1.0
#include "address.hpp"

#include <boost/url.hpp>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace downloads {

namespace urls = boost::urls;

namespace {

[[noreturn]] void refuse(std::string_view text, const std::string& why) {
  throw std::invalid_argument("\"" + std::string(text) + "\" " + why);
}

/// What the file may be called here: nothing that leads to another folder.
std::string safe_name(std::string name) {
  const bool unusable = name.empty() || name == "." || name == ".." ||
                        name.find_first_of(std::string_view("/\0", 2)) != name.npos;
  return unusable ? std::string() : name;
}

}  // namespace

address parse_address(std::string_view text) {
  const auto parsed = urls::parse_uri(text);
  if (!parsed) refuse(text, "is no URL: " + parsed.error().message());
  const urls::url_view& url = *parsed;
  const bool by_tls = url.scheme_id() == urls::scheme::https;
  if (!by_tls && url.scheme_id() != urls::scheme::http)
    refuse(text, "is neither http nor https");
  if (url.host().empty()) refuse(text, "names no host");
  if (url.has_userinfo()) refuse(text, "holds a user's name, which is not supported");
  address a;
  a.text = std::string(text.substr(0, text.find('#')));
  a.by_tls = by_tls;
  a.host = url.host();
  if (a.host.front() == '[') a.host = a.host.substr(1, a.host.size() - 2);
  const std::string port(url.port());
  if (!port.empty()) {
    const auto [end, error] =
        std::from_chars(port.data(), port.data() + port.size(), a.port);
    if (error != std::errc() || a.port == 0) refuse(text, "has no port that exists");
  } else {
    a.port = by_tls ? 443 : 80;
  }
  a.authority = std::string(url.encoded_host_and_port());
  a.target = std::string(url.encoded_path());
  if (a.target.empty()) a.target = "/";
  if (url.has_query()) a.target += "?" + std::string(url.encoded_query());
  if (!url.segments().empty()) a.file_name = safe_name(url.segments().back());
  return a;
}

address follow(const address& from, std::string_view location) {
  const auto base = urls::parse_uri(from.text);
  const auto there = urls::parse_uri_reference(location);
  urls::url resolved;
  if (location.empty() || !base || !there || !urls::resolve(*base, *there, resolved))
    refuse(location, "is no place to be sent to");
  return parse_address(std::string_view(resolved.data(), resolved.size()));
}

}  // namespace downloads
