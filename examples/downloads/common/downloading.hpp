// SPDX-License-Identifier: BSL-1.0
#pragma once
#include "options.hpp"
#include "progress.hpp"
#include "tally.hpp"

#include <nakh/tls.hpp>

#include <random>
#include <vector>

namespace downloads {

/// What downloads that go on together share.
struct downloading {
  downloading(const get_options& o, progress& s, tally& c)
      : options(o),
        shown(s),
        count(c),
        trust(trust_of(o)),
        random(o.seed),
        next(o.jobs.begin()) {
    count.files = o.jobs.size();
  }

  const get_options& options;
  progress& shown;
  tally& count;
  nakh::tls::context trust;
  std::mt19937_64 random;
  std::vector<job>::const_iterator next;  ///< The first that nobody has taken.
};

}  // namespace downloads
