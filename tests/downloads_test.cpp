// SPDX-License-Identifier: BSL-1.0
// The downloads of examples/downloads, in both models: what is hard to see by looking at them.
#include "../examples/downloads/common/backoff.hpp"
#include "../examples/downloads/common/exchange.hpp"
#include "../examples/downloads/common/file.hpp"
#include "../examples/downloads/common/identity.hpp"
#include "../examples/downloads/common/text_width.hpp"
#include "../examples/downloads/stackful/downloader.hpp"
#include "../examples/downloads/stackful/server.hpp"
#include "../examples/downloads/stackless/downloader.hpp"
#include "../examples/downloads/stackless/server.hpp"

#include "support/fixture.hpp"
#include "support/in_valgrind.hpp"

#include <nakh/net.hpp>
#include <nakh/stackless.hpp>
#include <nakh/task.hpp>
#include <nakh/timeout.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace downloads;
using namespace nakh::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;
namespace net = nakh::net;

namespace {

struct folder {
  folder() {
    std::string name = (fs::temp_directory_path() / "nakh-downloads-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~folder() { fs::remove_all(path); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;
  fs::path path;
};

void write_file(const fs::path& path, std::string_view content) {
  file f(path, file::open_to::write);
  f.truncate(0);
  f.write(0, content);
}
std::string random_text(std::size_t size, std::mt19937_64& random) {
  std::string text(size, '\0');
  std::generate(text.begin(), text.end(), [&] { return static_cast<char>(random()); });
  return text;
}
digest sum_of(std::string_view text) {
  sha256 s;
  s.add(text);
  return s.value();
}

enum class model { stackful, stackless };

net::server start(model m, shelf& files, const serve_options& options) {
  return m == model::stackful ? stackful::start_file_server(files, options) : stackless::start_file_server(files, options);
}
void get(model m, const get_options& options, progress& shown, tally& count) {
  if (m == model::stackful) {
    stackful::get_all(options, shown, count);
  } else {
    nakh::await(stackless::get_all(options, shown, count));
  }
}

/// Where the program says what it does, to be read afterwards.
struct screen {
  screen() : text(std::tmpfile()) { REQUIRE(text != nullptr); }
  ~screen() { std::fclose(text); }
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;
  [[nodiscard]] std::string said() const {
    std::rewind(text);
    std::string all;
    for (int c = std::fgetc(text); c != EOF; c = std::fgetc(text)) all += static_cast<char>(c);
    return all;
  }
  std::FILE* text;
};

/// A folder that is served, and one to put what comes.
struct downloads_fixture : fixture {
  downloads_fixture() { serving.port = 0; }

  void offer(const std::string& name, std::string_view content) { write_file(served.path / name, content); }
  std::string url(std::uint16_t port, const std::string& name) const {
    return (serving.certificate.empty() ? "http://127.0.0.1:" : "https://localhost:") + std::to_string(port) + "/" + name;
  }
  /// Gets them, from a server in the same loop. What was said is in `said`.
  tally get_from_server(model m, const std::vector<std::string>& names) {
    tally count;
    run([&] {
      shelf files(served.path, serving.trouble);
      const net::server s = start(m, files, serving);
      job_list list(here.path);
      for (const std::string& name : names) list.add(url(s.endpoints().front().port(), name));
      wanted.jobs = list.jobs();
      count = get_now(m);
    });
    return count;
  }
  tally get_now(model m) {
    tally count;
    const screen seen;
    {
      progress shown(seen.text, wanted.jobs.size());
      get(m, wanted, shown, count);
    }
    said = seen.said();
    return count;
  }

  folder served;
  folder here;
  serve_options serving;
  get_options wanted;
  std::string said;
};

/// A server that answers each connection with the next of its texts, after the request's header has come, and closes.
struct scripted_server {
  explicit scripted_server(std::vector<std::string> all) : answers(std::move(all)) {
    server = net::start_server(
        [this](net::stream& s) {
          requests.push_back(s.read_until("\r\n\r\n"));
          const std::size_t number = std::min(requests.size(), answers.size()) - 1;
          s.write(answers[number]);
        },
        net::endpoint("127.0.0.1", 0));
  }
  [[nodiscard]] std::uint16_t port() const { return server.endpoints().front().port(); }
  std::vector<std::string> answers;
  std::vector<std::string> requests;
  net::server server;
};

std::string http_ok(const std::string& fields, const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/// What a connection of its own gets for `text`, to the end.
std::string ask(std::uint16_t port, const std::string& text) {
  net::stream s = net::open_connection("127.0.0.1", port);
  s.write(text);
  return s.read_all();
}
bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

TEST_CASE("addresses: what is one, and why another is none") {
  const address a = parse_address("https://example.org/some%20where/a%20b.bin?x=1#part");
  CHECK(a.by_tls);
  CHECK(a.host == "example.org");
  CHECK(a.port == 443);
  CHECK(a.authority == "example.org");
  CHECK(a.target == "/some%20where/a%20b.bin?x=1");
  CHECK(a.file_name == "a b.bin");
  const address six = parse_address("http://[::1]:8080");
  CHECK(six.host == "::1");
  CHECK(six.authority == "[::1]:8080");
  CHECK(six.port == 8080);
  CHECK(six.target == "/");
  CHECK(six.file_name.empty());
  for (const std::string name : {"http://h/a/", "http://h/..", "http://h/%2e%2e", "http://h/a%2Fb", "http://h/a%00b"}) {
    CAPTURE(name);
    CHECK(parse_address(name).file_name.empty());
  }
  for (const std::string none :
       {"", "h/a", "ftp://h/a", "http:///a", "http://u:p@h/a", "http://h:0/a", "http://h:99999/a", "http://h/ a"}) {
    CAPTURE(none);
    CHECK_THROWS_AS(static_cast<void>(parse_address(none)), std::invalid_argument);
  }
  CHECK(follow(a, "../c.bin").text == "https://example.org/c.bin");
  CHECK(follow(a, "//other/d").text == "https://other/d");
  CHECK_THROWS_AS(static_cast<void>(follow(a, "")), std::invalid_argument);
}

TEST_CASE_FIXTURE(downloads_fixture, "lists: URLs with and without a digest; what is wrong is named with its line") {
  const std::string sum = to_hex(sum_of("x"));
  const auto read = [&](const std::string& text) {
    write_file(served.path / "list", text);
    job_list list(here.path);
    list.add_list(served.path / "list");
    return list.jobs();
  };
  const auto jobs = read("# two\n\nhttp://h/a " + sum + "\n  http://h/b\r\n");
  REQUIRE(jobs.size() == 2);
  CHECK(jobs[0].wanted == sum_of("x"));
  CHECK(jobs[1].to == here.path / "b");
  const auto wrong = [&](const std::string& text) { return caught([&] { read(text); }); };
  CHECK_THROWS_WITH_AS(read("\nhttp://h/a 123"), doctest::Contains(":2: \"123\" is no SHA-256"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(read("http://h/a " + sum + " more"), doctest::Contains(":1: \"more\" is one word too many"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(read("http://h/a\nhttp://i/a"), doctest::Contains("would both be"), std::invalid_argument);
  CHECK_THROWS_WITH_AS(read("http://h/"), doctest::Contains("does not end in a file's name"), std::invalid_argument);
  CHECK(wrong("nonsense") == "invalid_argument");
}

TEST_CASE("digests: as hexadecimal and as a field of HTTP, there and back") {
  const digest d = sum_of("abc");
  CHECK(to_hex(d) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-2
  CHECK(from_hex(to_hex(d)) == d);
  CHECK(from_field(to_field(d)) == d);
  CHECK(from_field("sha-512=:AAAA:, " + to_field(d)) == d);
  for (const char* none : {"", "sha-256=:AAAA:", "sha-256=:", "sha-512=:AAAA:"}) CHECK_FALSE(from_field(none));
  CHECK_FALSE(from_hex("ba78"));
  CHECK_FALSE(from_hex(std::string(64, 'g')));
}

TEST_CASE("waits between attempts: they double to a limit, are spread, and progress begins anew") {
  std::mt19937_64 random(1);
  const failure passing("passes", failure::advice::try_again);
  backoff tries(3);
  for (const int most : {250, 500, 1000}) {
    const auto wait = tries.after(passing, 0, random);
    REQUIRE(wait);
    CHECK(wait->count() >= most / 2);
    CHECK(wait->count() <= most);
  }
  CHECK_FALSE(tries.after(passing, 0, random));
  CHECK(tries.after(passing, 10, random));  // it came further
  CHECK(tries.after(failure("busy", failure::advice::try_again, 7s), 5, random) == 7000ms);
  CHECK(tries.after(passing, 10, random));
  CHECK_FALSE(tries.after(passing, 10, random));
  backoff other(3);
  CHECK_FALSE(other.after(failure("never", failure::advice::give_up), 10, random));
  backoff patient(100);
  for (int i = 0; i < 50; ++i) CHECK(patient.after(passing, 0, random)->count() <= backoff::longest.count());
}

TEST_CASE("text as wide as the terminal allows") {
  REQUIRE(std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr);
  CHECK(text_width("نخ") == 2);
  CHECK(text_width("日本") == 4);
  CHECK(fit("file-12345.bin", 20) == "file-12345.bin");
  CHECK(fit("file-12345.bin", 9) == "file….bin");
  CHECK(text_width(fit("日本語日本語", 7)) <= 7);
  CHECK(fit("a\033[2Jb\n", 9) == "a?[2Jb?");
  CHECK(fit("abc", 0).empty());
  CHECK(fit("abc", 1) == "…");
  CHECK(pad("نخ", 4) == "نخ  ");
  std::setlocale(LC_CTYPE, "C");
}

TEST_CASE_FIXTURE(downloads_fixture, "files come whole, by TLS too, and those that are here do not come again") {
  std::mt19937_64 random(7);
  std::vector<std::string> names;
  for (const std::size_t size : {0U, 1U, 65536U, 65537U, 300'000U}) {
    names.push_back(std::to_string(size));
    offer(names.back(), random_text(size, random));
  }
  const identity own;
  for (const model m : {model::stackful, model::stackless}) {
    for (const bool by_tls : {false, true}) {
      if (by_tls) {
        serving.certificate = wanted.trusted = own.certificate;
        serving.key = own.key;
      }
      tally t = get_from_server(m, names);
      CHECK(t.whole == names.size());
      CHECK(t.failed == 0);
      CHECK(contains(said, "65537: 64.0 KiB, SHA-256 is right\n"));
      for (const std::string& name : names) CHECK(text_of(here.path / name) == text_of(served.path / name));
      t = get_from_server(m, names);
      CHECK(t.there == names.size());
      CHECK(std::distance(fs::directory_iterator(here.path), {}) == static_cast<long>(names.size()));
      fs::remove_all(here.path);
      fs::create_directory(here.path);
      serving.certificate.clear();
      serving.key.clear();
    }
  }
}

TEST_CASE_FIXTURE(downloads_fixture,
                  "a thousand files from a server that refuses, resets, cuts off, stalls and spoils: each whole, or reported") {
#if defined(__SANITIZE_ADDRESS__)
  constexpr std::size_t files = 200;
#else
  const std::size_t files = in_valgrind() ? 30 : 1000;
#endif
  std::mt19937_64 random(3);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < files; ++i) {
    names.push_back("f" + std::to_string(i));
    offer(names.back(), random_text(std::uniform_int_distribution<std::size_t>(0, 150'000)(random), random));
  }
  wanted.at_once = 16;
  wanted.retries = 2;  // so that some fail
  for (const model m : {model::stackful, model::stackless}) {
    serving.trouble = 11;
    // Interrupted at any time, again and again, and then to its end.
    run([&] {
      shelf shelf_of_all(served.path, serving.trouble);
      const net::server s = start(m, shelf_of_all, serving);
      job_list list(here.path);
      for (const std::string& name : names) list.add(url(s.endpoints().front().port(), name));
      wanted.jobs = list.jobs();
      for (int i = 0; i < 5; ++i) {
        const std::chrono::milliseconds after(std::uniform_int_distribution(20, 20'000)(random));
        const std::string how = caught([&] { nakh::timeout(after, [&] { get_now(m); }); });
        CHECK((how == "timeout_error" || how == "nothing"));
        for (const std::string& name : names) {
          if (fs::exists(here.path / name)) REQUIRE(digest_of_file(here.path / name) == digest_of_file(served.path / name));
        }
      }
      const tally t = get_now(m);
      CHECK(t.whole + t.there + t.failed == names.size());
      std::size_t missing = 0;
      for (const std::string& name : names) {
        if (!fs::exists(here.path / name)) {
          ++missing;
          CHECK(contains(said, name + ": failed: "));
          continue;
        }
        REQUIRE(digest_of_file(here.path / name) == digest_of_file(served.path / name));
      }
      CHECK(missing == t.failed);
    });
    // What failed was the server's fault: when it has come to itself, the rest comes.
    serving.trouble.reset();
    const tally t = get_from_server(m, names);
    CHECK(t.failed == 0);
    CHECK(std::distance(fs::directory_iterator(here.path), {}) == static_cast<long>(names.size()));
    fs::remove_all(here.path);
    fs::create_directory(here.path);
  }
}

TEST_CASE_FIXTURE(downloads_fixture, "a part is continued where it ends, and only when it is of the same version") {
  std::mt19937_64 random(9);
  const std::string content = random_text(500'000, random);
  offer("a", content);
  for (const model m : {model::stackful, model::stackless}) {
    const std::string tag = '"' + to_hex(sum_of(content)) + '"';
    write_file(here.path / "a.part", content.substr(0, 499'000));
    write_file(here.path / "a.part.from", tag);
    CHECK(get_from_server(m, {"a"}).whole == 1);
    CHECK(text_of(here.path / "a") == content);
    // All of it was here, but for the name.
    fs::rename(here.path / "a", here.path / "a.part");
    write_file(here.path / "a.part.from", tag);
    CHECK(get_from_server(m, {"a"}).whole == 1);
    CHECK(text_of(here.path / "a") == content);
    // Another version; none that is known; more than there is; bytes that are wrong.
    const std::vector<std::pair<std::string, std::string>> parts = {
        {std::string(1000, 'x'), "\"other\""}, {std::string(1000, 'x'), ""}, {content + "more", tag}, {std::string(1000, 'x'), tag}};
    for (const auto& [part, from] : parts) {
      fs::remove(here.path / "a");
      write_file(here.path / "a.part", part);
      write_file(here.path / "a.part.from", from);
      CHECK(get_from_server(m, {"a"}).whole == 1);
      CHECK(text_of(here.path / "a") == content);
    }
    fs::remove(here.path / "a");
  }
}

TEST_CASE_FIXTURE(downloads_fixture, "servers that know less: no length, no version, chunks, redirections, and what is no answer") {
  struct scenario {
    std::vector<std::string> answers;
    std::string said;
    std::size_t asked;
  };
  const std::string whole = "it is here";
  const std::vector<scenario> all = {
      {{"HTTP/1.0 200 OK\r\n\r\n" + whole}, "a: 10 B\n", 1},
      {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nit is \r\n4\r\nhere\r\n0\r\n\r\n"}, "a: 10 B\n", 1},
      {{http_ok("Repr-Digest: " + to_field(sum_of(whole)) + "\r\n", whole)}, "a: 10 B, SHA-256 is right\n", 1},
      {{"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n", http_ok("", whole)}, "a: 10 B\n", 2},
      {{"HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n", http_ok("", whole)}, "a: 10 B\n", 2},
      {{"", http_ok("", whole)}, "a: 10 B\n", 2},
      {{"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nit is", http_ok("", whole)}, "a: 10 B\n", 2},
      {{"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\nContent-Length: 5\r\n\r\n here", http_ok("", whole)},
       "a: 10 B\n",
       2},
      {{"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"}, "a: failed: the server says 404 Not Found\n", 1},
      {{"HTTP/1.1 302 Found\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n"}, "a: failed: the server sends from one place to another\n", 6},
      {{"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"}, "a: failed: \"\" is no place to be sent to\n", 1},
      {{"SSH-2.0-OpenSSH_9.2\r\n"}, "a: failed: the answer is no HTTP: bad version\n", 3},
      {{http_ok("Repr-Digest: " + to_field(sum_of("else")) + "\r\n", whole)},
       "a: failed: its SHA-256 is " + to_hex(sum_of(whole)) + ", and should be " + to_hex(sum_of("else")) + "\n",
       3},
      {{""}, "a: failed: the connection ended without an answer\n", 3},
  };
  wanted.retries = 2;
  for (const model m : {model::stackful, model::stackless}) {
    for (const scenario& s : all) {
      CAPTURE(s.said);
      run([&] {
        const scripted_server server(s.answers);
        job_list list(here.path);
        list.add(url(server.port(), "a"));
        wanted.jobs = list.jobs();
        get_now(m);
        CHECK(said == s.said);
        CHECK(server.requests.size() == s.asked);
      });
      CHECK(fs::exists(here.path / "a") == !contains(s.said, "failed"));
      if (fs::exists(here.path / "a")) CHECK(text_of(here.path / "a") == whole);
      CHECK_FALSE(fs::exists(here.path / "a.part"));
      CHECK_FALSE(fs::exists(here.path / "a.part.from"));
      fs::remove(here.path / "a");
    }
  }
}

TEST_CASE_FIXTURE(downloads_fixture, "nobody is there, nobody answers, nobody is trusted") {
  const identity own;
  for (const model m : {model::stackful, model::stackless}) {
    wanted.retries = 1;
    wanted.patience = 5s;
    run([&] {
      std::uint16_t port = 0;
      {
        net::server gone = net::start_server([](net::stream&) {}, net::endpoint("127.0.0.1", 0));
        port = gone.endpoints().front().port();
        gone.close();
      }
      job_list list(here.path);
      list.add(url(port, "refused"));
      wanted.jobs = list.jobs();
      CHECK(get_now(m).failed == 1);
      CHECK(contains(said, "refused: failed: "));

      nakh::event never;
      const net::server silent = net::start_server([&](net::stream&) { never.wait(); }, net::endpoint("127.0.0.1", 0));
      job_list other(here.path);
      other.add(url(silent.endpoints().front().port(), "silent"));
      wanted.jobs = other.jobs();
      const auto begun = nakh::clock::now();
      CHECK(get_now(m).failed == 1);
      CHECK(said == "silent: failed: nothing came for too long\n");
      CHECK(nakh::clock::now() - begun >= 10s);  // twice its patience
      CHECK(nakh::clock::now() - begun < 12s);
    });
    serving.certificate = own.certificate;
    serving.key = own.key;
    wanted.trusted.clear();
    offer("a", "x");
    CHECK(get_from_server(m, {"a"}).failed == 1);
    CHECK(contains(said, "a: failed: "));
    serving.certificate.clear();
  }
}

TEST_CASE_FIXTURE(downloads_fixture, "what is wrong here: another process is at it, a folder is in the way, the disk is full") {
  std::mt19937_64 random(4);
  offer("a", random_text(200'000, random));
  for (const model m : {model::stackful, model::stackless}) {
    {
      const partial_file mine = partial_file::open(here.path / "a");
      CHECK(get_from_server(m, {"a"}).failed == 1);
      CHECK(said == "a: failed: another process is downloading " + (here.path / "a").string() + "\n");
      CHECK(fs::exists(here.path / "a.part"));
    }
    fs::remove(here.path / "a.part");
    fs::create_directory(here.path / "a.part");
    CHECK(get_from_server(m, {"a"}).failed == 1);
    CHECK(contains(said, "a: failed: cannot open"));
    fs::remove(here.path / "a.part");

    // A file may not grow so large: as when there is no room.
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit small{100'000, before.rlim_max};
    const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const tally t = get_from_server(m, {"a"});
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, old_handler);
    CHECK(t.failed == 1);
    CHECK(t.parts == 1);
    CHECK(contains(said, "a: failed: cannot write"));
    CHECK_FALSE(fs::exists(here.path / "a"));
    CHECK(get_from_server(m, {"a"}).whole == 1);
    CHECK(text_of(here.path / "a") == text_of(served.path / "a"));
    fs::remove(here.path / "a");
  }
}

TEST_CASE_FIXTURE(downloads_fixture, "the server: ranges, and what it refuses") {
  offer("a", "0123456789");
  offer("b c", "x");
  fs::create_directory(served.path / "inside");
  offer("inside/d", "deep");
  write_file(here.path / "secret", "s");
  fs::create_symlink(here.path / "secret", served.path / "link");
  const std::string tag = '"' + to_hex(sum_of("0123456789")) + '"';
  const std::string close = "Connection: close\r\n\r\n";
  for (const model m : {model::stackful, model::stackless}) {
    run([&] {
      shelf files(served.path);
      const net::server s = start(m, files, serving);
      const auto port = s.endpoints().front().port();
      const auto begins = [&](const std::string& target, const std::string& fields = {}) {
        const std::string all = ask(port, "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + close);
        const std::size_t body = all.find("\r\n\r\n");
        return all.substr(9, 3) + " " + (body == all.npos ? "no body" : all.substr(body + 4));
      };
      CHECK(begins("/a") == "200 0123456789");
      CHECK(begins("/b%20c") == "200 x");
      CHECK(begins("/inside/d") == "200 deep");
      CHECK(begins("/inside/../a") == "200 0123456789");
      CHECK(begins("/a", "Range: bytes=3-5\r\n") == "206 345");
      CHECK(begins("/a", "Range: bytes=7-\r\n") == "206 789");
      CHECK(begins("/a", "Range: bytes=-2\r\n") == "206 89");
      CHECK(begins("/a", "Range: bytes=-20\r\n") == "206 0123456789");
      CHECK(begins("/a", "Range: bytes=9-99\r\n") == "206 9");
      CHECK(begins("/a", "Range: bytes=10-\r\n") == "416 ");
      CHECK(begins("/a", "Range: bytes=-0\r\n") == "416 ");
      for (const char* all : {"bytes=5-3", "bytes=a-b", "bytes=", "bytes=-", "lines=1-2", "bytes=1-2,4-5", "bytes=1-2x"}) {
        CAPTURE(all);
        CHECK(begins("/a", std::string("Range: ") + all + "\r\n") == "200 0123456789");
      }
      CHECK(begins("/a", "Range: bytes=3-5\r\nIf-Range: " + tag + "\r\n") == "206 345");
      CHECK(begins("/a", "Range: bytes=3-5\r\nIf-Range: \"old\"\r\n") == "200 0123456789");
      for (const char* none : {"/", "/c", "/inside", "/../secret", "/%2e%2e/secret", "/link", "/a%00", "/inside%2Fd", "nonsense"}) {
        CAPTURE(none);
        CHECK(begins(none).starts_with("404 "));
      }
      const auto status = [&](const std::string& text) { return ask(port, text).substr(9, 3); };
      CHECK(status("DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n") == "405");
      CHECK(status("GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello") == "413");
      CHECK(status("nonsense\r\n\r\n") == "400");
      CHECK(status("GET /a HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n") == "431");
      CHECK(contains(ask(port, "GET /a HTTP/1.0\r\n\r\n"), "HTTP/1.0 200"));
      const std::string head = ask(port, "HEAD /a HTTP/1.1\r\nHost: h\r\n" + close);
      CHECK(contains(head, "Content-Length: 10\r\n"));
      CHECK(contains(head, "Repr-Digest: " + to_field(sum_of("0123456789"))));
      CHECK(head.ends_with("\r\n\r\n"));

      // Two on one connection, the second sent before the first is answered.
      const std::string both = ask(port, "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b%20c HTTP/1.1\r\nHost: h\r\n" + close);
      CHECK(contains(both, "\r\n\r\n0123456789HTTP/1.1 200"));
      CHECK(both.ends_with("\r\n\r\nx"));

      // Another version of the file is another file.
      write_file(served.path / "a", "changed");
      CHECK(begins("/a", "Range: bytes=3-5\r\nIf-Range: " + tag + "\r\n") == "200 changed");
      write_file(served.path / "a", "0123456789");
    });
  }
}

TEST_CASE_FIXTURE(downloads_fixture, "the server's deadlines: for all of a request, and for a peer that does not take the answer") {
  std::mt19937_64 random(4);
  offer("a", "x");
  offer("large", random_text(8'000'000, random));
  for (const model m : {model::stackful, model::stackless}) {
    run([&] {
      shelf files(served.path);
      net::server s = start(m, files, serving);
      const auto port = s.endpoints().front().port();

      auto begun = nakh::clock::now();
      CHECK(ask(port, "").empty());
      CHECK(nakh::clock::now() - begun >= serving.header_deadline);
      CHECK(nakh::clock::now() - begun < serving.header_deadline + 1s);

      // A byte a second: each read has one in time, and all of them together are too late.
      begun = nakh::clock::now();
      net::stream slow = net::open_connection("127.0.0.1", port);
      const auto trickle = nakh::async([&] {
        for (const char c : std::string("GET /a HTTP/1.1\r\nHost: somewhere\r\n\r\n")) {
          slow.write({&c, 1});
          nakh::sleep(1s);
        }
      });
      CHECK(slow.read_all().substr(9, 3) == "408");
      CHECK(nakh::clock::now() - begun < serving.header_deadline + 2s);
      trickle.cancel();

      // A peer that asks and does not read.
      begun = nakh::clock::now();
      net::stream deaf = net::open_connection("127.0.0.1", port);
      deaf.write("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
      while (s.connections() > 0) nakh::sleep(1s);
      CHECK(nakh::clock::now() - begun >= serving.write_deadline);
      CHECK(nakh::clock::now() - begun < serving.write_deadline + 5s);
    });
  }
}
