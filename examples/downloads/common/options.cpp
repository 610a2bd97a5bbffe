// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include "file.hpp"

#include <sstream>
#include <stdexcept>

namespace downloads {

void job_list::add(const std::string& url, const std::optional<digest>& wanted) {
  job j{parse_address(url), {}, wanted};
  if (j.from.file_name.empty())
    throw std::invalid_argument("\"" + url + "\" does not end in a file's name");
  j.to = folder_ / j.from.file_name;
  const auto [other, is_new] = url_of_name_.emplace(j.from.file_name, url);
  if (!is_new)
    throw std::invalid_argument("\"" + other->second + "\" and \"" + url +
                                "\" would both be " + j.to.string());
  jobs_.push_back(std::move(j));
}

void job_list::add_list(const std::filesystem::path& list) {
  std::istringstream lines(text_of(list));
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string url, sum, more;
    words >> url >> sum >> more;
    if (url.empty() || url.front() == '#') continue;
    try {
      const std::optional<digest> wanted = from_hex(sum);
      if (!more.empty())
        throw std::invalid_argument("\"" + more +
                                    "\" is one word too many: a line is URL [SHA-256]");
      if (!sum.empty() && !wanted)
        throw std::invalid_argument("\"" + sum + "\" is no SHA-256");
      add(url, wanted);
    } catch (const std::invalid_argument& e) {
      throw std::invalid_argument(list.string() + ":" + std::to_string(number) + ": " +
                                  e.what());
    }
  }
}

std::optional<nakh::tls::context> identity_of(const serve_options& options) {
  if (options.certificate.empty()) return std::nullopt;
  return nakh::tls::context::server(options.certificate, options.key);
}

nakh::tls::context trust_of(const get_options& options) {
  nakh::tls::context c = nakh::tls::context::client();
  if (!options.trusted.empty()) c.trust(options.trusted);
  return c;
}

}  // namespace downloads
