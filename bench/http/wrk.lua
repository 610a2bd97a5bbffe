-- SPDX-License-Identifier: BSL-1.0
-- One line for bench/http/run: requests, seconds, 50th and 99th percentile of the times in microseconds, and what went wrong.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("%d %.6f %d %d %d\n", summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
