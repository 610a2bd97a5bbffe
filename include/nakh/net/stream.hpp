// SPDX-License-Identifier: BSL-1.0
#pragma once
#include <nakh/config.hpp>
#include <nakh/detail/io_wait.hpp>
#include <nakh/detail/ref.hpp>
#include <nakh/net/endpoint.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace nakh {

namespace net {

/// The stream ended before what was asked for had come.
/// @par Source  asyncio.IncompleteReadError.
class NAKH_API incomplete_read_error : public std::runtime_error {
 public:
  /// With what had come, and how many bytes were asked for.
  incomplete_read_error(std::string partial, std::optional<std::size_t> expected);
  /// What came before the end; it is read, and not in the stream any more.
  [[nodiscard]] const std::string& partial() const noexcept { return partial_; }
  /// How many bytes were asked for; none when it was a separator.
  [[nodiscard]] std::optional<std::size_t> expected() const noexcept { return expected_; }

 private:
  std::string partial_;
  std::optional<std::size_t> expected_;
};

/// No separator came within the stream's limit. What came stays in the stream.
/// @par Source  asyncio.LimitOverrunError.
class NAKH_API limit_overrun_error : public std::runtime_error {
 public:
  /// With how many bytes were looked through.
  limit_overrun_error(const std::string& what, std::size_t consumed);
  /// How many bytes are known to belong to no separator: what to read if it is to be dropped.
  [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }

 private:
  std::size_t consumed_;
};

/// Limits of a stream.
struct stream_options {
  /// The most bytes that `read_until` and `read_line` take without a separator. Above 0.
  std::size_t limit = 64 * 1024;
  /// `drain` waits while more bytes than this have been written and not sent...
  std::size_t high_water = 64 * 1024;
  /// ...until no more than this are left. None: a quarter of `high_water`.
  std::optional<std::size_t> low_water = std::nullopt;
};

}  // namespace net

namespace detail {

class stream_core;
NAKH_API void add_ref(stream_core& s) noexcept;
NAKH_API void release(stream_core& s) noexcept;

using stream_ref = ref<stream_core>;

/// A task's wait until more can be read, or the stream has ended or failed.
class NAKH_API stream_wait : public io_wait {
 public:
  /// @throws usage_error      outside a task
  /// @throws cancelled_error  a cancellation that is pending
  explicit stream_wait(stream_core& s);
  void begin();
  /// It is over. @throws cancelled_error  when the task was cancelled, and nothing has come
  void end();

 private:
  static void cancel(io_wait& self) noexcept;
  static constexpr lowlevel::wait_kind waits_ = kind_of("stream");
  stream_ref stream_;
};

/// What a reader wants of a stream's buffer: asked again each time more has come.
struct NAKH_API stream_request {
  enum class kind : unsigned char { some, all, exactly, until, line };
  kind what;
  std::size_t size = 0;                            ///< Most, or exactly so many.
  std::span<const std::string_view> separators{};  ///< Of `until`.
  std::size_t searched = 0;                        ///< So much of the buffer holds no separator's beginning.
  /// What was asked for, or nothing: more must come. @throws what the reading function throws
  [[nodiscard]] std::optional<std::string> take(stream_core& from);
  /// @throws std::invalid_argument  when it makes no sense
  void check() const;
};

}  // namespace detail

namespace net {

/// A connection's two directions: bytes to read, with a buffer and a limit, and bytes to write, with a buffer and its water marks.
///
/// It belongs to the loop in which it was opened, whose end closes it. One task may read at a time; any number may write and drain.
/// Nothing is read from the system before somebody asks for it, so a peer that sends more than is read is held back.
/// @par Thread safety  The loop's thread only.
/// @par Source         asyncio's StreamReader and StreamWriter (CPython 3.14). Differs: one object; reads on demand, so what the peer
///                     has sent shows in `at_eof`, and its reset in an error, at the next read or write and not before.
class NAKH_API stream {
 public:
  /// None: only assigning to it, destroying it and the question whether it is open make sense.
  stream() noexcept = default;
  stream(stream&& other) noexcept;
  stream& operator=(stream&& other) noexcept;
  /// As `close`.
  ~stream();
  /// False for none.
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(core_); }

