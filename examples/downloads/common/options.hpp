// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "address.hpp"
#include "digest.hpp"

#include <nakh/tls.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace downloads {

/// A file to get.
struct job {
  address from;
  std::filesystem::path to;
  std::optional<digest> wanted;  ///< When the list says what it must be.
};

/// The files that are wanted, all in one folder.
class job_list {
 public:
  explicit job_list(std::filesystem::path folder) : folder_(std::move(folder)) {}
  /// @throws std::invalid_argument  it is no address, ends in no file's name, or two would have the same
  void add(const std::string& url, const std::optional<digest>& wanted = std::nullopt);
  /// Lines of "URL [SHA-256]"; empty ones, and those that begin with "#", say nothing.
  /// @throws std::invalid_argument  with the line's number
  /// @throws file_error
  void add_list(const std::filesystem::path& list);
  [[nodiscard]] const std::vector<job>& jobs() const noexcept { return jobs_; }

 private:
  std::filesystem::path folder_;
  std::vector<job> jobs_;
  std::map<std::string, std::string> url_of_name_;
};

struct get_options {
  std::vector<job> jobs;
  std::size_t at_once = 4;
  std::chrono::milliseconds patience{
      20'000};  ///< For a connection, and for each next piece.
  unsigned retries = 5;
  std::string trusted;     ///< Certificates in PEM to trust besides the system's.
  std::uint64_t seed = 0;  ///< Of the chance in the waits between attempts.
};

struct serve_options {
  std::filesystem::path folder;
  std::string host = "127.0.0.1";  ///< An IP address.
  std::uint16_t port = 8080;
  std::string certificate;  ///< PEM; empty: no TLS.
  std::string key;
  std::chrono::milliseconds header_deadline{
      10'000};  ///< For all of a request, from when the connection, or the answer before, was done.
  std::chrono::milliseconds write_deadline{
      30'000};  ///< For the peer to take some 64 KiB.
  std::size_t max_connections = 1000;
  std::optional<std::uint64_t> rate;     ///< Bytes a second for each connection.
  std::optional<std::uint64_t> trouble;  ///< A seed: see trouble.hpp.
};

/// How long so many bytes take.
[[nodiscard]] inline std::chrono::nanoseconds time_for(std::size_t bytes,
                                                       std::uint64_t bytes_a_second) {
  const std::chrono::duration<double> seconds(static_cast<double>(bytes) /
                                              static_cast<double>(bytes_a_second));
  return std::chrono::duration_cast<std::chrono::nanoseconds>(seconds);
}

/// What a server shows that it is; nothing without TLS. @throws std::system_error
[[nodiscard]] std::optional<nakh::tls::context> identity_of(
    const serve_options& options);
/// @throws std::system_error
[[nodiscard]] nakh::tls::context trust_of(const get_options& options);

}  // namespace downloads
