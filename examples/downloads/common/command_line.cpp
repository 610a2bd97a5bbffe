// SPDX-License-Identifier: BSL-1.0
#include "command_line.hpp"

#include "file.hpp"
#include "identity.hpp"

#include <CLI/CLI.hpp>
#include <nakh/error.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <system_error>
#include <vector>

namespace downloads {

namespace fs = std::filesystem;

namespace {

constexpr int failed_status = 1;
constexpr int usage_status = 2;
constexpr int interrupted_status = 130;

std::chrono::milliseconds in_milliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::duration<double>(seconds));
}

int get(const model& m, const get_options& options) {
  tally count;
  progress shown(stdout, options.jobs.size());
  try {
    m.get(options, shown, count);
  } catch (const nakh::keyboard_interrupt&) {
    shown.say("interrupted: " + to_text(count));
    return interrupted_status;
  }
  shown.say(to_text(count));
  return count.failed == 0 ? 0 : failed_status;
}

int serve(const model& m, const serve_options& options) {
  try {
    m.serve(options, [&](const nakh::net::server& s) {
      const char* const scheme = options.certificate.empty() ? "http" : "https";
      std::cout << "serving " << options.folder.string() << " at " << scheme << "://"
                << s.endpoints().front().to_string() << "/" << std::endl;
    });
  } catch (const nakh::keyboard_interrupt&) {
    std::cout << "interrupted\n";
  }
  return interrupted_status;
}

/// A folder that goes with everything in it.
class scratch_folder {
 public:
  scratch_folder() {
    std::string name = (fs::temp_directory_path() / "nakh-downloads-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::system_error(errno, std::system_category(), "cannot make " + name);
    path_ = name;
  }
  ~scratch_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

std::string random_bytes(std::size_t size, std::mt19937_64& random) {
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(),
                [&] { return static_cast<char>(random()); });
  return bytes;
}

int demonstrate(const model& m) {
  constexpr std::size_t mebibyte = 1024 * 1024;
  constexpr std::array<std::size_t, 5> sizes = {
      3, 5, 1, 4, 2};                // the tutorial's seconds, at a mebibyte a second
  constexpr std::uint64_t seed = 5;  // with which each kind of trouble comes
  const scratch_folder scratch;
  const fs::path shelf_path = scratch.path() / "served";
  const fs::path here = scratch.path() / "here";
  fs::create_directories(shelf_path);
  fs::create_directories(here);
  std::mt19937_64 random(seed);
  std::vector<std::string> names;
  for (const std::size_t size : sizes) {
    names.push_back("file-" + std::to_string(names.size() + 1) + ".bin");
    file(shelf_path / names.back(), file::open_to::write)
        .write(0, random_bytes(size * mebibyte, random));
  }

  const identity own;
  progress shown(stdout, names.size());
  demonstration d;
  d.serving.folder = shelf_path;
  d.serving.port = 0;
  d.serving.certificate = own.certificate;
  d.serving.key = own.key;
  d.serving.rate = 2 * mebibyte;
  d.serving.trouble = seed;
  d.interruption = std::chrono::milliseconds(1500);
  d.wanted = [&](std::uint16_t port) {
    job_list list(here);
    for (const std::string& name : names)
      list.add("https://localhost:" + std::to_string(port) + "/" + name);
    get_options o;
    o.jobs = list.jobs();
    o.at_once = names.size();
    o.patience = std::chrono::milliseconds(700);
    o.trusted = own.certificate;
    shown.say("https://localhost:" + std::to_string(port) +
              "/, which resets, stalls and cuts off on purpose");
    return o;
  };
  bool all_whole = false;
  d.report = [&](const tally& count) {
    shown.say(to_text(count));
    all_whole = count.failed == 0 && count.whole + count.there == names.size();
  };
  m.demonstrate(d, shown);
  for (const std::string& name : names)
    all_whole =
        all_whole && digest_of_file(here / name) == digest_of_file(shelf_path / name);
  shown.say(all_whole ? "every byte is as it was served"
                      : "something is missing or wrong");
  return all_whole ? 0 : failed_status;
}

}  // namespace

