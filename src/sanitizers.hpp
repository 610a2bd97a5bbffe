// SPDX-License-Identifier: BSL-1.0
#pragma once

// Which sanitizer this translation unit is built with: NAKH_ASAN, NAKH_TSAN. (NAKH_VALGRIND is a build option.)

#if defined(__SANITIZE_ADDRESS__)
#define NAKH_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define NAKH_TSAN 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(NAKH_ASAN)
#define NAKH_ASAN 1
#endif
#if __has_feature(thread_sanitizer) && !defined(NAKH_TSAN)
#define NAKH_TSAN 1
#endif
#endif

/// A function whose begin and end the sanitizers do not see, because it ends on another stack than it began on.
#if !defined(NAKH_ASAN) && !defined(NAKH_TSAN)
#define NAKH_UNINSTRUMENTED
#elif defined(__clang__)
#define NAKH_UNINSTRUMENTED __attribute__((disable_sanitizer_instrumentation, noinline))
#else
#define NAKH_UNINSTRUMENTED __attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#endif

#if defined(NAKH_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(NAKH_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(NAKH_VALGRIND)
#include <valgrind/valgrind.h>
#endif
