#!/usr/bin/env python3
"""The page of a directory of 10,000 files: time and memory, beside nginx's autoindex. See README.md."""

import argparse
import contextlib
import pathlib
import tempfile

import load
import many
import nginx
import packages
import report
import server

DIRECTORY = "listing/Packages"

CAVEATS = [
    "Loopback; the directory is in the kernel's caches. wrk runs on the same cores.",
    load.FINE_CPU,
    "The files are laid into the data directory itself, below a path that is no configured repository; pages are made alike for all.",
    "nginx's page has no icons and cuts long names where they are shown, so it is smaller; both are checked to name all files.",
    "Each case has new servers, so peak RSS is that of the case; nginx's is the sum of its processes, with what they share in each.",
    "Rounds alternate between the servers. Time is the median of each run's p50.",
]


class View:
    """A way to list the directory, and nginx's address of the same where it has one."""

    def __init__(self, query, nginx_path):
        self.query, self.nginx_path = query, nginx_path


VIEWS = {
    "html": View("", f"/{DIRECTORY}/"),
    # of the directory above, so that there is something to go into
    "recursive": View("?recursive=1", None),
}


def name_of(number):
    return f"{many.name_of(number)}-{many.VERSION}-1.x86_64.rpm"


def lay(data, count):
    directory = data / DIRECTORY
    directory.mkdir(parents=True)
    for number in range(count):
        (directory / name_of(number)).write_bytes(b"x" * 100)


def check(request, count):
    where = f"{request.path} of {request.server.label}"
    if request.answer.status != 200:
        raise SystemExit(f"{where} is answered {request.answer.status}")
    text = request.answer.body.decode()
    missing = [number for number in range(count) if name_of(number) not in text]
    if missing:
        raise SystemExit(f"{where} has {count - len(missing)} of {count} files")


def measure(view, clients, options):
    """The runs by server; None where RWS answers with a page nevertheless."""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=packages.CACHE)))
        lay(directory / "data", options.files)
        own = stack.enter_context(server.Server(directory, log=directory / "log"))
        idle = own.rss_bytes()
        above = DIRECTORY.rsplit("/", 1)[0] if view.nginx_path is None else DIRECTORY
        requests = [load.Request(own, f"/{above}/{view.query}")]
        if view.query and requests[0].answer.headers["Content-Type"].startswith("text/html"):
            return None
        if view.nginx_path:
            other = stack.enter_context(nginx.Nginx(directory / "nginx", own.data, options.workers))
            requests.append(load.Request(other, view.nginx_path))
        for request in requests:
            check(request, options.files)
        runs = load.alternated(requests, options.rounds, clients, options.seconds)
        return {
            "idle_rss_bytes": idle,
            "answer_bytes": {request.server.label: len(request.answer.body) for request in requests},
            "runs": {request.server.label: own for request, own in zip(requests, runs)},
            "ratios": load.ratios(*runs) if view.nginx_path else None,
            "complaints_in_the_log": own.complaints(),
        }


def rows(name, clients, raw):
    for label, runs in raw["runs"].items():
        yield [
            f"{name}, {clients} at once, {label}",
            f"{raw['answer_bytes'][label] / 1000:,.0f}",
            f"{1000 * load.median(runs, 'p50_seconds'):.1f}",
            f"{1000 * load.median(runs, 'p99_seconds'):.1f}",
            f"{load.median(runs, 'requests_per_second'):.1f}",
            f"{load.median(runs, 'cpu_microseconds_each') / 1000:.1f}",
            report.megabytes(raw["idle_rss_bytes"]) if label == server.Server.label else "",
            report.megabytes(max(run["peak_rss_bytes"] for run in runs)),
        ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16], help="how many ask at once (default 1 16)")
    parser.add_argument("--views", nargs="+", choices=list(VIEWS), default=list(VIEWS))
    parser.add_argument("--seconds", type=int, default=4, help="of each run (default 4)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2, help="of nginx (default 2)")
    options = parser.parse_args()
    server.leave_on_sigterm()
    load.need("wrk")

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats([*CAVEATS, f"nginx {nginx.version()}, {options.rounds} rounds of {options.seconds} s"], facts)
    results, table, skipped = {}, [], []
    for name in options.views:
        for clients in options.clients:
            raw = measure(VIEWS[name], clients, options)
            if raw is None:
                skipped.append(name)
                break
            results[f"{name}, {clients} at once"] = raw
            table += rows(name, clients, raw)

    report.print_table(
        f"A directory of {options.files:,} files",
        ["view, clients, server", "kB", "p50 ms", "p99 ms", "answers/s", "CPU ms each", "idle RSS MB", "peak RSS MB"],
        table,
    )
    for name in skipped:
        print(f"{name}: skipped: {VIEWS[name].query} is answered as HTML")
    for name, raw in results.items():
        for line in raw["complaints_in_the_log"]:
            print(f"{name}: the log complains: {line}")
    report.keep("listing", facts, {"files": options.files, "seconds": options.seconds, "nginx": nginx.version(), "views": results})


if __name__ == "__main__":
    main()
