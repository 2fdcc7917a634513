#!/usr/bin/env python3
"""How many uploads a second 8 clients get rid of, into 1 and into 50 repositories, with downloads beside them. See README.md."""

import argparse
import contextlib
import itertools
import pathlib
import statistics
import tempfile
import threading
import time

import client
import gateway as ceph
import packages
import report
from server import Server, leave_on_sigterm
from watch import Watch

CODENAMES = ["focal", "jammy", "noble", "bionic", "xenial"]
SERIES = ["1.10", "2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9"]
RPM_VERSIONS = ["6", "7", "8", "9", "10"]
DOWNLOADED = "release/2.9/ubuntu/noble"
DOWNLOADED_BYTES = 1_000_000
DOWNLOADERS = 2
POLL_SECONDS = 0.02
AFTERWARDS_SECONDS = 120

CAVEATS = [
    "Each client sends its next package when the last one was answered. Visible: from the answer until the package is in an index that was read as apt or "
    "dnf reads it; one thread reads all roots in turn, so it is late by one turn at most (with 50 repositories a few tenths of a second).",
    "A repository is published at most once a second, whatever comes.",
]


def repositories(kind: str, count: int) -> list:
    make = client.DebRepository if kind == "deb" else client.RpmRepository
    distribution, versions = ("ubuntu", CODENAMES) if kind == "deb" else ("el", RPM_VERSIONS)
    targets = [f"live/{series}/{distribution}/{version}" for series, version in itertools.product(SERIES, versions)]
    return [make(target) for target in targets[:count]]


class Index(Watch):
    """When each package was first seen in an index, by repository and name."""

    interval_seconds = POLL_SECONDS

    def __init__(self, server, wanted):
        super().__init__()
        self.connection, self.repositories = client.Connection(server), wanted
        self.roots, self.seen = {}, {}

    def look(self):
        for repository in self.repositories:
            root = client.root_of(self.connection, repository)
            if root is None or root == self.roots.get(repository.target):
                continue
            place = repository.index_of(root)
            status, content = self.connection.get(place[0]) if place else (0, b"")
            now = time.monotonic()
            if status != 200:
                raise SystemExit(f"{repository.root_path} names {place and place[0]}, which is answered {status}")
            self.roots[repository.target] = root
            for name in repository.names(client.opened(place[1], content)):
                self.seen.setdefault((repository.target, name), now)


class Load:
    """The clients of one run."""

    def __init__(self, server, wanted, files, seconds):
        self.server, self.repositories = server, wanted
        self.files, self.until = iter(files), time.monotonic() + seconds
        self.lock, self.turns = threading.Lock(), itertools.count()
        self.answers, self.answered_at, self.refused, self.downloaded = [], {}, [], []

    def upload(self):
        connection = client.Connection(self.server)
        while time.monotonic() < self.until:
            with self.lock:
                repository, file = self.repositories[next(self.turns) % len(self.repositories)], next(self.files, None)
            if file is None:
                return
            name, content = file
            product = "bench" if repository.kind == "deb" else None
            status, answer, seconds, at = connection.put(repository.target, client.form([(name, content)], product))
            with self.lock:
                if status == 201:
                    self.answers.append(seconds)
                    self.answered_at[(repository.target, packaged(name))] = at
                else:
                    self.refused.append((status, answer[:100]))

    def download(self, path):
        connection = client.Connection(self.server)
        while time.monotonic() < self.until:
            start = time.monotonic()
            status, content = connection.get(path)
            if status != 200 or len(content) < DOWNLOADED_BYTES:
                raise SystemExit(f"{path} is answered {status} with {len(content)} bytes")
            self.downloaded.append(time.monotonic() - start)


def packaged(file_name: str) -> str:
    return file_name.split("_")[0] if file_name.endswith(".deb") else file_name.rsplit("-1.4.2", 1)[0]


