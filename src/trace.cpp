// SPDX-License-Identifier: BSL-1.0
#include "trace.hpp"

#include "awaiting.hpp"
#include "task_core.hpp"

#include <nakh/task_graph.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace nakh::detail {

namespace {

const char* name_of_trace() noexcept {
  const char* const name = std::getenv("NAKH_TRACE");
  return name != nullptr && *name != '\0' ? name : nullptr;
}

// The first loop of the process begins the file anew, later ones go on with it. Negative: it cannot be opened.
int open_trace(const char* name) {
  static std::mutex guard;
  static std::string begun;
  const std::scoped_lock lock(guard);
  const int fd = ::open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (begun == name ? 0 : O_TRUNC), 0666);
  if (fd >= 0) begun = name;
  return fd;
}

int next_loop_number() noexcept {
  static std::atomic<int> last = 0;
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

/// One line of JSON: numbers and texts by name.
class json_line {
 public:
  json_line() { text_ = "{"; }
  json_line& add(const char* key, long long number) {
    begin(key);
    text_ += std::to_string(number);
    return *this;
  }
  json_line& add(const char* key, std::string_view text) {
    begin(key);
    text_ += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        text_ += {'\\', c};
      } else if (static_cast<unsigned char>(c) < 0x20) {
        char code[8];
        std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned int>(c));
        text_ += code;
      } else {
        text_ += c;
      }
    }
    text_ += '"';
    return *this;
  }
  json_line& add(const char* key, const std::vector<int>& numbers) {
    begin(key);
    text_ += '[';
    for (const int n : numbers) text_ += (text_.back() == '[' ? "" : ",") + std::to_string(n);
    text_ += ']';
    return *this;
  }
  json_line& add_true(const char* key) {
    begin(key);
    text_ += "true";
    return *this;
  }
  [[nodiscard]] std::string end() && { return std::move(text_) + "}\n"; }

 private:
  void begin(const char* key) {
    if (text_.size() > 1) text_ += ',';
    text_ += '"';
    text_ += key;
    text_ += "\":";
  }
  std::string text_;
};

/// Who does something: a task, or one of these.
enum class doer : int { outside = 0, loop = -1, callback = -2 };

/// Notes each change of each task, when it is seen between two steps: nothing in the library calls this where a task changes, so that
/// it costs nothing while nobody traces. Only of tasks that begin inside of another's step does it learn at once.
class tracer final : public debug_side, public step_observer {
 public:
  tracer(loop_core& loop, std::unique_ptr<debug_side> inner, int fd)
      : loop_(loop), inner_(std::move(inner)), fd_(fd), number_(next_loop_number()), begin_(loop.time()) {
    meanwhile_.reserve(16);  // what is noted on a task's stack seldom needs more
  }
  ~tracer() override { ::close(fd_); }
  tracer(const tracer&) = delete;
  tracer& operator=(const tracer&) = delete;

  // --- debug_side ---

  // Stands in front of another observer, which goes on as if it were alone.
  void before_pass() noexcept override {
    if (loop_.sched.observer() == this) loop_.sched.set_observer(next_);
    inner_->before_pass();
    next_ = loop_.sched.observer();
    loop_.sched.set_observer(this);
    take_ownership();
    step_ = nullptr;
    by_ = static_cast<int>(doer::outside);
    guarded([this] { look_for_new(); });
  }
  void set_origin(const future_state& of, const source_location& where) override { inner_->set_origin(of, where); }
  [[nodiscard]] source_location origin(const future_state& of) const noexcept override { return inner_->origin(of); }
  void forget_origin(const future_state& of) noexcept override { inner_->forget_origin(of); }

  // --- step_observer ---

  void begin_pass(ready_list& pass) noexcept override {
    ++pass_;
    guarded([&] {
      for (ready_node* n = &pass.back();; n = n->prev) {
        find_woken(*n);
        if (n == &pass.front()) break;
      }
      write_woken();
    });
    if (next_ != nullptr) next_->begin_pass(pass);
  }
  ready_node& choose(ready_list& pass) noexcept override { return next_ != nullptr ? next_->choose(pass) : pass.front(); }
  void begin_step(ready_node& node) noexcept override {
    step_ = is_routine(node) ? static_cast<routine*>(&node) : nullptr;
    if (step_ != nullptr) {
      loop_.sched.owner().add_ref(*step_);  // so that its end can be looked at
      guarded([this] {
        entry& e = know(*step_);
        by_ = e.number;
        e.state = seen::running;
        e.parks = step_->epoch;
        e.is_seen_in_queue = false;
        write(line("run", e));
      });
    } else {
      by_ = static_cast<int>(node.kind == ready_kind::call ? doer::callback : doer::loop);
    }
    if (next_ != nullptr) next_->begin_step(node);
  }
  void end_step() noexcept override {
    if (next_ != nullptr) next_->end_step();
    take_ownership();
    guarded([this] {
      look_for_new();
      for (const change& c : meanwhile_) write_change(c);
      for (routine* const r : nested_) {
        const auto found = known_.find(r);
        if (found != known_.end()) look_after_step(*r, found->second);
      }
      loop_.sched.look_back([this](ready_node& n) { return find_woken(n); });
      const int number = step_ != nullptr ? know(*step_).number : 0;
      write_woken(number);  // before it waits or ends
      if (step_ != nullptr) look_after_step(*step_, know(*step_));
      write_woken();  // by its end
    });
    meanwhile_.clear();
    nested_.clear();
    by_ = static_cast<int>(doer::outside);
    if (step_ != nullptr) loop_.sched.owner().release(*std::exchange(step_, nullptr));
  }
  [[nodiscard]] bool is_stuck() noexcept override { return next_ != nullptr && next_->is_stuck(); }

