// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/io_wait.hpp>
#include <nakh/detail/memory_allocator.hpp>
#include <nakh/error.hpp>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <concepts>
#include <cstddef>
#include <exception>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>

// How a task waits for an operation of Boost.Asio's: the operation's handler, and all that it needs, lies in the task's frame.
namespace nakh::detail {

/// Room in a task's frame for the one allocation that most operations make; further ones take the heap.
class frame_memory {
 public:
  frame_memory() noexcept {}
  frame_memory(const frame_memory&) = delete;
  frame_memory& operator=(const frame_memory&) = delete;
  /// A handler that is dropped in another thread tells the task before it gives back the memory in which it lay.
  ~frame_memory() {
    while (in_use_.load(std::memory_order_acquire)) std::this_thread::yield();
  }
  [[nodiscard]] void* allocate(std::size_t size) {
    if (size <= sizeof room_ && !in_use_.exchange(true, std::memory_order_relaxed)) return room_;
    return ::operator new(size);
  }
  void deallocate(void* memory, std::size_t /*size*/) noexcept {
    if (memory == room_) {
      in_use_.store(false, std::memory_order_release);
    } else {
      ::operator delete(memory);
    }
  }

 private:
  alignas(std::max_align_t) std::byte room_[320];
  std::atomic<bool> in_use_ = false;
};

template <class T>
using frame_allocator = memory_allocator<T, frame_memory>;

/// An argument of a completion that says whether the operation failed.
template <class T>
concept completion_error =
    std::same_as<T, boost::system::error_code> || std::same_as<T, std::error_code> || std::same_as<T, std::exception_ptr>;

[[noreturn]] inline void throw_completion_error(const std::error_code& e) { throw std::system_error(e); }
[[noreturn]] inline void throw_completion_error(const boost::system::error_code& e) {
  throw std::system_error(static_cast<std::error_code>(e));
}
[[noreturn]] inline void throw_completion_error(const std::exception_ptr& e) { std::rethrow_exception(e); }

/// What the completion's arguments `Args` come to: what leads and tells of an error is thrown or goes elsewhere; of the rest
/// nothing, the one value, or a tuple.
template <class... Args>
struct completion_result {
  static constexpr bool tells_of_errors = false;
  using type = std::tuple<Args...>;
};
template <>
struct completion_result<> {
  static constexpr bool tells_of_errors = false;
  using type = void;
};
template <class T>
struct completion_result<T> {
  static constexpr bool tells_of_errors = completion_error<T>;
  using type = std::conditional_t<tells_of_errors, void, T>;
};
template <completion_error E, class T, class... Rest>
struct completion_result<E, T, Rest...> {
  static constexpr bool tells_of_errors = true;
  using type = typename std::conditional_t<sizeof...(Rest) == 0, std::type_identity<T>, std::type_identity<std::tuple<T, Rest...>>>::type;
};

/// Whether it is the context's own, as nearly always; asked without a copy. One of a type that cannot tell is taken for another's:
/// a cancellation then goes by way of it, which is right for all.
template <class Executor>
bool is_executor_of(boost::asio::io_context& context, const Executor& e) noexcept {
  using plain = boost::asio::io_context::executor_type;
  if constexpr (std::derived_from<Executor, plain>) {
    return static_cast<const plain&>(e) == context.get_executor();
  } else if constexpr (std::derived_from<Executor, boost::asio::any_io_executor>) {
    const plain* const inner = e.template target<plain>();
    return inner != nullptr && *inner == context.get_executor();
  } else {
    return false;
  }
}

/// One operation and the wait for it. `Args`: the decayed arguments of its completion.
template <class... Args>
class asio_wait final : public io_wait {
 public:
  using result = completion_result<Args...>;
  using result_type = typename result::type;

  /// Of the running task. @throws usage_error, cancelled_error
  asio_wait() : io_wait(waits_, &cancel) {}

  /// What the operation calls at its end, once; dropped uncalled, the operation ends as aborted.
  class handler {
   public:
    explicit handler(asio_wait& w) noexcept : wait_(&w) {}
    handler(handler&& other) noexcept
        : wait_(std::exchange(other.wait_, nullptr)),
          executor_(std::move(other.executor_)),
          allocator_(other.allocator_),
          slot_(other.slot_) {}
    handler& operator=(handler&&) = delete;
    ~handler() {
      if (wait_ != nullptr) wait_->end_part();
    }
    template <class... Given>
    void operator()(Given&&... given) {
      asio_wait& w = *std::exchange(wait_, nullptr);
      w.outcome_.emplace(std::forward<Given>(given)...);
      w.end_part();
    }

    using executor_type = boost::asio::io_context::executor_type;
    [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }
    using allocator_type = frame_allocator<void>;
    [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_; }
    using cancellation_slot_type = boost::asio::cancellation_slot;
    [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }

