// SPDX-License-Identifier: BSL-1.0
//
// The floor: what Boost.Context's jump costs with nothing around it, no queue, no task, no result. Everything that switches
// stacks by this function pays at least this much.
#include "row.hpp"

#include <boost/context/detail/fcontext.hpp>

#include <memory>

namespace {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

/// `count` stacks in a row. Each begins at an offset of its own within its page (a colour) and an odd number of pages after the
/// one before: stacks that begin alike share cache sets, and a ring of 1,000 of them is four times as slow.
class stacks {
 public:
  explicit stacks(std::size_t count) : memory_(new char[count * stride]) {}

  [[nodiscard]] fcontext_t enter(std::size_t number, void (*function)(transfer_t)) const {
    char* const top = memory_.get() + (number + 1) * stride - number * 64 % page;
    return make_fcontext(top, stride - page, function);
  }

 private:
  static constexpr std::size_t page = 4096;
  static constexpr std::size_t stride = 17 * page;

  std::unique_ptr<char[]> memory_;
};

template <bool Divides>
void bounce(transfer_t from) {
  double quotient = 0;
  for (;;) {
    if constexpr (Divides) bench::divide(quotient);
    from = jump_fcontext(from.fctx, nullptr);
  }
}

/// Two stacks that jump to each other. With divisions, all flags were set before: the floor is a switch that does not stumble
/// over them.
template <bool Divides>
void ping_pong(bench::stopwatch& watch, std::size_t operations) {
  const stacks one{1};
  transfer_t other = jump_fcontext(one.enter(0, bounce<Divides>), nullptr);
  double quotient = 0;
  watch.start();
  for (std::size_t i = 0; i != operations; i += 2) {
    if constexpr (Divides) bench::divide(quotient);
    other = jump_fcontext(other.fctx, nullptr);
  }
  watch.stop();
}

/// A ring of stacks, each of which jumps to the next one. Where each of them stopped is in an array, so that the processor can
/// see the next jump's goal before the current one has arrived; a scheduler's ready queue gives it the same chance.
constexpr std::size_t ring_size = 1000;
fcontext_t ring[ring_size];  // ring[0] is the measuring stack
std::size_t ring_position;

inline void pass_on() {
  fcontext_t* const self = &ring[ring_position];
  ring_position = ring_position + 1 == ring_size ? 0 : ring_position + 1;
  const transfer_t from = jump_fcontext(ring[ring_position], self);
  *static_cast<fcontext_t*>(from.data) = from.fctx;
}

void ring_member(transfer_t from) {
  from = jump_fcontext(from.fctx, nullptr);
  *static_cast<fcontext_t*>(from.data) = from.fctx;
  for (;;) pass_on();
}

void ring_of_1000(bench::stopwatch& watch, std::size_t operations) {
  const stacks members{ring_size};
  for (std::size_t i = 1; i != ring_size; ++i) ring[i] = jump_fcontext(members.enter(i, ring_member), nullptr).fctx;
  ring_position = 0;
  pass_on();
  watch.start();
  for (std::size_t i = 0; i != operations; i += ring_size) pass_on();
  watch.stop();
}

void answer(transfer_t from) {
  ++*static_cast<int*>(from.data);
  jump_fcontext(from.fctx, nullptr);
}

/// A new context on a stack that is already warm, entered and left: two jumps.
void make_and_jump(bench::stopwatch& watch, std::size_t operations) {
  const stacks one{1};
  int answers = 0;
  watch.start();
  for (std::size_t i = 0; i != operations; ++i) jump_fcontext(one.enter(0, answer), &answers);
  watch.stop();
  bench::keep(answers);
}

/// The number is where the other stack's jump says.
void count_up(transfer_t from) {
  for (std::size_t i = 0;; ++i) from = jump_fcontext(from.fctx, &i);
}

void take_numbers(bench::stopwatch& watch, std::size_t operations) {
  const stacks one{1};
  transfer_t other = jump_fcontext(one.enter(0, count_up), nullptr);
  std::size_t sum = 0;
  watch.start();
  for (std::size_t i = 0; i != operations; ++i) {
    other = jump_fcontext(other.fctx, nullptr);
    sum += *static_cast<std::size_t*>(other.data);
  }
  watch.stop();
  bench::keep(sum);
}

const bench::row yield_2{"yield/2/limit_fcontext", 1'000'000, ping_pong<false>};
const bench::row yield_fp_2{"yield_fp/2/limit_fcontext", 1'000'000, ping_pong<true>, "flags set beforehand"};
const bench::row yield_1000{"yield/1000/limit_fcontext", 1'000'000, ring_of_1000};
const bench::row spawn_await{"spawn_await/1/limit_fcontext", 500'000, make_and_jump, "one warm stack"};
const bench::row gather{"gather/10000/limit_fcontext", 500'000, make_and_jump, "one after the other on one warm stack"};

const bench::row generator_1{"generator/next/limit_fcontext", 1'000'000, take_numbers};

}  // namespace
