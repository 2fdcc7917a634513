#!/usr/bin/env python3
"""The pages of a repository of 60,000 packages: time, requests per second and memory, first and again. See README.md."""

import argparse
import contextlib
import pathlib
import tempfile
import time

import client
import counters
import gateway
import load
import many
import packages
import report
import rivals
import server
from server import Installation, Server

REPOSITORY = {"deb": client.DebRepository("release/2.8/ubuntu/noble"), "rpm": client.RpmRepository("release/2.8/el/9")}
# what browsers send
HEADERS = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SETTLE_SECONDS = 120

CAVEATS = [
    "Loopback; the store is a local directory in the kernel's caches. wrk runs on the same cores.",
    load.FINE_CPU,
    "First: the first request for the page after a start of the program, which reads manifests and, for the list of packages, indexes. "
    "Each is measured on a program of its own, and peak RSS is that of the program until then; idle RSS that before the request.",
    "Again: the same page over and over, as wrk asks; it is kept in memory until its repository changes. The first package page of another name reads a block of the index, see `other package`.",
    "The packages are made from one pattern, see publish.py; all have the same summary.",
]


def pages(kind, count):
    """Paths by names."""
    target = REPOSITORY[kind].target.strip("/")
    name = many.name_of(count // 2)
    return {
        "root": "/",
        "target": f"/-/browse/{target}",
        "package": f"/-/browse/{target}/{name}",
        "search": f"/-/browse/search?q={name[-4:]}",
        "directory": f"/{many.place(REPOSITORY[kind], pathlib.PurePath('x')).rsplit('/', 1)[0]}",
    }


def asked(own, path):
    """One request: its answer, how long it took, and what it cost."""
    with counters.Meter(own.pids()) as meter:
        start = time.monotonic()
        answer = load.Answer(own.address, path, HEADERS)
        seconds = time.monotonic() - start
    if answer.status != 200 or not answer.headers["Content-Type"].startswith("text/html"):
        raise SystemExit(f"{path} is answered {answer.status}, {answer.headers['Content-Type']}")
    return {"seconds": round(seconds, 4), "cpu_seconds": round(meter.cpu_seconds, 4), "bytes": len(answer.body)}


def first(directory, installation, path):
    """The first request for a page after a start."""
    with Server(directory, installation, log=directory / "log") as own:
        idle = own.rss_bytes()
        own.forget_peak()
        numbers = asked(own, path)
        return {**numbers, "idle_rss_bytes": idle, "peak_rss_bytes": own.status_bytes("VmHWM"), "rss_after_bytes": own.rss_bytes()}


def settle(own, path):
    """Asks until nothing is missing on the page: a program that has just started reads lists of packages behind its answers."""
    end, before = time.monotonic() + SETTLE_SECONDS, None
    while True:
        now = load.Answer(own.address, path, HEADERS).body
        if now == before and b"still being read" not in now:
            return
        if time.monotonic() > end:
            raise SystemExit(f"{path} is not complete after {SETTLE_SECONDS} s")
        before = now


def again(own, path, options):
    settle(own, path)
    request = load.Request(own, path, HEADERS)
    return {clients: load.alternated([request], options.rounds, clients, options.seconds)[0] for clients in options.clients}


def others(own, kind, options):
    """Pages of packages that nobody has asked for yet."""
    target = REPOSITORY[kind].target.strip("/")
    step = max(1, options.packages // (options.others + 1))
    return [asked(own, f"/-/browse/{target}/{many.name_of(step * number)}") for number in range(1, options.others + 1)]


def measure(kind, options, key):
    paths = many.files(kind, range(options.packages))
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=packages.CACHE)))
        data = directory / "data"
        rivals.link(paths, (data / many.place(REPOSITORY[kind], paths[0])).parent)
        installation = Installation({"RWS_DATA_DIR": str(data)}, key)
        environment = {**server.environment_without_own(), **installation.environment}
        sync = counters.watched([str(server.binary()), "sync", REPOSITORY[kind].target.strip("/")], directory, environment)
        found = {name: path for name, path in pages(kind, options.packages).items() if name in options.pages}
        firsts = {name: first(directory, installation, path) for name, path in found.items()}
        own = stack.enter_context(Server(directory, installation, log=directory / "log"))
        warm = {name: again(own, path, options) for name, path in found.items()}
        other = others(own, kind, options)
        return {"sync": sync, "first": firsts, "again": warm, "other_packages": other, "rss_after_bytes": own.rss_bytes(), "complaints_in_the_log": own.complaints()}


def first_rows(kind, raw):
    for name, one in raw["first"].items():
        yield [
            f"{kind}, {name}",
            f"{one['bytes'] / 1000:,.0f}",
            f"{1000 * one['seconds']:,.0f}",
            f"{1000 * one['cpu_seconds']:,.0f}",
            report.megabytes(one["idle_rss_bytes"]),
            report.megabytes(one["peak_rss_bytes"]),
            report.megabytes(one["rss_after_bytes"]),
        ]
    of = lambda field: [one[field] for one in raw["other_packages"]]
    yield [f"{kind}, other package", f"{max(of('bytes')) / 1000:,.0f}", counters.middle(of("seconds"), 1000), counters.middle(of("cpu_seconds"), 1000), "", "", report.megabytes(raw["rss_after_bytes"])]


def again_rows(kind, raw):
    for name, by_clients in raw["again"].items():
        for clients, runs in by_clients.items():
            yield [
                f"{kind}, {name}, {clients} at once",
                f"{1000 * load.median(runs, 'p50_seconds'):.1f}",
                f"{1000 * load.median(runs, 'p99_seconds'):.1f}",
                f"{load.median(runs, 'requests_per_second'):,.0f}",
                f"{load.median(runs, 'cpu_microseconds_each') / 1000:.2f}",
                report.megabytes(max(run["peak_rss_bytes"] for run in runs)),
            ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=["deb", "rpm"], default=["deb", "rpm"])
    parser.add_argument("--pages", nargs="+", choices=list(pages("deb", 0)), default=list(pages("deb", 0)))
    parser.add_argument("--packages", type=int, default=60_000)
    parser.add_argument("--others", type=int, default=20, help="package pages that nobody has asked for (default 20)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16], help="how many ask at once (default 1 16)")
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep-as", default="pages", help="the name of the results file behind the date")
    options = parser.parse_args()
    server.leave_on_sigterm()
    load.need("wrk")

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    key = gateway.signing_key()
    results = {kind: measure(kind, options, key) for kind in options.kinds}
    first_table = [row for kind, raw in results.items() for row in first_rows(kind, raw)]
    again_table = [row for kind, raw in results.items() for row in again_rows(kind, raw)]
    report.print_table(f"First request, {options.packages:,} packages", ["page", "kB", "ms", "CPU ms", "idle RSS MB", "peak RSS MB", "RSS after MB"], first_table)
    report.print_table("Again", ["page, clients", "p50 ms", "p99 ms", "requests/s", "CPU ms each", "peak RSS MB"], again_table)
    for kind, raw in results.items():
        for line in raw["complaints_in_the_log"]:
            print(f"{kind}: the log complains: {line}")
    report.keep(options.keep_as, facts, {"packages": options.packages, "seconds": options.seconds, "rounds": options.rounds, **results})


if __name__ == "__main__":
    main()