 private:
  enum class seen : unsigned char { ready, running, waiting };
  struct entry {
    int number = 0;
    seen state = seen::ready;
    bool is_seen_in_queue = false;
    int cancel_requests = 0;  ///< When it began to wait.
    std::uint32_t parks = 0;  ///< How often it had parked when it began its turn.
    std::vector<int> awaits;  ///< The tasks that it waits for.
    std::string name;
  };
  /// Noted on a task's stack, where there is little room: written later.
  struct change {
    time_point when;
    entry of;
    bool is_end;
    std::exception_ptr error;
    bool is_cancelled;
  };

  // --- Tasks that run inside of another's step ---

  static tracer& here() noexcept { return static_cast<tracer&>(*this_loop->debugging); }

  // The same owner, which says besides who begins and who ends. Set as soon as there is a task.
  void take_ownership() noexcept {
    if (loop_.report_tasks == nullptr || &loop_.sched.owner() == &owner_) return;
    inner_owner_ = &loop_.sched.owner();
    owner_ = *inner_owner_;
    owner_.run = [](fiber& f) noexcept {
      tracer& t = here();
      t.note(f, false);
      t.inner_owner_->run(f);
      t.note(f, true);
    };
    owner_.refuse = [](fiber& f, std::exception_ptr why) noexcept {
      tracer& t = here();
      if (&f != t.step_) t.known_.erase(&f);
      t.inner_owner_->refuse(f, std::move(why));
    };
    owner_.discard = [](coroutine& c) noexcept {
      tracer& t = here();
      t.inner_owner_->discard(c);
      t.note(c, true);
    };
    owner_.finish = [](coroutine& c) noexcept {
      tracer& t = here();
      t.inner_owner_->finish(c);
      t.note(c, true);
    };
    loop_.sched.set_owner(owner_);
  }

  // On the task's own stack.
  void note(routine& r, bool is_end) noexcept {
    if (&r == step_) return;  // the end of the step shows it
    guarded([&] {
      entry& e = know(r);
      if (e.state != seen::running) {
        e.state = seen::running;
        nested_.push_back(&r);
        meanwhile_.push_back({loop_.time(), e, false, nullptr, false});
      }
      if (!is_end) return;
      const future_state& state = task_core::of(r).state();
      meanwhile_.push_back({loop_.time(), e, true, state.peek_error(), state.status() == future_status::cancelled});
      known_.erase(&r);
    });
  }

  void write_change(const change& c) {
    if (c.is_end) {
      write_end(c.of, c.when, c.error, c.is_cancelled);
    } else {
      write(line("run", c.of, c.when));
    }
  }

  // --- Looking ---

  entry& know(routine& r) {
    const auto [found, is_new] = known_.try_emplace(&r);
    if (!is_new) return found->second;
    entry& e = found->second;
    const task_core& task = task_core::of(r);
    e.number = ++tasks_;
    e.name = task_name(task);
    json_line l = line("created", e);
    if (const source_location where = task.where(); where.line() != 0) {
      const std::string_view file = where.file_name();
      l.add("at", std::string(file.substr(file.rfind('/') + 1)) + ":" + std::to_string(where.line()));
    }
    add_doer(l, &r == step_ ? static_cast<int>(doer::outside) : by_);
    write(std::move(l));
    return e;
  }

  // The ring is in the order in which they were made.
  void look_for_new() {
    ring_link* l = loop_.tasks.prev;
    while (l != &loop_.tasks && !known_.contains(&task_core::of(*l).routine())) l = l->prev;
    for (l = l->next; l != &loop_.tasks; l = l->next) {
      routine& r = task_core::of(*l).routine();
      entry& e = know(r);
      if (r.has_begun() && &r != step_ && e.state != seen::running) {  // a coroutine, at once
        e.state = seen::running;
        nested_.push_back(&r);
        write(line("run", e));
      }
    }
  }

  void look_after_step(routine& r, entry& e) {
    if (e.state != seen::running) return;
    const task_core& task = task_core::of(r);
    const future_state& state = task.state();
    e.name = task_name(task);
    if (state.done()) {
      write_end(e, loop_.time(), state.peek_error(), state.status() == future_status::cancelled);
      known_.erase(&r);
      return;
    }
    e.state = r.state == routine_state::parked || r.epoch != e.parks ? seen::waiting : seen::ready;
    e.cancel_requests = task.cancel_requests;
    if (e.state == seen::ready) {
      write(line("yield", e));
    } else if (r.state == routine_state::parked) {
      write_wait(task, e);
    } else {  // it was woken before the step was over, and nothing tells any more what it waited for
      write(line("wait", e));
    }
  }

