// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/generator.hpp>
#include <nakh/queue.hpp>
#include <nakh/semaphore.hpp>
#include <nakh/task.hpp>

#include <concepts>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

/// @file
/// A stage is a generator that pulls its source, in the task that pulls it. It owns the source and closes it at its own end.
/// Where a stage needs tasks of its own, these end before the stage does, however that ends: nothing is left running behind
/// the consumer's back (T-pipe-01). An error of the source or of a function comes out at the end of the pipeline, after the
/// items before it.
/// @par Thread safety  The loop's thread only.
namespace nakh {

/// Settings of `transform`.
struct transform_options {
  std::size_t concurrency = 1;  ///< How many calls may be under way at the same time, at least 1.
};

namespace detail {

/// Tasks that work for a stage of a pipeline. They do not outlive it: its end cancels those that are left and waits for them.
/// Not a task group, since the stage yields meanwhile, and a group would cancel a consumer that is elsewhere by then.
class NAKH_API stage_helpers {
 public:
  stage_helpers() noexcept = default;
  ~stage_helpers();
  stage_helpers(const stage_helpers&) = delete;
  stage_helpers& operator=(const stage_helpers&) = delete;

  /// Makes room for one more, so that `add` cannot fail. @throws std::bad_alloc
  void make_room();
  void add(ref<future_state> helper) noexcept { tasks_.push_back(std::move(helper)); }
  template <class F>
  void start(F&& f) {
    make_room();
    // Queued: it may make helpers itself, and must not take the room of this one before this one has it.
    add(async(task_options{.eager_start = false}, std::forward<F>(f)).share());
  }

 private:
  std::vector<ref<future_state>> tasks_;
};

NAKH_API void require_positive(std::size_t number, const char* sentence);

/// What helpers hand to their stage, in order: items, and at the end of each source how it ended.
template <class Item>
class stage_line {
 public:
  struct ended {
    std::exception_ptr error;  ///< Null: well.
  };

  explicit stage_line(std::size_t sources) : open_(sources) {}
  void put(Item item) { line_.put_nowait(std::move(item)); }
  /// Runs `f`, the whole work of a source, and puts how it ended.
  template <class F>
  void run_source(F&& f) {
    std::exception_ptr error;
    try {
      std::forward<F>(f)();
    } catch (...) {
      error = std::current_exception();
    }
    try {
      line_.put_nowait(ended{std::move(error)});
    } catch (...) {
      lost_ = std::current_exception();  // no memory
      line_.shutdown();
    }
  }
  /// The next item, or nothing when all sources have ended. Throws the error of one that did by that, once its turn has come.
  std::optional<Item> get() {
    while (open_ > 0) {
      auto next = take();
      if (auto* const item = std::get_if<Item>(&next)) return std::move(*item);
      if (const auto& error = std::get<ended>(next).error) std::rethrow_exception(error);
      --open_;
    }
    return std::nullopt;
  }

 private:
  std::variant<Item, ended> take() {
    try {
      return line_.get();
    } catch (const queue_shut_down&) {
      std::rethrow_exception(lost_);
    }
  }

