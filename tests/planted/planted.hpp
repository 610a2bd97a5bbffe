// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/nakh.hpp>

#include <cstdio>
#include <string_view>

/// The program's mistake is to be made.
inline bool is_planted(int count, char** arguments) { return count == 2 && std::string_view(arguments[1]) == "bug"; }

/// Uses a value in a way that no compiler can leave out.
template <class T>
void use(const T& value) {
  __asm__ volatile("" : : "r"(&value) : "memory");
}
