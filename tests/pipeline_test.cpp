// SPDX-License-Identifier: BSL-1.0
#include "support/fixture.hpp"
