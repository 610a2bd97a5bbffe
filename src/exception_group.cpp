// SPDX-License-Identifier: BSL-1.0
#include <nakh/exception_group.hpp>

#include <stdexcept>

namespace nakh {

namespace {

const exception_group* group_in(const std::exception_ptr& error, std::optional<exception_group>& holder) {
  try {
    std::rethrow_exception(error);
  } catch (const exception_group& g) {
    holder = g;
    return &*holder;
  } catch (...) {
    return nullptr;
  }
}

void require_fit(const std::exception_ptr& error) {
  if (!error) throw std::invalid_argument("nakh: an exception_group was given an exception_ptr that is null");
  if (detail::is_one_of<cancelled_error, fatal_error>(error)) {
    throw std::invalid_argument("nakh: an exception_group holds no cancelled_error and no fatal_error; throw it by itself");
  }
}

void indent(std::string& text, const std::string& lines) {
  text += "\n  - ";
  for (const char c : lines) {
    text += c;
    if (c == '\n') text += "    ";
  }
}

std::string tree_of(const std::string& message, const std::vector<std::exception_ptr>& errors) {
  std::string text = message + " (" + std::to_string(errors.size()) + (errors.size() == 1 ? " error)" : " errors)");
  for (const std::exception_ptr& e : errors) {
    std::optional<exception_group> holder;
    const exception_group* const inner = group_in(e, holder);
    indent(text, inner != nullptr ? inner->what() : describe(e));
  }
  return text;
}

}  // namespace

exception_group::exception_group(std::string message, std::vector<std::exception_ptr> errors) {
  if (errors.empty()) throw std::invalid_argument("nakh: an exception_group without errors was asked for");
  for (const std::exception_ptr& e : errors) require_fit(e);
  std::string tree = tree_of(message, errors);
  content_ = std::make_shared<const content>(content{std::move(message), std::move(errors), std::move(tree)});
}

exception_group::parts exception_group::split(const predicate& chosen) const {
  std::vector<std::exception_ptr> matching;
  std::vector<std::exception_ptr> rest;
  for (const std::exception_ptr& e : errors()) {
    std::optional<exception_group> holder;
    if (const exception_group* const inner = group_in(e, holder)) {
      const parts p = inner->split(chosen);
      // A group that goes to one side as a whole stays the object that it is.
      if (p.first) matching.push_back(p.second ? std::make_exception_ptr(*p.first) : e);
      if (p.second) rest.push_back(p.first ? std::make_exception_ptr(*p.second) : e);
    } else {
      (chosen(e) ? matching : rest).push_back(e);
    }
  }
  if (rest.empty()) return {*this, std::nullopt};
  if (matching.empty()) return {std::nullopt, *this};
  return {exception_group(message(), std::move(matching)), exception_group(message(), std::move(rest))};
}

namespace detail {

exception_group as_group(const std::exception_ptr& error) {
  std::optional<exception_group> holder;
  if (const exception_group* const g = group_in(error, holder)) return *g;
  return exception_group("", {error});
}

void throw_rest(const std::exception_ptr& raised, const std::optional<exception_group>& rest) {
  if (!raised) {
    if (rest) throw exception_group(*rest);
    return;
  }
  std::vector<std::exception_ptr> errors{raised};
  if (rest) errors.push_back(std::make_exception_ptr(*rest));
  throw exception_group("", std::move(errors));
}

}  // namespace detail

}  // namespace nakh
