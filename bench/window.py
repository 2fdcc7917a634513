#!/usr/bin/env python3
"""For how long repomd.xml and repomd.xml.asc of different publishes stand side by side in the store itself. See README.md.

Readers through RWS never see that; this is for those who read the directory or the bucket. In a directory the window is
the difference of the two renames (ctime); on the gateway that of the two answers in its access log.
"""

import argparse
import datetime
import pathlib
import re
import statistics
import tempfile

import client
import gateway as ceph
import many
import packages
from server import Server

TARGET = "live/1.10/el/9"
ROOT = f"{TARGET}/x86_64/repodata/repomd.xml"


def publish(server, path):
    connection = client.Connection(server)
    answer, body = connection.put(f"/{TARGET}?wait=60", client.form([(path.name, path.read_bytes())]))[:2]
    if answer != 201:
        raise SystemExit(f"status {answer}: {body}")


def in_directory(paths):
    windows = []
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory, Server(pathlib.Path(directory)) as server:
        for path in paths:
            publish(server, path)
            root = server.data / ROOT
            windows.append((root.with_name("repomd.xml.asc").stat().st_ctime_ns - root.stat().st_ctime_ns) / 1e6)
    return windows


def on_gateway(paths):
    line = re.compile(r'^(\S+) .* beast: .*"PUT /\S*/repodata/repomd\.xml(\.asc)?\?\S* HTTP')
    gateway, key = ceph.Gateway(), ceph.signing_key()
    log = gateway.state / "log/client.rgw.log"
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory, gateway.bucket() as bucket:
        begin = log.stat().st_size
        with Server(pathlib.Path(directory), ceph.Installation(gateway, bucket, key)) as server:
            for path in paths:
                publish(server, path)
        with open(log, encoding="utf-8", errors="replace") as lines:
            lines.seek(begin)
            found = [match for match in map(line.match, lines) if match]
    at = [(datetime.datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S.%f%z"), bool(match[2])) for match in found]
    return [(signature[0] - root[0]).total_seconds() * 1000 for root, signature in zip(at, at[1:]) if not root[1] and signature[1]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--publishes", type=int, default=30)
    parser.add_argument("--bucket", action="store_true", help="on Ceph's gateway too: run tests/s3-servers start before")
    options = parser.parse_args()
    paths = many.files("rpm", range(options.publishes))
    for name, windows in [("directory", in_directory(paths))] + ([("gateway", on_gateway(paths))] if options.bucket else []):
        # the first publish finds no root: nothing is torn
        windows = windows[1:]
        print(f"{name}: {len(windows)} publishes, {statistics.median(windows):.2f} ms ({min(windows):.2f} to {max(windows):.2f})")


if __name__ == "__main__":
    main()
