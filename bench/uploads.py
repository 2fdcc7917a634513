#!/usr/bin/env python3
"""A hundred uploads of 20 MB at once: how fast, in how much memory, and that none is lost. See README.md."""

import argparse
import collections
import contextlib
import hashlib
import os
import pathlib
import random
import re
import shutil
import statistics
import sys
import tempfile
import time

import client
import counters
import packages
import report
from large_upload import digests_alone, warm
from server import MemorySampler, Server, leave_on_sigterm

REPOSITORY = client.DebRepository("release/2.8/ubuntu/jammy")
IDLE_SECONDS = 3
HEAD = ["round", "answers", "of the server", "retries", "lost", "seconds", "in index s", "MB/s", "CPU s", "curl CPU s"]

CAVEATS = [
    report.LOCAL_STORE,
    "Each file is sent by a curl of its own, `--fail --retry 5 --retry-delay 1 --retry-all-errors`; all start at once, on the same cores, "
    "and read the files from the page cache.",
    "More uploads than RWS takes at once are answered 503 with Retry-After, which curl keeps; the time of that is in the throughput.",
    "A package is a stored .deb with random bytes, all different. MB/s is of packages that were answered 201, from the start of the first "
    "curl to the end of the last.",
    "In the index: when a client that asks after the last answer has read an index with all of them; after that each is compared with it, "
    "and downloaded and compared again.",
    f"RSS is read every {MemorySampler.interval_seconds * 1000:.0f} ms, the peak is the kernel's own (VmHWM). Idle is after one small "
    "upload and publish.",
    "The disk alone: the same files copied one after the other, each flushed. Digests alone: the four of RWS, in one thread.",
]


class Package:
    """A file to upload, and what a client must get back."""

    def __init__(self, directory, number, size_bytes):
        self.name = packages.package_name(number)
        padding = random.Random(number).randbytes(size_bytes)
        file_name, content = packages.deb(self.name, padding=padding, data=packages.STORED)
        self.path = directory / file_name
        self.path.write_bytes(content)
        self.size_bytes, self.digest = len(content), hashlib.sha256(content).hexdigest()


