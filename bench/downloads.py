#!/usr/bin/env python3
"""Requests per second for files, beside nginx on the same directory. See README.md."""

import argparse
import contextlib
import pathlib
import random
import statistics
import tempfile

import client
import load
import many
import nginx
import packages
import report
import server

REPOSITORY = client.DebRepository("release/2.8/ubuntu/jammy")
# With so many the compressed index has a few KB.
SMALL_PACKAGES = 30
LARGE_BYTES = 1_000_000
RANGE = {"Range": "bytes=200000-265535"}

CAVEATS = [
    "Loopback; all files are in the page cache, so neither network nor disk is measured.",
    "wrk runs on the same cores and takes its share of them: a fast server is held up by it, so the ratios are nearer to 1 than with "
    "the client elsewhere. CPU per request is free of that.",
    load.FINE_CPU,
    "Both write a line for each request into a file, at once: RWS does so unless RUST_LOG says otherwise, so nginx has an access_log.",
    "nginx has sendfile, etag and kept connections; no open_file_cache (its default, as with one it serves what is no longer there), so it "
    "opens the file for each request, where RWS asks whether the one that it has open is still that of the name; and no tcp_nopush, which on "
    "loopback holds some answers up for 40 ms. RWS uses all cores.",
    "Both serve the same directory. RWS takes InRelease from the head of the repository, and nginx from its file.",
    "Before and after each run the answers are compared: status, bytes, Content-Range; and what wrk read must be as long as that.",
    "Rounds alternate between the servers. The ratio is the median of those of the rounds.",
    "Peak RSS of nginx is the sum of its processes, with what they share in each.",
]


def small_index(connection):
    return REPOSITORY.index_of(client.root_of(connection, REPOSITORY))[0]


def root(_):
    return REPOSITORY.root_path


def package(_):
    return "/" + many.place(REPOSITORY, pathlib.Path(LARGE_NAME))


class Workload:
    """A path, the status that it has, and what of nginx's speed is wanted. `validator` is sent with a server's own value."""

    def __init__(self, path, status=200, headers=None, validator=None, budget=None):
        self.path, self.status, self.headers, self.validator, self.budget = path, status, headers or {}, validator, budget

    def request(self, server, path):
        headers = dict(self.headers)
        if self.validator:
            sent, own = self.validator
            headers[sent] = load.Answer(server.address, path).headers[own]
        request = load.Request(server, path, headers)
        if request.answer.status != self.status:
            raise SystemExit(f"{path} of {server.label} is answered {request.answer.status}, not {self.status}")
        return request


BY_TAG, BY_TIME = ("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")
LARGE_NAME = packages.deb("bench-large")[0]
WORKLOADS = {
    "index": Workload(small_index, budget=0.8),
    "root": Workload(root, budget=0.8),
    "package": Workload(package, budget=0.5),
    "root-tag": Workload(root, 304, validator=BY_TAG, budget=0.8),
    "root-time": Workload(root, 304, validator=BY_TIME, budget=0.8),
    "package-tag": Workload(package, 304, validator=BY_TAG, budget=0.8),
    "package-time": Workload(package, 304, validator=BY_TIME, budget=0.8),
    "range": Workload(package, 206, headers=RANGE),
}


def upload(connection):
    padding = random.Random(0).randbytes(LARGE_BYTES)
    files = [*packages.debs(SMALL_PACKAGES), packages.deb("bench-large", padding=padding)]
    status, answer, _, _ = connection.put(f"{REPOSITORY.target}?wait=60", client.form(files, many.PRODUCT))
    if status != 201:
        raise SystemExit(f"the upload was answered {status}: {answer.decode()}")


def same(requests):
    first, *others = [request.answer for request in requests]
    for other in others:
        if (first.body, first.headers["Content-Range"]) != (other.body, other.headers["Content-Range"]):
            raise SystemExit(f"{requests[0].path}: the servers do not give the same bytes")


def measure(workload, options):
    """All servers are new, so that their memory is that of this workload."""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=packages.CACHE)))
        own = stack.enter_context(server.Server(directory, log=directory / "log"))
        connection = client.Connection(own)
        upload(connection)
        servers = [own]
        for workers in options.workers:
            servers.append(stack.enter_context(nginx.Nginx(directory / f"nginx-{workers}", own.data, workers)))
        path = workload.path(connection)
        requests = [workload.request(server, path) for server in servers]
        same(requests)
        runs = load.alternated(requests, options.rounds, options.connections, options.seconds)
        return {
            "path": path,
            "answer_bytes": requests[0].answer.sent_bytes,
            "budget": workload.budget,
            "runs": {server.label: own for server, own in zip(servers, runs)},
            "ratios": {server.label: load.ratios(runs[0], other) for server, other in zip(servers[1:], runs[1:])},
            "complaints_in_the_log": own.complaints(),
        }


def rows(name, raw):
    for label, runs in raw["runs"].items():
        middle = lambda field: load.median(runs, field)
        yield [
            f"{name}, {label}",
            f"{middle('requests_per_second'):,.0f}",
            report.megabytes(middle("bytes_per_second")),
            f"{1000 * middle('p50_seconds'):.2f}",
            f"{1000 * middle('p99_seconds'):.2f}",
            f"{middle('cpu_seconds'):.2f}",
            f"{middle('cpu_microseconds_each'):.0f}",
            f"{middle('wrk_cpu_seconds'):.2f}",
            report.megabytes(max(run["peak_rss_bytes"] for run in runs)),
            # any other answer ends the script
            0,
        ]


def verdicts(name, raw):
    budget = raw["budget"]
    for label, ratios in raw["ratios"].items():
        ratio = statistics.median(ratios)
        holds = ["-", "-"] if budget is None else [budget, "yes" if ratio >= budget else "no"]
        cpu = statistics.median(load.ratios(raw["runs"][label], raw["runs"][server.Server.label], "cpu_microseconds_each"))
        yield [f"{name}, rws to {label}", *(f"{value:.2f}" for value in (ratio, min(ratios), max(ratios))), *holds, f"{cpu:.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[2], help="of nginx; several numbers are several nginx (default 2)")
    parser.add_argument("--workload", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS))
    options = parser.parse_args()
    server.leave_on_sigterm()
    load.need("wrk")

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    run = f"nginx {nginx.version()}, wrk with {options.connections} connections, {options.rounds} rounds of {options.seconds} s."
    report.print_caveats([*CAVEATS, run], facts)
    results = {name: measure(WORKLOADS[name], options) for name in options.workload}

    report.print_table(
        "Median of the rounds (peak RSS: the most)",
        ["workload, server", "requests/s", "MB/s", "p50 ms", "p99 ms", "CPU s", "CPU µs each", "wrk CPU s", "peak RSS MB", "errors"],
        [row for name, raw in results.items() for row in rows(name, raw)],
    )
    report.print_table(
        "Requests per second against nginx, and requests per CPU second",
        ["workload", "ratio", "least", "most", "budget", "holds", "by CPU"],
        [row for name, raw in results.items() for row in verdicts(name, raw)],
    )
    for name, raw in results.items():
        for line in raw["complaints_in_the_log"]:
            print(f"{name}: the log complains: {line}")
    numbers = {"connections": options.connections, "seconds": options.seconds, "nginx": nginx.version(), "workloads": results}
    report.keep("downloads", facts, numbers)


if __name__ == "__main__":
    main()
