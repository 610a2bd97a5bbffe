// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace nakh::test {

/// While it lives, standard error goes into a file.
class captured_stderr {
 public:
  captured_stderr() : saved_(::dup(STDERR_FILENO)), file_(std::tmpfile()) {
    REQUIRE(saved_ >= 0);
    REQUIRE(file_ != nullptr);
    std::fflush(stderr);
    ::dup2(::fileno(file_), STDERR_FILENO);
  }
  ~captured_stderr() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    std::fclose(file_);
  }
  captured_stderr(const captured_stderr&) = delete;
  captured_stderr& operator=(const captured_stderr&) = delete;

  /// What was written so far.
  [[nodiscard]] std::string text() {
    std::fflush(stderr);
    std::rewind(file_);
    std::string all;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) all += static_cast<char>(c);
    return all;
  }

 private:
  int saved_;
  std::FILE* file_;
};

}  // namespace nakh::test