  // False: it, and those queued before it, were seen already.
  bool find_woken(ready_node& n) {
    if (!is_routine(n)) return true;
    auto& r = static_cast<routine&>(n);
    const auto found = known_.find(&r);
    if (found == known_.end()) return true;
    if (std::exchange(found->second.is_seen_in_queue, true)) return false;
    if (found->second.state == seen::waiting) woken_.push_back(&r);
    return true;
  }
  // All, or those who do not await `but_of`.
  void write_woken(int but_of = 0) {
    std::vector<const routine*> later;
    for (; !woken_.empty(); woken_.pop_back()) {
      const routine& r = *woken_.back();
      entry& e = known_.at(&r);
      if (but_of != 0 && std::find(e.awaits.begin(), e.awaits.end(), but_of) != e.awaits.end()) {
        later.push_back(&r);
        continue;
      }
      e.state = seen::ready;
      json_line l = line("wake", e);
      add_doer(l, by_);
      if (task_core::of(r).cancel_requests > e.cancel_requests) l.add_true("cancelled");
      write(std::move(l));
    }
    woken_.assign(later.rbegin(), later.rend());
  }

  // --- Writing ---

  json_line line(const char* event, const entry& e) const { return line(event, e, loop_.time()); }
  json_line line(const char* event, const entry& e, time_point when) const {
    json_line l;
    l.add("time", (when - begin_).count()).add("loop", number_).add("pass", pass_).add("event", event);
    l.add("task", e.number).add("name", e.name);
    return l;
  }
  static void add_doer(json_line& l, int by) {
    if (by > 0) {
      l.add("by", by);
    } else {
      l.add("by", by == static_cast<int>(doer::loop) ? "loop" : by == static_cast<int>(doer::callback) ? "callback" : "outside");
    }
  }
  void write_wait(const task_core& task, entry& e) {
    const wait_description wait = describe_wait(task);
    json_line l = line("wait", e);
    l.add("for", wait.what);
    if (wait.until) l.add("until", (*wait.until - begin_).count());
    if (wait.at != nullptr) l.add("object", objects_.try_emplace(wait.at, static_cast<int>(objects_.size()) + 1).first->second);
    std::vector<int> numbers;
    for (task_core* const t : awaited_tasks(task)) numbers.push_back(know(t->routine()).number);
    std::sort(numbers.begin(), numbers.end());
    if (!numbers.empty()) l.add("tasks", numbers);
    e.awaits = std::move(numbers);
    write(std::move(l));
  }
  void write_end(const entry& e, time_point when, const std::exception_ptr& error, bool is_cancelled) {
    json_line l = line(is_cancelled ? "cancelled" : error ? "failed" : "done", e, when);
    if (error) l.add("error", describe(error));
    write(std::move(l));
  }
  // Each line by one call: other threads' loops may write into the same file.
  void write(json_line l) {
    if (fd_ < 0) return;
    const std::string text = std::move(l).end();
    if (::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size())) return;
    stop(std::strerror(errno));
  }
  void stop(const char* why) noexcept {
    std::fprintf(stderr, "nakh: the trace ends here: %s\n", why);
    ::close(std::exchange(fd_, -1));
  }
  template <class F>
  void guarded(F&& f) noexcept {
    if (fd_ < 0) return;
    try {
      f();
    } catch (...) {
      stop("no memory");
    }
  }

  loop_core& loop_;
  std::unique_ptr<debug_side> inner_;
  step_observer* next_ = nullptr;
  int fd_;
  int number_;
  time_point begin_;
  routine_owner owner_{};
  const routine_owner* inner_owner_ = nullptr;

  std::unordered_map<const routine*, entry> known_;
  std::unordered_map<const void*, int> objects_;
  int tasks_ = 0;
  long long pass_ = 0;

  // Of the present step.
  routine* step_ = nullptr;  ///< Whose it is; null: a callback's or the loop's.
  int by_ = static_cast<int>(doer::outside);
  std::vector<change> meanwhile_;
  std::vector<routine*> nested_;       ///< They have begun inside of it.
  std::vector<const routine*> woken_;  ///< Latest first.
};

}  // namespace

bool environment_wants_trace() noexcept { return name_of_trace() != nullptr; }

std::unique_ptr<debug_side> traced(loop_core& loop, std::unique_ptr<debug_side> inner) {
  const char* const name = name_of_trace();
  if (name == nullptr) return inner;
  const int fd = open_trace(name);
  if (fd < 0) {
    std::fprintf(stderr, "nakh: NAKH_TRACE names '%s', which cannot be written: %s\n", name, std::strerror(errno));
    return inner;
  }
  return std::make_unique<tracer>(loop, std::move(inner), fd);
}

}  // namespace nakh::detail
