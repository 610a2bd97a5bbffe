// SPDX-License-Identifier: BSL-1.0
#include "tally.hpp"

#include "file.hpp"
#include "progress.hpp"

#include <nakh/error.hpp>
#include <nakh/tls.hpp>

#include <array>
#include <cstdio>
#include <stdexcept>
#include <system_error>

namespace downloads {

std::string to_text(const tally& t) {
  std::string text =
      std::to_string(t.whole) + " of " + std::to_string(t.files) + " files came";
  if (t.there > 0) text += ", " + std::to_string(t.there) + " were here";
  if (t.failed > 0) text += ", " + std::to_string(t.failed) + " failed";
  if (t.parts > 0) {
    text += "; parts of " + std::to_string(t.parts) + " are kept (" +
            in_bytes(static_cast<double>(t.part_bytes)) +
            "): the same command goes on from there";
  }
  return text;
}

std::string to_text(const failure& why, std::chrono::milliseconds wait) {
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(),
                "again in %.1f s: ", std::chrono::duration<double>(wait).count());
  return seconds.data() + std::string(why.what());
}

part_on_leaving::~part_on_leaving() {
  if (is_whole_) return;
  if (file_.size() == 0) {
    file_.discard();
  } else {
    ++count_.parts;
    count_.part_bytes += file_.size();
  }
}

failure failure_in_flight() {
  using advice = failure::advice;
  try {
    throw;
  } catch (const failure& f) {
    return f;
  } catch (const nakh::timeout_error&) {
    return {"nothing came for too long", advice::try_again};
  } catch (const file_error& e) {
    return {e.what(), advice::give_up};
  } catch (const std::system_error& e) {
    // A certificate does not get better by asking again; a connection does.
    const bool distrust = e.code() == nakh::tls::errc::untrusted_certificate ||
                          e.code() == nakh::tls::errc::expired_certificate ||
                          e.code() == nakh::tls::errc::wrong_host;
    return {e.what(), distrust ? advice::give_up : advice::try_again};
  } catch (const std::runtime_error& e) {
    return {e.what(), advice::give_up};
  }
}

}  // namespace downloads