  // All that read:
  // @throws std::system_error  what the connection failed with, now or earlier, even if there is something in the buffer (T-str-06)
  // @throws usage_error        when it has to wait, and another task reads this stream, or this is no task
  // @throws cancelled_error    when the task is cancelled while it waits; what has come meanwhile stays in the buffer

  /// What has come, at least one byte and at most `most`; empty at the end of the stream, or when `most` is 0.
  [[nodiscard]] std::string read(std::size_t most);
  /// The same into `room`, without an allocation: how many bytes.
  [[nodiscard]] std::size_t read(std::span<char> room);
  /// All until the end of the stream.
  [[nodiscard]] std::string read_all();
  /// So many bytes. @throws incomplete_read_error  when the stream ends before
  [[nodiscard]] std::string read_exactly(std::size_t size);
  /// All up to the first separator, and that too.
  /// @throws incomplete_read_error  when the stream ends before
  /// @throws limit_overrun_error    when there is none within the limit
  /// @throws std::invalid_argument  for an empty separator
  [[nodiscard]] std::string read_until(std::string_view separator);
  /// The same with several: up to the one that ends first (T-str-14).
  [[nodiscard]] std::string read_until(std::span<const std::string_view> separators);
  /// All up to a line feed, and that too; at the end of the stream what is left, then nothing.
  /// @throws std::length_error  when there is none within the limit: then that line, as far as it has come, is dropped (T-str-05)
  [[nodiscard]] std::string read_line();
  /// Whether the stream has ended, and all of it was read.
  [[nodiscard]] bool at_eof() const noexcept;

  /// Sends what the system takes at once, and keeps the rest to send it later; never waits. When the connection is lost or closed
  /// it does nothing: `drain` tells.
  /// @throws usage_error     after `write_eof`
  /// @throws std::bad_alloc
  void write(std::string_view bytes);
  /// The peer reads the end of the stream when it has read what was written; this end may still read.
  void write_eof();
  /// Whether its two directions can end one by one.
  [[nodiscard]] bool can_write_eof() const noexcept;
  /// Waits while too much has been written and not sent.
  /// @throws std::system_error  what the connection failed with; ECONNRESET when it was closed
  /// @throws cancelled_error    when the task is cancelled while it waits
  /// @par Suspends  Only when more than the high-water mark is to be sent, or the stream is closing.
  void drain();
  /// Bytes that were written and not sent.
  [[nodiscard]] std::size_t write_buffer_size() const noexcept;
  /// Sets the water marks between which `drain` waits, as `stream_options` has them.
  /// @throws std::invalid_argument  when `low` is more than `high`
  void set_write_buffer_limits(std::size_t high, std::optional<std::size_t> low = std::nullopt);

  /// Ends the connection when what was written is sent; a task that reads here gets the end of the stream. Never waits.
  void close() noexcept;
  /// Ends the connection at once: what was not sent is dropped, and the peer is told so (RST).
  void abort() noexcept;
  /// Whether it was closed, or its connection is lost.
  [[nodiscard]] bool is_closing() const noexcept;
  /// Waits until the connection is gone. @throws std::system_error  what it failed with  @throws cancelled_error
  void wait_closed();

  /// This end's address.
  [[nodiscard]] endpoint local() const;
  /// The other end's address.
  [[nodiscard]] endpoint peer() const;
  /// The system's socket; -1 when it is gone. For socket options; not to be read from or written to.
  [[nodiscard]] int native_handle() const noexcept;

  /// For the library.
  explicit stream(detail::stream_ref core) noexcept : core_(std::move(core)) {}
  /// For the library.
  [[nodiscard]] detail::stream_core& core() const;

 private:
  std::string take(detail::stream_request request);
  detail::stream_ref core_;
};

}  // namespace net

}  // namespace nakh
