// SPDX-License-Identifier: BSL-1.0
#include <nakh/asio.hpp>

#include "support/fixture.hpp"

#include <nakh/event.hpp>
#include <nakh/future.hpp>
#include <nakh/task.hpp>
#include <nakh/task_group.hpp>

#include <curl/curl.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// A C library that waits by itself, libcurl, on the loop: it says which descriptors and which time it waits for.
using namespace nakh;
using namespace nakh::test;
namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

const struct curl_library {
  curl_library() { curl_global_init(CURL_GLOBAL_DEFAULT); }
  ~curl_library() { curl_global_cleanup(); }
} library;

/// Transfers of libcurl's, all in the loop's thread. It must outlive those who wait in `get`.
class downloads {
 public:
  explicit downloads(event_loop& loop) : loop_(loop), multi_(curl_multi_init()) {
    curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
    curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
    curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  }
  ~downloads() {
    curl_multi_cleanup(multi_);
    if (timer_) timer_->cancel();
  }
  downloads(const downloads&) = delete;
  downloads& operator=(const downloads&) = delete;

  /// Suspends the current task until what is at `url` is here. When it is cancelled, so is the transfer.
  std::string get(const std::string& url) {
    transfer t{*this, loop_.create_future<CURLcode>()};
    curl_easy_setopt(t.easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(t.easy, CURLOPT_PROXY, "");
    curl_easy_setopt(t.easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(t.easy, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(t.easy, CURLOPT_WRITEFUNCTION, &on_bytes);
    curl_easy_setopt(t.easy, CURLOPT_WRITEDATA, &t.body);
    curl_easy_setopt(t.easy, CURLOPT_PRIVATE, &t);
    curl_multi_add_handle(multi_, t.easy);
    const CURLcode code = await(t.done);
    if (code != CURLE_OK) throw std::runtime_error(curl_easy_strerror(code));
    return std::move(t.body);
  }

 private:
  struct transfer {
    transfer(downloads& d, future<CURLcode> f) : of(d), done(std::move(f)) {}
    ~transfer() {
      curl_multi_remove_handle(of.multi_, easy);
      curl_easy_cleanup(easy);
    }
    transfer(const transfer&) = delete;
    transfer& operator=(const transfer&) = delete;
    downloads& of;
    future<CURLcode> done;
    std::string body;
    CURL* easy = curl_easy_init();
  };

  static std::size_t on_bytes(char* bytes, std::size_t size, std::size_t count, void* body) {
    static_cast<std::string*>(body)->append(bytes, size * count);
    return size * count;
  }
  static int on_socket(CURL* /*easy*/, curl_socket_t fd, int what, void* self, void* /*of_socket*/) {
    auto& d = *static_cast<downloads*>(self);
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) {
      d.loop_.add_reader(fd, [&d, fd] { d.go_on(fd, CURL_CSELECT_IN); });
    } else {
      d.loop_.remove_reader(fd);
    }
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) {
      d.loop_.add_writer(fd, [&d, fd] { d.go_on(fd, CURL_CSELECT_OUT); });
    } else {
      d.loop_.remove_writer(fd);
    }
    return 0;
  }
  static int on_timer(CURLM* /*multi*/, long milliseconds, void* self) {
    auto& d = *static_cast<downloads*>(self);
    if (d.timer_) d.timer_->cancel();
    d.timer_.reset();
    if (milliseconds >= 0) {
      d.timer_ = d.loop_.call_later(std::chrono::milliseconds(milliseconds), [&d] { d.go_on(CURL_SOCKET_TIMEOUT, 0); });
    }
    return 0;
  }
  void go_on(curl_socket_t fd, int events) {
    int running = 0;
    curl_multi_socket_action(multi_, fd, events, &running);
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      void* at = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &at);
      auto& t = *static_cast<transfer*>(at);
      if (!t.done.done()) t.done.set_result(message->data.result);
    }
  }

  event_loop& loop_;
  CURLM* multi_;
  std::optional<timer_handle> timer_;
};

/// Answers "/N" with N bytes, "/never" not at all, everything else with an error.
class server {
 public:
  void run() {
    task_group::run([&](task_group& group) {
      for (;;) {
        auto s = std::make_shared<tcp::socket>(acceptor_.async_accept(use_fiber));
        static_cast<void>(group.async([this, s] { serve(*s); }));
      }
    });
  }
  [[nodiscard]] std::string url(const std::string& target) const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/" + target;
  }

  event never_asked_for;

 private:
  void serve(tcp::socket& s) {
    std::string request;
    boost::system::error_code error;
    asio::async_read_until(s, asio::dynamic_buffer(request), "\r\n\r\n", use_fiber[error]);
    if (error) return;  // the client has gone
    const std::string target = request.substr(5, request.find(' ', 5) - 5);
    std::string answer;
    if (target == "never") {
      never_asked_for.set();
      char byte = 0;
      s.async_read_some(asio::buffer(&byte, 1), use_fiber[error]);
      CHECK(error);  // its connection is closed when the transfer is cancelled
      return;
    }
    if (target.find_first_not_of("0123456789") == std::string::npos) {
      answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + target + "\r\n\r\n" + std::string(std::stoul(target), 'x');
    } else {
      answer = "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    }
    asio::async_write(s, asio::buffer(answer), use_fiber);
  }

  tcp::acceptor acceptor_{get_executor(), {asio::ip::address_v4::loopback(), 0}};
};

}  // namespace

// In real time: curl has a clock of its own.
TEST_CASE_FIXTURE(fixture, "libcurl: downloads at the same time, one of which is cancelled") {
  run_in_real_time([&] {
    server there;
    const auto serving = async([&] { there.run(); });
    downloads here(get_running_loop());

    const auto never = async([&] { return here.get(there.url("never")); });
    std::vector<task<std::string>> all;
    for (std::size_t i = 1; i <= 8; ++i) all.push_back(async([&, i] { return here.get(there.url(std::to_string(i * 100'000))); }));
    there.never_asked_for.wait();
    never.cancel();
    CHECK(caught([&] { await(never); }) == "cancelled_error");
    for (std::size_t i = 1; i <= 8; ++i) CHECK(await(all[i - 1]) == std::string(i * 100'000, 'x'));

    CHECK(caught([&] { here.get(there.url("nowhere")); }) == "HTTP response code said error");
    CHECK(here.get(there.url("3")) == "xxx");

    serving.cancel();
    CHECK(caught([&] { await(serving); }) == "cancelled_error");
  });
}
