#!/usr/bin/env python3
"""What a server over a thousand repositories costs when nothing happens, and how soon it is ready. See README.md."""

import argparse
import contextlib
import json
import pathlib
import re
import tempfile
import time

import client
import gateway as ceph
import packages
import report
from counters import cpu_clock
from server import REPOSITORY, Installation, Server, leave_on_sigterm

REPOSITORIES = [{"match": "live/*/fedora", "create_empty": True}, {"match": "live/*/debian", "create_empty": True}]
FIRST = client.RpmRepository("live/2.8/fedora/40")
QUIET_SECONDS = 60
CREATION_SECONDS = 1200

CAVEATS = [
    "The repositories are empty. That changes nothing of what a server without requests does.",
    "Requests are those that the program counts itself (rws_store_requests_total), from the end of the work after the start on.",
    "Ready: from the start of the process until /-/ready answers 200, with the check of the store.",
]


def status(server):
    answered, content = client.Connection(server).get("/-/status")
    return json.loads(content) if answered == 200 else {}


def repositories(server):
    _, content = client.Connection(server).get("/-/repositories")
    return len(json.loads(content)["repositories"])


def requests(server):
    """Requests to the store since the start, by operation."""
    _, content = client.Connection(server).get("/-/metrics")
    found = re.findall(rb'^rws_store_requests_total\{[^}]*operation="([^"]+)"[^}]*\} (\d+)', content, re.MULTILINE)
    counts = {}
    for operation, count in found:
        counts[operation.decode()] = counts.get(operation.decode(), 0) + int(count)
    return counts


def settle(server, wanted=None):
    """Waits until nothing is left to be done after a start."""
    end = time.monotonic() + CREATION_SECONDS
    while time.monotonic() < end:
        now = status(server)
        is_done = not now.get("pending") and now.get("unchecked") in (0, []) and (wanted is None or repositories(server) >= wanted)
        if is_done:
            return
        time.sleep(1)
    raise SystemExit("the server does not settle")


def start(work, installation):
    before = time.monotonic()
    server = Server(work, installation)
    return server, time.monotonic() - before


def measure(work, installation, options):
    with start(work, installation)[0] as server:
        settle(server, options.repositories)
    server, ready_seconds = start(work, installation)
    with server:
        before = time.monotonic()
        name, content = next(packages.rpms(1))
        (work / name).write_bytes(content)
        client.curl_upload(server, FIRST, work / name)
        settle(server)
        settled_seconds = time.monotonic() - before
        time.sleep(QUIET_SECONDS)
        clock, sent, before = cpu_clock(server.pid), requests(server), time.monotonic()
        cpu = time.clock_gettime(clock)
        time.sleep(60 * options.minutes)
        minutes = (time.monotonic() - before) / 60
        after = requests(server)
        return {
            "repositories": repositories(server),
            "ready_seconds": round(ready_seconds, 3),
            "settled_seconds": round(settled_seconds, 1),
            "minutes": round(minutes, 2),
            "cpu_seconds_per_minute": round((time.clock_gettime(clock) - cpu) / minutes, 4),
            "requests_per_minute": {name: round((count - sent.get(name, 0)) / minutes, 1) for name, count in sorted(after.items())},
            "rss_bytes": server.rss_bytes(),
        }


def row(name, raw):
    by_operation = raw["requests_per_minute"]
    return [
        f"{name}, {raw['repositories']:,} repositories",
        f"{raw['ready_seconds']:.2f}",
        f"{raw['settled_seconds']:.1f}",
        f"{1000 * raw['cpu_seconds_per_minute']:.0f}",
        f"{sum(by_operation.values()):.0f}" if by_operation else "",
        ", ".join(f"{operation} {count:.0f}" for operation, count in by_operation.items() if count),
        report.megabytes(raw["rss_bytes"]),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", nargs="+", choices=["directory", "bucket"], default=["directory", "bucket"])
    parser.add_argument("--repositories", type=int, default=1000, help="wait until there are so many (default 1,000)")
    parser.add_argument("--minutes", type=float, default=10)
    options = parser.parse_args()
    leave_on_sigterm()
    if "bucket" in options.stores:
        ceph.need_boto3()
    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    key, results = ceph.signing_key(), {}
    for store in options.stores:
        with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory, contextlib.ExitStack() as stack:
            work = pathlib.Path(directory)
            configuration = json.loads((REPOSITORY / "config.default").read_text())
            configuration["repositories"] = REPOSITORIES
            (work / "config.json").write_text(json.dumps(configuration))
            if store == "bucket":
                gateway = ceph.Gateway()
                installation = ceph.Installation(gateway, stack.enter_context(gateway.bucket()), key)
            else:
                installation = Installation({"RWS_DATA_DIR": str(work / "data")}, key)
            installation.environment["RWS_CFG"] = str(work / "config.json")
            results[store] = measure(work, installation, options)
    headings = ["store", "ready s", "settled s", "CPU ms a minute", "requests a minute", "by operation", "RSS MB"]
    report.print_table("Idle", headings, [row(store, raw) for store, raw in results.items()])
    report.keep("idle", facts, results)


if __name__ == "__main__":
    main()
