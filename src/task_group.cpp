// SPDX-License-Identifier: BSL-1.0
#include <nakh/task_group.hpp>

#include "awaiting.hpp"
#include "loop_core.hpp"
#include "task_core.hpp"
#include "waiting.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace nakh::detail {

namespace {

struct member_link {
  member_link* next = this;
  member_link* prev = this;
};

constexpr lowlevel::wait_kind group_waits = wait_queue::kind_of("task group");

/// Where a group's own task waits for the last member. Known again by its word, of which there is one.
struct end_of_group : wait_queue {
  explicit end_of_group(void (*for_each)(const end_of_group&, future_visitor&)) noexcept
      : wait_queue(group_waits), for_each_member(for_each) {}
  void (*for_each_member)(const end_of_group&, future_visitor&);
};

task_core& current_task_core() {
  routine* const r = this_scheduler != nullptr ? this_scheduler->current_routine() : nullptr;
  if (r == nullptr) throw usage_error("nakh: a task group belongs to a task, and this is none; use it inside nakh::async or nakh::run");
  return task_core::of(*r);
}

}  // namespace

struct group_place : member_link, done_hook {
  explicit group_place(group_core::impl& g) noexcept;
  static void* operator new(std::size_t size) { return allocate_block(size); }
  static void operator delete(void* p, std::size_t size) noexcept { free_block(p, size); }

  group_core::impl& group;
  ref<future_state> state;
};

struct group_core::impl {
  explicit impl(task_core& owner) noexcept : parent(owner) {}

  [[nodiscard]] bool has_members() const noexcept { return members.next != &members; }
  void member_done(group_place& m) noexcept;
  void cancel_members() noexcept;

  task_core& parent;
  member_link members;                     ///< The unfinished ones, in the order of creation.
  std::size_t member_count = 0;            ///< Those that are being made included.
  std::vector<std::exception_ptr> errors;  ///< Has room for an error of each member, and the body's.
  std::exception_ptr fatal;
  std::exception_ptr body_error;
  bool body_was_cancelled = false;
  std::optional<cancelled_error> cancelled;  ///< To be thrown at the end.
  bool leaving = false;
  bool shutting_down = false;
  bool cancelled_parent = false;
  struct group_end : end_of_group {
    explicit group_end(const impl& g) noexcept
        : end_of_group([](const end_of_group& self, future_visitor& visit) {
            const impl& own = static_cast<const group_end&>(self).group;
            for (const member_link* l = own.members.next; l != &own.members; l = l->next) visit(*static_cast<const group_place&>(*l).state);
          }),
          group(g) {}
    const impl& group;
  } finished{*this};
};

group_place::group_place(group_core::impl& g) noexcept
    : done_hook([](hook& self) noexcept {
        const std::unique_ptr<group_place> ended(&static_cast<group_place&>(self));
        ended->group.member_done(*ended);
      }),
      group(g) {
  ++group.member_count;
}

void give_place_back::operator()(group_place* place) const noexcept {
  --place->group.member_count;
  delete place;
}

void for_each_member(const wait_queue& line, future_visitor& visit) {
  if (line.what() != group_waits.what) return;
  const auto& end = static_cast<const end_of_group&>(line);
  end.for_each_member(end, visit);
}

void group_core::impl::member_done(group_place& m) noexcept {
  m.member_link::prev->next = m.member_link::next;
  m.member_link::next->prev = m.member_link::prev;
  --member_count;
  if (!has_members()) finished.wake_one();
  future_state& state = *m.state;
  if (!state.failed()) return;
  state.mark_retrieved();
  if (is_one_of<fatal_error>(state.peek_error())) {
    if (!fatal) fatal = state.peek_error();
  }
  errors.push_back(state.peek_error());
  if (shutting_down || cancelled_parent) return;
  cancel_members();
  // The parent is stopped wherever it is, and at the end the request is taken back.
  cancelled_parent = true;
  cancel_task(parent, nullptr);
}

void group_core::impl::cancel_members() noexcept {
  shutting_down = true;
  for (member_link* l = members.next; l != &members; l = l->next) static_cast<group_place&>(*l).state->cancel(nullptr);
}

void group_core::note_error() {
  impl_->body_error = std::current_exception();
  try {
    throw;
  } catch (const cancelled_error& e) {
    impl_->cancelled = e;
    impl_->body_was_cancelled = true;
  } catch (const fatal_error&) {
    if (!impl_->fatal) impl_->fatal = impl_->body_error;
  } catch (...) {
    return;  // one of the group's errors
  }
}

void group_core::begin_end() noexcept {
  impl_->leaving = true;
  if (impl_->body_error && !impl_->shutting_down) impl_->cancel_members();
}

bool group_core::must_wait() const noexcept { return impl_->has_members(); }

wait_queue& group_core::line() const noexcept { return impl_->finished; }

void group_core::waited(wait_queue::ending how) {
  if (how == wait_queue::ending::woken || impl_->shutting_down) return;
  impl_->cancelled.emplace(impl_->parent.state().reason());
  impl_->cancel_members();
}

void group_core::end() {
  impl& g = *impl_;
  if (g.fatal) std::rethrow_exception(g.fatal);
  // With requests left, somebody else wants the task cancelled too.
  if (g.cancelled_parent && uncancel_task(g.parent) == 0) g.cancelled.reset();
  if (g.cancelled && g.errors.empty()) throw cancelled_error(*g.cancelled);
  if (g.body_error && !g.body_was_cancelled) g.errors.push_back(g.body_error);
  if (g.errors.empty()) return;
  if (cancel_requests(g.parent) > 0) {
    // Somebody else's request is still to be delivered, after the errors: at the next suspension (T-tg-18).
    const cancel_reason reason = g.parent.state().reason();
    uncancel_task(g.parent);
    cancel_task(g.parent, reason);
  }
  throw exception_group("unhandled errors in a task group", std::move(g.errors));
}

group_core::group_core() : impl_(std::make_unique<impl>(current_task_core())) { impl_->errors.reserve(1); }

group_core::~group_core() = default;

owned_place group_core::make_room() {
  if (impl_->leaving && !impl_->has_members()) throw usage_error("nakh: the task group has ended; it takes no more tasks");
  if (impl_->shutting_down) throw usage_error("nakh: the task group shuts down; it takes no more tasks");
  const std::size_t wanted = impl_->errors.size() + impl_->member_count + 2;
  if (impl_->errors.capacity() < wanted) impl_->errors.reserve(std::max(wanted, 2 * impl_->errors.capacity()));
  return owned_place(new group_place(*impl_));
}

void group_core::add(owned_place place, future_state& state) noexcept {
  group_place& m = *place.release();
  m.state = ref<future_state>::share(&state);
  member_link& last = *impl_->members.prev;
  m.member_link::prev = &last;
  m.member_link::next = &impl_->members;
  last.next = &m;
  impl_->members.prev = &m;
  state.subscribe(m);
}

void group_core::run(void (*body)(void*), void* closure) {
  try {
    body(closure);
  } catch (...) {
    note_error();
  }
  begin_end();
  while (must_wait()) waited(line().wait());
  end();
}

}  // namespace nakh::detail