def run(server, kind, count, options, files) -> dict:
    wanted = repositories(kind, count)
    path = f"/{DOWNLOADED.rsplit('/', 1)[0]}/pool/noble/main/b/bench/{options.large[0]}"
    load = Load(server, wanted, files, options.seconds)
    work = [threading.Thread(target=load.upload) for _ in range(options.clients)]
    work += [threading.Thread(target=load.download, args=(path,)) for _ in range(DOWNLOADERS)]
    began, cpu = time.monotonic(), server.cpu_seconds()
    with Index(server, wanted) as index:
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        seconds = time.monotonic() - began
        end = time.monotonic() + AFTERWARDS_SECONDS
        while (missing := load.answered_at.keys() - index.seen.keys()) and time.monotonic() < end:
            time.sleep(0.1)
    if missing:
        raise SystemExit(f"{len(missing)} packages that were answered 201 are in no index, {sorted(missing)[:3]} among them")
    return {
        "kind": kind,
        "repositories": count,
        "uploads": len(load.answers),
        "upload_seconds": max(load.answered_at.values()) - began,
        "seconds": seconds,
        "refused": [str(one) for one in load.refused],
        "answer_seconds": sorted(load.answers),
        "visible_seconds": sorted(max(0.0, index.seen[key] - at) for key, at in load.answered_at.items()),
        "downloads": len(load.downloaded),
        "download_seconds": sorted(load.downloaded),
        "cpu_seconds": server.cpu_seconds() - cpu,
        "rss_bytes": server.rss_bytes(),
    }


def row(store, numbers) -> list:
    at = lambda values, part: f"{1000 * values[min(len(values) - 1, int(len(values) * part))]:.0f}" if values else "-"
    uploads = numbers["uploads"]
    return [
        f"{store}, {numbers['kind']}",
        numbers["repositories"],
        f"{uploads / numbers['upload_seconds']:.0f}",
        at(numbers["answer_seconds"], 0.5),
        at(numbers["answer_seconds"], 0.99),
        at(numbers["visible_seconds"], 0.5),
        at(numbers["visible_seconds"], 0.99),
        f"{numbers['downloads'] * DOWNLOADED_BYTES / 1e6 / numbers['seconds']:.0f}",
        at(numbers["download_seconds"], 0.99),
        f"{1000 * numbers['cpu_seconds'] / max(1, uploads):.1f}",
        f"{numbers['rss_bytes'] / 2**20:.0f}",
        len(numbers["refused"]),
    ]


HEAD = ["store, format", "repositories", "uploads/s", "answer p50 ms", "p99", "visible p50 ms", "p99", "downloads MB/s", "p99 ms", "CPU ms each", "RSS MiB", "refused"]


@contextlib.contextmanager
def servers(store):
    """The program on an empty directory or bucket."""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=packages.CACHE)))
        installation = None
        if store == "Ceph":
            gateway = ceph.Gateway()
            installation = ceph.Installation(gateway, stack.enter_context(gateway.bucket()), ceph.signing_key())
        yield stack.enter_context(Server(directory, installation, log=directory / "log"))


def measure(store, options) -> list[dict]:
    measured = []
    for kind, count in itertools.product(("deb", "rpm"), (1, 50)):
        with servers(store) as server:
            target = client.DebRepository(DOWNLOADED)
            status, answer, *_ = client.Connection(server).put(target.target + "?wait=30", client.form([options.large], "bench"))
            if status != 201:
                raise SystemExit(f"the package to download is answered {status}: {answer}")
            files = packages.debs(options.packages) if kind == "deb" else packages.rpms(options.packages)
            measured.append({"store": store, **run(server, kind, count, options, list(files))})
            measured[-1]["complaints"] = server.complaints()[:20]
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stores", nargs="+", choices=["directory", "Ceph"], default=["directory", "Ceph"])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20, help="for which clients upload (default 20)")
    parser.add_argument("--packages", type=int, default=4000, help="no more are uploaded in one run (default 4000)")
    options = parser.parse_args()
    leave_on_sigterm()
    if "Ceph" in options.stores:
        ceph.need_boto3()
    packages.CACHE.mkdir(parents=True, exist_ok=True)
    options.large = packages.deb("bench-large", padding=bytes(DOWNLOADED_BYTES), data=packages.STORED)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    measured = [numbers for store in options.stores for numbers in measure(store, options)]
    title = f"{options.clients} clients that upload small packages, {DOWNLOADERS} that download {DOWNLOADED_BYTES / 1e6:.0f} MB again and again"
    report.print_table(title, HEAD, [row(numbers["store"], numbers) for numbers in measured])
    for line in sorted({line for numbers in measured for line in numbers["complaints"]})[:10]:
        print(f"the log complains: {line}")
    for numbers in measured:
        for field in ("answer_seconds", "visible_seconds", "download_seconds"):
            values = numbers.pop(field)
            numbers[field.replace("_seconds", "_median_seconds")] = round(statistics.median(values), 4) if values else None
    report.keep("held", facts, {"runs": measured})


if __name__ == "__main__":
    main()
