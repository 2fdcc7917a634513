-- The numbers of a run as a line of JSON after wrk's own report, which is rounded. Without a hook for requests or
-- answers wrk is as fast as without a script.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %.0f, "seconds": %.6f, "bytes": %.0f, "p50_seconds": %.6f, "p99_seconds": %.6f, '
      .. '"failed_answers": %.0f, "timeouts": %.0f, "socket_errors": %.0f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.status, errors.timeout, errors.connect + errors.read + errors.write
  ))
end
