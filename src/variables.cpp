// SPDX-License-Identifier: BSL-1.0
#include <nakh/detail/variables.hpp>

#include <algorithm>

namespace nakh::detail {

namespace {

auto place_of(auto& entries, variable_id id) noexcept {
  return std::lower_bound(entries.begin(), entries.end(), id,
                          [](const variable_map::entry& e, variable_id wanted) { return e.id < wanted; });
}

}  // namespace

shared_count::~shared_count() = default;

variable_id next_variable_id() noexcept {
  static std::atomic<variable_id> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;  // only uniqueness matters
}

variable_value* variable_map::find(variable_id id) const noexcept {
  const auto e = place_of(entries, id);
  return e != entries.end() && e->id == id ? e->value.get() : nullptr;
}

ref<variable_value> variable_box::exchange(variable_id id, ref<variable_value> value) {
  if (!map || !map->is_sole()) {
    auto own = ref<variable_map>::adopt(new variable_map);
    if (map) own->entries = map->entries;
    map = std::move(own);
  }
  auto& entries = map->entries;
  const auto e = place_of(entries, id);
  if (e == entries.end() || e->id != id) {
    if (value) entries.insert(e, {id, std::move(value)});
    return {};
  }
  ref<variable_value> former = std::move(e->value);
  if (value) {
    e->value = std::move(value);
  } else {
    entries.erase(e);
  }
  return former;
}

variable_map* variable_slot::map() const noexcept { return has_box() ? as_box()->map.get() : as_map(); }

variable_box& variable_slot::box() {
  if (!has_box()) {
    auto* const box = new variable_box(ref<variable_map>::share(as_map()));
    *this = variable_slot(ref<variable_box>::adopt(box));
  }
  return *as_box();
}

void variable_slot::drop() noexcept {
  if (has_box()) {
    as_box()->release();
  } else {
    as_map()->release();
  }
}

variable_slot variable_slot::copy_of_something() const noexcept {
  variable_slot copied;
  copied.bits_ = reinterpret_cast<std::uintptr_t>(ref<variable_map>::share(map()).detach());
  return copied;
}

}  // namespace nakh::detail