  queue<std::variant<Item, ended>> line_;  // what may be in it is limited by those who put
  std::exception_ptr lost_;                ///< Why the end of a source could not be put.
  std::size_t open_;
};

// Items as they are kept: references as pointers.
template <class T>
T unstore(stored<T>& item) {
  if constexpr (std::is_reference_v<T>) {
    return *item;
  } else {
    return std::move(item);
  }
}

/// Pulls `source` in a helper, of which at most `ahead` items are under way to the stage.
template <class T, class Line, class Wrap>
void pull(generator<T>& source, semaphore& room, Line& line, Wrap&& wrap) {
  line.run_source([&] {
    for (;;) {
      room.acquire();
      auto item = source.next();
      if (!item) return;
      if constexpr (std::is_reference_v<T>) {
        line.put(wrap(item));
      } else {
        line.put(wrap(std::move(*item)));
      }
    }
  });
}

template <class T>
generator<T> merge(std::vector<generator<T>> sources) {
  return {[sources = std::move(sources)](auto& yield) mutable {
    struct from {
      std::size_t source;
      stored<T> item;
    };
    std::deque<semaphore> rooms;
    for (std::size_t i = 0; i < sources.size(); ++i) rooms.emplace_back(1);
    stage_line<from> line(sources.size());
    stage_helpers helpers;
    for (std::size_t i = 0; i < sources.size(); ++i) {
      helpers.start([&, i] { pull(sources[i], rooms[i], line, [i](stored<T> item) { return from{i, std::move(item)}; }); });
    }
    while (auto next = line.get()) {
      rooms[next->source].release();
      yield(unstore<T>(next->item));
    }
  }};
}

/// A stage that waits for its source: what stands right of `|`.
template <class Make>
struct pipe_stage {
  Make make;
};
template <class T, class Make>
auto operator|(generator<T> source, pipe_stage<Make> stage) {
  return std::move(stage.make)(std::move(source));
}
template <class Make>
pipe_stage(Make) -> pipe_stage<Make>;

}  // namespace detail

/// The items for which `keep(item)` is true.
/// @throws std::bad_alloc
/// @par Suspends  As the source and `keep` do.
/// @par Source    `(x async for x in source if keep(x))` (CPython 3.14).
template <class T, class Keep>
  requires std::predicate<Keep&, const std::remove_reference_t<T>&>
[[nodiscard]] generator<T> filter(generator<T> source, Keep keep) {
  return {[source = std::move(source), keep = std::move(keep)](auto& yield) mutable {
    for (auto&& item : source) {
      if (std::invoke(keep, std::as_const(item))) yield(std::forward<decltype(item)>(item));
    }
  }};
}

/// `f(item)` for each item, in their order.
///
/// With a concurrency of n the source is pulled by a task of the stage's own, and so many calls of `f`, each in a task of
/// its own, are under way ahead of the item that the consumer has. Otherwise `f` is called in the consumer's task.
/// @throws std::invalid_argument  for a concurrency of 0.
/// @throws std::bad_alloc
/// @par Suspends  As the source and `f` do; with a concurrency over 1 until the next result is there.
/// @par Source    None in asyncio: a window of tasks over an asynchronous generator. The order is that of `gather`.
template <class T, class F>
  requires std::invocable<F&, T>
[[nodiscard]] auto transform(generator<T> source, F f, transform_options options = {}) -> generator<std::invoke_result_t<F&, T>> {
  using result = std::invoke_result_t<F&, T>;
  detail::require_positive(options.concurrency, "nakh: a concurrency of 0 was asked for; it must be at least 1");
  if (options.concurrency == 1) {
    return {[source = std::move(source), f = std::move(f)](auto& yield) mutable {
      for (auto&& item : source) yield(std::invoke(f, std::forward<decltype(item)>(item)));
    }};
  }
  return {[source = std::move(source), f = std::move(f), options](auto& yield) mutable {
    semaphore room(static_cast<std::ptrdiff_t>(options.concurrency));
    detail::stage_line<task<result>> line(1);
    detail::stage_helpers helpers;
    helpers.start([&] {
      detail::pull(source, room, line, [&](detail::stored<T> item) {
        helpers.make_room();
        auto call = async([&f, item = std::move(item)]() mutable -> result { return std::invoke(f, detail::unstore<T>(item)); });
        helpers.add(call.share());
        return call;
      });
    });
    while (auto next = line.get()) {
      result value = std::move(*next).await();
      next.reset();
      room.release();
      yield(std::forward<result>(value));
    }
  }};
}

/// The same items; a task of the stage's own pulls the source ahead of the consumer, by at most `ahead` items.
/// @throws std::invalid_argument  for 0.
/// @throws std::bad_alloc
/// @par Suspends  Until the next item is there.
/// @par Source    None in asyncio: asyncio.Queue(ahead) between two tasks.
template <class T>
[[nodiscard]] generator<T> buffer(generator<T> source, std::size_t ahead) {
  detail::require_positive(ahead, "nakh: a buffer for 0 items was asked for; leave it out, or give it at least 1");
  return {[source = std::move(source), ahead](auto& yield) mutable {
    semaphore room(static_cast<std::ptrdiff_t>(ahead));
    detail::stage_line<detail::stored<T>> line(1);
    detail::stage_helpers helpers;
    helpers.start([&] { detail::pull(source, room, line, [](detail::stored<T> item) { return item; }); });
    while (auto next = line.get()) {
      room.release();
      yield(detail::unstore<T>(*next));
    }
  }};
}

/// The items of all sources as they come; each source is pulled by a task of its own, one item ahead. Ends when all have.
/// @throws std::bad_alloc
/// @par Suspends  Until the next item of any source is there.
/// @par Source    None in asyncio: several tasks that put into one asyncio.Queue.
template <class T>
[[nodiscard]] generator<T> merge(std::vector<generator<T>> sources) {
  return detail::merge<T>(std::move(sources));
}
template <class T, class... More>
  requires(std::same_as<More, generator<T>> && ...)
[[nodiscard]] generator<T> merge(generator<T> first, More... more) {
  std::vector<generator<T>> sources;
  sources.reserve(1 + sizeof...(More));
  sources.push_back(std::move(first));
  (sources.push_back(std::move(more)), ...);
  return detail::merge<T>(std::move(sources));
}

/// `source | filter(keep) | transform(f) | buffer(n)` is the same from left to right.
template <class Keep>
[[nodiscard]] auto filter(Keep keep) {
  return detail::pipe_stage{
      [keep = std::move(keep)]<class T>(generator<T> source) mutable { return filter(std::move(source), std::move(keep)); }};
}
template <class F>
[[nodiscard]] auto transform(F f, transform_options options = {}) {
  return detail::pipe_stage{
      [f = std::move(f), options]<class T>(generator<T> source) mutable { return transform(std::move(source), std::move(f), options); }};
}
[[nodiscard]] inline auto buffer(std::size_t ahead) {
  return detail::pipe_stage{[ahead]<class T>(generator<T> source) { return buffer(std::move(source), ahead); }};
}

}  // namespace nakh
