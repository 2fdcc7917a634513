#!/usr/bin/env python3
"""Memory and speed of the program while a file of 2 GB is uploaded by curl, deb and rpm. See README.md."""

import argparse
import hashlib
import pathlib
import statistics
import tempfile
import time

import client
import packages
import report
from server import MemorySampler, Server

TARGET = {"deb": client.DebRepository("release/2.8/ubuntu/jammy"), "rpm": client.RpmRepository("release/2.8/el/9")}
IDLE_SECONDS = 3
AFTER_SECONDS = 5

CAVEATS = [
    report.LOCAL_STORE,
    "curl, on the same cores, reads the file from the page cache and sends it over loopback; what it takes the server lacks.",
    "The file is zeros: digests, which take most of the time, do not care; a disk that compresses would.",
    f"RSS is read every {MemorySampler.interval_seconds * 1000:.0f} ms, the peak is the kernel's own (VmHWM); the page cache of what was written is not in it.",
    "Idle is after one small upload and publish, so that code and the password are warm; each round has a fresh server.",
    "One thread's digests: the four digests of the same bytes one after the other in Python's hashlib (OpenSSL), nothing else.",
]


def warm(server, kind):
    """One small package, published, in another repository."""
    connection = client.Connection(server)
    repository = type(TARGET[kind])("live/2.8/" + ("ubuntu/jammy" if kind == "deb" else "el/9"))
    file = next(packages.debs(1) if kind == "deb" else packages.rpms(1))
    product = "bench" if kind == "deb" else None
    status, answer, _, _ = connection.put(repository.target + "?wait=30", client.form([file], product))
    if status != 201:
        raise SystemExit(f"the small upload was answered {status}: {answer.decode()}")


def one_round(kind, name, path):
    repository = TARGET[kind]
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory, Server(pathlib.Path(directory)) as server:
        warm(server, kind)
        time.sleep(1)
        with MemorySampler(server) as sampler:
            began = time.monotonic()
            time.sleep(IDLE_SECONDS)
            server.forget_peak()
            cpu = server.cpu_seconds()
            started = time.monotonic()
            answer, curl = client.curl_upload(server, repository, path)
            answered = time.monotonic()
            upload_cpu = server.cpu_seconds() - cpu
            peak = server.status_bytes("VmHWM")
            client.wait_for(client.Connection(server), repository, name)
            visible = time.monotonic()
            publish_cpu = server.cpu_seconds() - cpu - upload_cpu
            time.sleep(AFTER_SECONDS)
            ended = time.monotonic()
            peak_with_publish = server.status_bytes("VmHWM")
        idle = statistics.median(sampler.between(began, started))
        during = sampler.between(started, answered)
        after = sampler.between(ended - 1, ended)
        return {
            "status": curl["http_code"],
            "answer": answer,
            "size_bytes": path.stat().st_size,
            "sent_bytes": int(curl["size_upload"]),
            "upload_seconds": round(curl["time_total"], 3),
            "visible_after_answer_seconds": round(visible - answered, 4),
            "upload_cpu_seconds": round(upload_cpu, 2),
            "publish_cpu_seconds": round(publish_cpu, 2),
            "idle_rss_bytes": int(idle),
            "peak_rss_bytes": peak,
            "peak_rss_with_publish_bytes": peak_with_publish,
            "median_rss_bytes": int(statistics.median(during)),
            "after_rss_bytes": int(statistics.median(after)),
            # kB, one a second is enough to see a slope
            "rss_kilobytes_each_second": [rss // 1024 for rss in [sample[1] for sample in sampler.samples][::20]],
            "complaints_in_the_log": server.complaints(),
        }


def row(kind, numbers):
    mega = report.megabytes
    return [
        kind,
        numbers["status"],
        mega(numbers["idle_rss_bytes"]),
        mega(numbers["peak_rss_bytes"]),
        mega(numbers["peak_rss_bytes"] - numbers["idle_rss_bytes"]),
        mega(numbers["after_rss_bytes"]),
        f"{numbers['upload_seconds']:.1f}",
        f"{numbers['size_bytes'] / 1e6 / numbers['upload_seconds']:.0f}",
        f"{numbers['upload_cpu_seconds']:.1f}",
        f"{1000 * numbers['visible_after_answer_seconds']:.0f}",
    ]


def digests_alone(size_bytes):
    """Seconds for the four digests of as many bytes, in one thread: what no server with one thread can beat."""
    piece = bytes(1 << 20)
    # A quarter is enough.
    pieces = max(1, size_bytes // len(piece) // 4)
    start = time.monotonic()
    for digest in [hashlib.md5(), hashlib.sha1(), hashlib.sha256(), hashlib.sha512()]:
        for _ in range(pieces):
            digest.update(piece)
    return (time.monotonic() - start) * size_bytes / (pieces * len(piece))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=["deb", "rpm"], default=["deb", "rpm"])
    parser.add_argument("--size", type=int, default=2 * 1024**3, help="bytes of the one file in the package (default 2 GiB)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    results, rows = {"file_bytes": options.size}, []
    for kind in options.kinds:
        name, path = (packages.huge_deb if kind == "deb" else packages.huge_rpm)(options.size)
        results[kind] = [one_round(kind, name, path) for _ in range(options.rounds)]
        rows.extend(row(kind, numbers) for numbers in results[kind])
    alone = digests_alone(options.size)
    results["digests_alone_seconds"] = round(alone, 2)
    report.print_table(
        f"Upload of a package with one file of {options.size:,} bytes",
        ["kind", "answer", "idle MB", "peak MB", "more MB", "after MB", "seconds", "MB/s", "CPU s", "visible ms"],
        rows,
    )
    print(f"four digests of as many bytes alone, one thread: {alone:.1f} s, {options.size / 1e6 / alone:.0f} MB/s")
    for kind in options.kinds:
        for line in sorted({line for numbers in results[kind] for line in numbers["complaints_in_the_log"]}):
            print(f"{kind}: the log complains: {line}")
    report.keep("large-upload", facts, results)


if __name__ == "__main__":
    main()
