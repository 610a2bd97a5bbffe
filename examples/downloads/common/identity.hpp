// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <string>

namespace downloads {

/// A key, and a certificate for `host` that it has signed itself, both in PEM. For demonstrations and tests: nobody vouches for it.
struct identity {
  /// Valid until so many seconds from now. @throws std::runtime_error
  explicit identity(const std::string& host = "localhost", long seconds = 3600);
  std::string key;
  std::string certificate;
};

}  // namespace downloads
