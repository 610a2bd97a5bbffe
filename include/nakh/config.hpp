// SPDX-License-Identifier: BSL-1.0
#pragma once

/// The library's version, as one comparable number: `major * 10000 + minor * 100 + patch`.
#define NAKH_VERSION 100
/// The same as text.
#define NAKH_VERSION_STRING "0.1.0"

#if defined(NAKH_SHARED)
/// For the library: marks what a shared library exports. The build defines NAKH_SHARED for the library and its users.
#define NAKH_API __attribute__((visibility("default")))
#else
/// For the library.
#define NAKH_API
#endif