def disk_alone(files, directory):
    """Bytes per second of plain copies that are flushed."""
    start = time.monotonic()
    for file in files:
        with open(file.path, "rb") as source, open(directory / "copy", "wb") as copy:
            shutil.copyfileobj(source, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
        (directory / "copy").unlink()
    return sum(file.size_bytes for file in files) / (time.monotonic() - start)


def sent(server, files, at_once):
    """The uploads in the order of their ends, each with its file and when it ended."""
    waiting, running, over = list(files), [], []
    with contextlib.ExitStack() as stack:
        while waiting or running:
            while waiting and len(running) < at_once:
                upload = stack.enter_context(client.PatientUpload(server, REPOSITORY, waiting[0].path))
                upload.file = waiting.pop(0)
                running.append(upload)
            time.sleep(0.02)
            for upload in [upload for upload in running if upload.is_over()]:
                upload.ended = time.monotonic()
                running.remove(upload)
                over.append(upload)
    return over


def stanzas(connection):
    """File name, size and digest by package, from the index that the root names."""
    path, name, _ = REPOSITORY.index_of(client.root_of(connection, REPOSITORY))
    found = {}
    for stanza in client.opened(name, connection.get(path)[1]).decode().strip().split("\n\n"):
        fields = dict(re.findall(r"^(\S+): (.*)$", stanza, re.MULTILINE))
        found[fields["Package"]] = fields["Filename"], int(fields["Size"]), fields["SHA256"]
    return found


def lost(connection, files):
    """What of the files is not in the index, or other than it was sent there or behind its path."""
    published = stanzas(connection)
    base = REPOSITORY.suite.split("/dists/")[0]
    for file in files:
        if file.name not in published:
            yield f"{file.name} is not in the index"
            continue
        path, size_bytes, digest = published[file.name]
        if (size_bytes, digest) != (file.size_bytes, file.digest):
            yield f"{file.name} has another digest or size in the index"
        status, content = connection.get(f"{base}/{path}")
        if status != 200 or hashlib.sha256(content).hexdigest() != file.digest:
            yield f"{path} is not what was uploaded: status {status}, {len(content)} bytes"


def statuses(server):
    """Of all PUTs that reached the server, as its log has them."""
    found = (re.search(r"method=PUT .*status=(\d+)", line) for line in server.log(r"method=PUT"))
    return collections.Counter(match.group(1) for match in found if match)


def one_round(files, at_once):
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
        directory = pathlib.Path(directory)
        with Server(directory, log=directory / "log") as server:
            warm(server, "deb")
            before = statuses(server)
            with MemorySampler(server) as sampler:
                began = time.monotonic()
                time.sleep(IDLE_SECONDS)
                client_cpu = counters.children_cpu_seconds()
                started = time.monotonic()
                with counters.Meter(server.pids()) as upload:
                    uploads = sent(server, files, at_once)
                answered = time.monotonic()
                client_cpu = counters.children_cpu_seconds() - client_cpu
                taken = [upload.file for upload in uploads if upload.status == 201]
                connection = client.Connection(server)
                with counters.Meter(server.pids()) as publish:
                    client.wait_for_all(connection, REPOSITORY, {file.name for file in taken})
                visible = time.monotonic()
            missing = list(lost(connection, taken))
            size_bytes = sum(file.size_bytes for file in taken)
            return {
                "answers": dict(collections.Counter(str(upload.status) for upload in uploads)),
                "statuses_of_the_server": dict(statuses(server) - before),
                "retries": sum(upload.retries for upload in uploads),
                "most_retries_of_one": max(upload.retries for upload in uploads),
                "given_up": [f"{upload.file.name}: {upload.said}" for upload in uploads if upload.status != 201],
                "lost": missing,
                "taken_bytes": size_bytes,
                "each_ended_after_seconds": [round(upload.ended - started, 1) for upload in uploads],
                "upload_seconds": round(answered - started, 3),
                "visible_seconds": round(visible - started, 3),
                "bytes_per_second": round(size_bytes / (answered - started)),
                "upload_cpu_seconds": round(upload.cpu_seconds, 2),
                "publish_cpu_seconds": round(publish.cpu_seconds, 2),
                "client_cpu_seconds": round(client_cpu, 2),
                "idle_rss_bytes": int(statistics.median(sampler.between(began, started))),
                "peak_rss_bytes": max(upload.peak_rss_bytes, publish.peak_rss_bytes),
                "median_rss_bytes": int(statistics.median(sampler.between(started, answered))),
                "complaints_in_the_log": server.complaints(),
            }


def counted(counts):
    return ", ".join(f"{count} × {status}" for status, count in sorted(counts.items()))


def row(number, raw):
    return [
        number,
        counted(raw["answers"]),
        counted(raw["statuses_of_the_server"]),
        raw["retries"],
        len(raw["lost"]),
        f"{raw['upload_seconds']:.1f}",
        f"{raw['visible_seconds']:.1f}",
        report.megabytes(raw["bytes_per_second"]),
        f"{raw['upload_cpu_seconds'] + raw['publish_cpu_seconds']:.1f}",
        f"{raw['client_cpu_seconds']:.1f}",
        *(report.megabytes(raw[f"{which}_rss_bytes"]) for which in ("idle", "median", "peak")),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--size", type=int, default=20_000_000, help="bytes of random payload in each (default 20,000,000)")
    parser.add_argument("--at-once", type=int, help="clients that run at the same time (default: as many as files)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    leave_on_sigterm()

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
        directory = pathlib.Path(directory)
        files = [Package(directory, number, options.size) for number in range(options.files)]
        disk = disk_alone(files, directory)
        rounds = [one_round(files, options.at_once or options.files) for _ in range(options.rounds)]
    size_bytes = sum(file.size_bytes for file in files)
    digests = size_bytes / digests_alone(size_bytes)

    report.print_table(
        f"{options.files} uploads of {options.size / 1e6:.0f} MB, {options.at_once or options.files} at once",
        [*HEAD, "idle MB", "median MB", "peak MB"],
        [row(number, raw) for number, raw in enumerate(rounds, 1)],
    )
    print(f"the disk alone {report.megabytes(disk)} MB/s; four digests alone, one thread {report.megabytes(digests)} MB/s")
    wrong = sorted({line for raw in rounds for line in raw["lost"] + raw["given_up"]})
    for line in sorted({line for raw in rounds for line in raw["complaints_in_the_log"]}):
        print(f"the log complains: {line}")
    alone = {"disk_alone_bytes_per_second": round(disk), "digests_alone_bytes_per_second": round(digests)}
    report.keep("uploads", facts, {**alone, "rounds": rounds})
    if wrong:
        sys.exit("LOST OR GIVEN UP:\n" + "\n".join(wrong))


if __name__ == "__main__":
    main()
