// SPDX-License-Identifier: BSL-1.0
#include <nakh/run.hpp>

#include "loop_core.hpp"
#include "task_core.hpp"

#include <nakh/gather.hpp>

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace nakh {

namespace {

bool is_main_thread() noexcept { return getpid() == static_cast<pid_t>(syscall(SYS_gettid)); }

bool has_default_disposition(int signal) noexcept {
  struct sigaction present{};
  return sigaction(signal, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL;
}

/// While it lives, SIGINT cancels the main task, and a second one ends the run.
class interrupt_watch {
 public:
  interrupt_watch(detail::loop_core& loop, const any_task& main) : loop_(loop) {
    if (!is_main_thread() || !has_default_disposition(SIGINT)) return;
    loop_.io.watch_signal(SIGINT, detail::reactor::watcher::library, [this, main] {
      if (++count_ == 1 && !main.done()) {
        main.cancel();
      } else {
        loop_.sched.abort_pass(std::make_exception_ptr(keyboard_interrupt()));
      }
    });
    installed_ = true;
  }
  ~interrupt_watch() {
    if (installed_) loop_.io.unwatch_signal(SIGINT);
  }
  interrupt_watch(const interrupt_watch&) = delete;
  interrupt_watch& operator=(const interrupt_watch&) = delete;

  [[nodiscard]] bool interrupted() const noexcept { return count_ > 0; }

 private:
  detail::loop_core& loop_;
  int count_ = 0;
  bool installed_ = false;
};

void cancel_all_tasks(event_loop& loop) {
  detail::loop_core& core = loop.core();
  std::vector<detail::ref<detail::future_state>> tasks;
  for (detail::ring_link* l = core.tasks.next; l != &core.tasks; l = l->next) {
    tasks.push_back(detail::ref<detail::future_state>::share(&detail::task_core::of(*l).state()));
  }
  if (tasks.empty()) return;
  for (const auto& t : tasks) t->cancel(nullptr);
  for (const auto& t : tasks) {
    if (!t->done()) detail::run_until_done(core, *t, false);
  }
  for (const auto& t : tasks) {
    if (!t->failed()) continue;
    exception_context context{.message = "Unhandled exception during the shutdown of nakh::run", .exception = t->peek_error()};
    detail::describe_task(*t->as_task(), context);
    context.message = "Unhandled exception during the shutdown of nakh::run";
    t->mark_retrieved();
    loop.call_exception_handler(context);
  }
}

}  // namespace

runner::runner(run_options options) : options_(std::move(options)) {}

runner::~runner() {
  try {
    close();
  } catch (...) {
    if (std::current_exception() == left_run_) return;
    try {
      std::fprintf(stderr, "nakh: %s left the shutdown of nakh::run\n", describe(std::current_exception()).c_str());
    } catch (...) {
      std::fputs("nakh: an error left the shutdown of nakh::run, and there is no memory to say which\n", stderr);
    }
  }
}

event_loop& runner::get_loop() {
  if (state_ == state::closed) throw usage_error("nakh: the runner is closed; make a new one");
  if (state_ == state::created) {
    if (options_.loop_factory) {
      loop_ = options_.loop_factory();
      if (!loop_) throw std::invalid_argument("nakh: run_options::loop_factory returned no loop");
    } else {
      loop_options settings = options_.loop;
      if (options_.clock != nullptr) settings.clock = options_.clock;
      loop_ = std::make_unique<event_loop>(settings);
    }
    context_ = copy_context();
    state_ = state::open;
  }
  return *loop_;
}

void runner::prepare_run() {
  if (detail::this_loop != nullptr)
    throw usage_error("nakh: run was called inside a running loop; call the function itself, or nakh::async");
  static_cast<void>(get_loop());
}

void runner::run_main(const any_task& main) {
  detail::loop_core& core = loop_->core();
  const auto outcome = main.share();
  const interrupt_watch interrupts(core, main);
  left_run_ = nullptr;
  try {
    detail::run_until_done(core, *outcome, true);
  } catch (...) {
    left_run_ = std::current_exception();
    throw;
  }
  // Its own cancellation, if it is the interrupt's and nobody else asked for one, is the interrupt.
  if (main.cancelled() && interrupts.interrupted() && main.uncancel() == 0) throw keyboard_interrupt();
}

void runner::close() {
  if (state_ == state::open && loop_->is_running())
    throw usage_error("nakh: a runner cannot be closed while it runs; return from run first");
  if (state_ != state::open) {
    state_ = state::closed;
    return;
  }
  state_ = state::closed;
  struct close_loop {
    event_loop& loop;
    ~close_loop() noexcept(false) { loop.close(); }
  } const at_end{*loop_};
  cancel_all_tasks(*loop_);
  detail::loop_core& core = loop_->core();
  if (core.generators.is_linked()) {
    const auto closing = loop_->create_task([this] { loop_->shutdown_generators(); });
    detail::run_until_done(core, closing.state(), true);
    closing.result();
  }
  if (core.threads) core.threads->shut_down(core, options_.executor_limit);
}

}  // namespace nakh
