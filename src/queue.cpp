// SPDX-License-Identifier: BSL-1.0
#include <nakh/queue.hpp>

#include "waiting.hpp"

namespace nakh::detail {

namespace {

using ending = wait_queue::ending;

[[noreturn]] void throw_shut_down() { throw queue_shut_down("nakh: the queue was shut down"); }

}  // namespace

bool queue_core::must_wait_for_room() const {
  if (is_shut_down_) throw_shut_down();
  return full();
}

bool queue_core::must_wait_for_item() const {
  if (empty() && is_shut_down_) throw_shut_down();
  return empty();
}

void queue_core::room_after(ending how) {
  if (how == ending::woken) return;
  if (how == ending::woken_then_cancelled) room_left();
  wait_queue::throw_ended(how, "queue");
}

void queue_core::item_after(ending how) {
  if (how == ending::woken) return;
  if (how == ending::woken_then_cancelled) item_left();
  wait_queue::throw_ended(how, "queue");
}

void queue_core::end_after(ending how) {
  if (how != ending::woken && how != ending::woken_then_destroyed) wait_queue::throw_ended(how, "queue");
}

NAKH_RESUMES_ELSEWHERE void queue_core::wait_until_room() {
  while (must_wait_for_room()) room_after(putters_.wait());
}

NAKH_RESUMES_ELSEWHERE void queue_core::wait_until_item() {
  while (must_wait_for_item()) item_after(getters_.wait());
}

void queue_core::require_room() const {
  if (is_shut_down_) throw_shut_down();
  if (full()) throw queue_full("nakh: the queue is full; use put to wait for room");
}

void queue_core::require_item() const {
  if (!empty()) return;
  if (is_shut_down_) throw_shut_down();
  throw queue_empty("nakh: the queue is empty; use get to wait for an item");
}

void queue_core::item_put() noexcept {
  ++size_;
  ++unfinished_;
  getters_.wake_one();
}

void queue_core::item_taken() noexcept {
  --size_;
  putters_.wake_one();
}

void queue_core::item_left() noexcept {
  if (!empty()) getters_.wake_one();
}

void queue_core::room_left() noexcept {
  if (!full()) putters_.wake_one();
}

void queue_core::item_dropped() noexcept {
  --size_;
  if (unfinished_ > 0) --unfinished_;
}

void queue_core::task_done() {
  if (unfinished_ == 0) throw std::invalid_argument("nakh: task_done was called more often than items were put");
  if (--unfinished_ == 0) joiners_.wake_all();
}

NAKH_RESUMES_ELSEWHERE void queue_core::wait_until_done() { end_after(joiners_.wait()); }

void queue_core::shut_down() noexcept {
  is_shut_down_ = true;
  if (unfinished_ == 0) joiners_.wake_all();
  getters_.wake_all();
  putters_.wake_all();
}

}  // namespace nakh::detail