int run_command_line(int argc, char** argv, const model& m) {
  std::setlocale(LC_CTYPE, "");
  CLI::App app(std::string("Downloads by Nakh, ") + m.name +
               ": several at a time, to be continued when interrupted.");
  app.require_subcommand(1);
  app.footer(
      "Exit status: 0 all files are here, 1 some are not, 2 the command was wrong, 130 "
      "interrupted.");

  get_options wanted;
  std::vector<std::string> urls;
  std::string list;
  std::string folder = ".";
  std::string trusted;
  double patience = 20;
  wanted.seed = std::random_device()();
  CLI::App* const get_command = app.add_subcommand("get", "get files by HTTP or HTTPS");
  get_command->add_option("url", urls, "where they are");
  get_command->add_option("-i,--input", list, "a file with lines of URL [SHA-256]")
      ->check(CLI::ExistingFile);
  get_command->add_option("-d,--directory", folder, "where to put them")
      ->check(CLI::ExistingDirectory)
      ->capture_default_str();
  get_command->add_option("-j,--jobs", wanted.at_once, "how many at a time")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  get_command
      ->add_option("--timeout", patience,
                   "seconds to wait for a connection, and for each next piece")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  get_command
      ->add_option("--retries", wanted.retries,
                   "attempts after one that failed without bringing the file further")
      ->capture_default_str();
  get_command
      ->add_option("--ca", trusted,
                   "certificates to trust besides the system's, in PEM")
      ->check(CLI::ExistingFile);

  serve_options serving;
  std::string certificate;
  std::string key;
  double header_deadline = 10;
  double write_deadline = 30;
  CLI::App* const serve_command = app.add_subcommand("serve", "serve a folder's files");
  serve_command->add_option("folder", serving.folder, "whose files")
      ->required()
      ->check(CLI::ExistingDirectory);
  serve_command->add_option("--address", serving.host, "the IP address to listen at")
      ->capture_default_str();
  serve_command->add_option("--port", serving.port, "0: any that is free")
      ->capture_default_str();
  CLI::Option* const with_certificate =
      serve_command
          ->add_option("--certificate", certificate, "for TLS: the chain, in PEM")
          ->check(CLI::ExistingFile);
  CLI::Option* const with_key =
      serve_command->add_option("--key", key, "and its key")->check(CLI::ExistingFile);
  with_certificate->needs(with_key);
  with_key->needs(with_certificate);
  serve_command
      ->add_option("--header-deadline", header_deadline, "seconds for all of a request")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  serve_command
      ->add_option("--write-deadline", write_deadline,
                   "seconds for the peer to take 64 KiB")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  serve_command->add_option("--max-connections", serving.max_connections, "more wait")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  serve_command
      ->add_option("--rate", serving.rate, "bytes a second for each connection")
      ->check(CLI::PositiveNumber);
  serve_command->add_option(
      "--trouble", serving.trouble,
      "a seed: refuse, reset, cut off, stall and spoil a third of the answers");

  const CLI::App* const demo_command = app.add_subcommand(
      "demo", "serve, get, be interrupted and go on, all in this program");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : usage_status;
  }
  try {
    if (*demo_command) return demonstrate(m);
    if (*serve_command) {
      if (!certificate.empty()) serving.certificate = text_of(certificate);
      if (!key.empty()) serving.key = text_of(key);
      serving.header_deadline = in_milliseconds(header_deadline);
      serving.write_deadline = in_milliseconds(write_deadline);
      return serve(m, serving);
    }
    job_list jobs(folder);
    if (!list.empty()) jobs.add_list(list);
    for (const std::string& url : urls) jobs.add(url);
    if (jobs.jobs().empty())
      throw std::invalid_argument("say a URL, or a list with --input");
    wanted.jobs = jobs.jobs();
    wanted.patience = in_milliseconds(patience);
    if (!trusted.empty()) wanted.trusted = text_of(trusted);
    return get(m, wanted);
  } catch (const std::invalid_argument& e) {
    std::cerr << "downloads: " << e.what() << '\n';
    return usage_status;
  } catch (const std::exception& e) {
    std::cerr << "downloads: " << e.what() << '\n';
    return failed_status;
  }
}

}  // namespace downloads
