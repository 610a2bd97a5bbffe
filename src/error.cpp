// SPDX-License-Identifier: BSL-1.0
#include <nakh/error.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

namespace nakh {

namespace {

std::string demangle(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::string(text.get()) : std::string(mangled);
}

}  // namespace

const std::string detail::shared_text::none;

fatal_error::~fatal_error() = default;

const char* keyboard_interrupt::what() const noexcept { return "interrupted by SIGINT"; }

const char* system_exit::what() const noexcept { return "system_exit"; }

std::string describe(const std::exception_ptr& error) {
  if (!error) return "no error";
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return demangle(typeid(e).name()) + ": " + e.what();
  } catch (const fatal_error& e) {
    return demangle(typeid(e).name()) + ": " + e.what();
  } catch (const cancelled_error& e) {
    return e.reason().empty() ? std::string("nakh::cancelled_error") : "nakh::cancelled_error: " + e.reason();
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    return type != nullptr ? demangle(type->name()) : std::string("an exception of unknown type");
  }
}

}  // namespace nakh
