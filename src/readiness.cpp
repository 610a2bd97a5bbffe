// SPDX-License-Identifier: BSL-1.0
#include <nakh/context_var.hpp>
#include <nakh/loop.hpp>

#include "loop_core.hpp"

#include <cerrno>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

// What a loop does for programs, and C libraries, that wait for descriptors by themselves.
namespace nakh {

namespace {

using direction = detail::descriptor_set::direction;

// Callback of a descriptor; at most once in the queue. Whoever removes it drops it, which the call in the queue then finds.
struct readiness_callback {
  context in;
  std::function<void()> f;
  source_location where;
  bool is_queued = false;
};

[[noreturn]] void refuse(int fd, const std::system_error& e) {
  const std::string which = "nakh: descriptor " + std::to_string(fd);
  switch (e.code().value()) {
    case EBADF:
      throw std::invalid_argument(which + " is not open; remove the reader or writer of one before you close it");
    case EPERM:
      throw usage_error(which + " is a file or folder, for which there is no waiting; read and write it in nakh::to_thread");
    default:
      throw std::system_error(e.code(), which + " cannot be watched");
  }
}

void watch(detail::loop_core& core, int fd, direction d, std::function<void()> f, const source_location& where) {
  auto callback = std::make_shared<readiness_callback>(readiness_callback{copy_context(), std::move(f), where});
  try {
    core.io.watch_descriptor(fd, d, [&core, callback = std::move(callback)] {
      if (callback->is_queued) return;
      core.facade->call_soon(
          [weak = std::weak_ptr(callback)] {
            const auto running = weak.lock();  // it may remove itself
            if (!running) return;
            running->is_queued = false;
            running->in.run(running->f);
          },
          callback->where);
      callback->is_queued = true;
    });
  } catch (const std::system_error& e) {
    refuse(fd, e);
  }
}

}  // namespace

void event_loop::add_reader(int fd, std::function<void()> f, source_location where) {
  core_->require_open();
  core_->require_own_thread("add_reader");
  watch(*core_, fd, direction::read, std::move(f), where);
}

bool event_loop::remove_reader(int fd) noexcept { return core_->io.unwatch_descriptor(fd, direction::read); }

void event_loop::add_writer(int fd, std::function<void()> f, source_location where) {
  core_->require_open();
  core_->require_own_thread("add_writer");
  watch(*core_, fd, direction::write, std::move(f), where);
}

bool event_loop::remove_writer(int fd) noexcept { return core_->io.unwatch_descriptor(fd, direction::write); }

}  // namespace nakh
