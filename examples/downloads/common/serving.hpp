// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "options.hpp"
#include "shelf.hpp"

#include <nakh/mutex.hpp>
#include <nakh/tls.hpp>

#include <optional>

namespace downloads {

/// What the connections of a server share.
struct serving {
  serving(shelf& f, const serve_options& o)
      : files(f), options(o), identity(identity_of(o)) {}

  shelf& files;
  const serve_options& options;
  std::optional<nakh::tls::context> identity;
  nakh::mutex summing;  ///< Held by who finds out a file's digest.
};

}  // namespace downloads