   private:
    asio_wait* wait_;
    executor_type executor_ = io_context_of(wait_->loop()).get_executor();
    allocator_type allocator_{wait_->memory_};
    cancellation_slot_type slot_ = wait_->signal_.slot();
  };

  template <class Initiation, class... InitArgs>
  void initiate(Initiation&& initiation, InitArgs&&... args) {
    if constexpr (requires { boost::asio::any_io_executor(initiation.get_executor()); }) {
      const auto& theirs = initiation.get_executor();
      if (!is_executor_of(io_context_of(loop()), theirs)) elsewhere_.emplace(theirs);
    }
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"  // Beast's websocket gives an int where it takes a std::size_t
    std::forward<Initiation>(initiation)(handler(*this), std::forward<InitArgs>(args)...);
#pragma GCC diagnostic pop
  }

  /// In a fiber: begins the operation, and returns when it has ended.
  template <class Initiation, class... InitArgs>
  void run(Initiation&& initiation, InitArgs&&... args) {
    try {
      initiate(std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
    } catch (...) {
      block();  // it may have begun
      throw;
    }
    block();
  }

  /// What the operation, which has ended, came to.
  /// @throws cancelled_error  when it did not succeed because the task was cancelled; otherwise what the operation failed with
  result_type take() {
    if constexpr (result::tells_of_errors) {
      if (!outcome_ || std::get<0>(*outcome_)) fail();
    } else {
      if (!outcome_) fail();
    }
    if (cancelled()) keep_cancellation();
    return values();
  }
  /// The same, with the error in `error` instead; then what is returned is what the operation gave beside it.
  template <class Error>
  result_type take(Error& error) {
    static_assert(result::tells_of_errors, "this operation never fails, so there is no error to store");
    static_assert(std::is_constructible_v<Error, std::tuple_element_t<0, std::tuple<Args...>>>,
                  "this operation fails with an exception, not with a code");
    const bool failed = !outcome_ || std::get<0>(*outcome_);
    if (failed && cancelled()) lowlevel::throw_cancelled();
    if (cancelled()) keep_cancellation();
    if (!outcome_) {
      error = Error(boost::asio::error::make_error_code(boost::asio::error::operation_aborted));
      if constexpr (std::is_void_v<result_type>) {
        return;
      } else {
        return result_type();
      }
    }
    error = Error(std::get<0>(*outcome_));
    return values();
  }

 private:
  static constexpr lowlevel::wait_kind waits_ = kind_of("input or output");
  static void cancel(io_wait& self) noexcept {
    auto& w = static_cast<asio_wait&>(self);
    if (!w.elsewhere_) return w.signal_.emit(boost::asio::cancellation_type::all);
    // A second request finds the first one under way.
    if (std::exchange(w.asked_elsewhere_, true)) return;
    w.parts_.fetch_add(1, std::memory_order_relaxed);
    try {
      boost::asio::post(*w.elsewhere_, [&w] {
        w.signal_.emit(boost::asio::cancellation_type::all);
        w.end_part();
      });
    } catch (...) {
      w.end_part();  // it goes on until it ends by itself
    }
  }
  /// The operation is one, a request to cancel it that is on its way to another executor a second. Any thread.
  void end_part() noexcept {
    if (parts_.fetch_sub(1, std::memory_order_acq_rel) == 1) finish();
  }

  [[noreturn]] void fail() {
    if (cancelled()) lowlevel::throw_cancelled();
    if constexpr (result::tells_of_errors) {
      if (outcome_) throw_completion_error(std::get<0>(*outcome_));
    }
    throw_completion_error(boost::asio::error::make_error_code(boost::asio::error::operation_aborted));
  }
  result_type values() {
    return std::apply(
        [](auto&&... all) -> result_type {
          if constexpr (result::tells_of_errors) {
            return rest(std::move(all)...);
          } else if constexpr (!std::is_void_v<result_type>) {
            return result_type(std::move(all)...);
          }
        },
        *outcome_);  // NOLINT(bugprone-unchecked-optional-access): there is one, or `fail` is called
  }
  template <class Error, class... Rest>
  static result_type rest(const Error& /*error*/, Rest&&... all) {
    if constexpr (sizeof...(Rest) > 0) return result_type(std::forward<Rest>(all)...);
  }

  std::optional<std::tuple<Args...>> outcome_;
  boost::asio::cancellation_signal signal_;
  std::optional<boost::asio::any_io_executor> elsewhere_;  ///< On which the operation's object works, when it is not the loop's.
  bool asked_elsewhere_ = false;
  std::atomic<int> parts_ = 1;
  frame_memory memory_;
};

}  // namespace nakh::detail
