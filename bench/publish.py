#!/usr/bin/env python3
"""What a first index costs, and one more package beside 600, 6,000 and 60,000 others, with the usual tools on the same files. See README.md."""

import argparse
import contextlib
import itertools
import os
import pathlib
import re
import statistics
import tempfile
import time

import client
import counters
import gateway as ceph
import many
import packages
import report
import rivals
from counters import megabytes, middle
from server import Installation, Server, binary, environment_without_own
from visible import QUIET_SECONDS, Rounds, put

REPOSITORY = {"deb": client.DebRepository("release/2.8/ubuntu/noble"), "rpm": client.RpmRepository("release/2.8/el/9")}
BUCKET_POLL_SECONDS = 0.01
IDLE_SECONDS = 5

CAVEATS = [
    "Local: a directory, loopback, no network; times of fsync are those of this disk. Bucket: the gateway of the tests, which shares the cores.",
    "The packages are made from one pattern: debs of 1.2 kB with a control file of 0.9 kB, rpms of 13 kB with 41 files, 12 requires, 9 provides and "
    "2 changelog entries. Real ones are larger, which a first index pays for. All of them are in the page cache.",
    "Visible: from the answer to the PUT until a client of Python, which polls the root, has read the index that the root names, "
    f"with the package in it; polls are {1000 * client.POLL_SECONDS:.0f} ms apart, {1000 * BUCKET_POLL_SECONDS:.0f} ms on the bucket, and take CPU from the server. Rounds are {QUIET_SECONDS} s or more apart.",
    "CPU, bytes, memory and requests are taken in other rounds, without polls, from the start of the PUT until the process is at rest: upload, publish, exposure, clean-up.",
    "Written: /proc/PID/io write_bytes (pages made dirty; a link or a reflink costs none). Read: rchar (what read calls returned; not what came from sockets).",
    "Cold: the first upload after a start of the process, with the argon2 check of the password and whatever else a start does meanwhile. The page cache stays.",
    "Usual tools: their wall time stands under `visible`; they start for each package, sign nothing, and upload nothing. createrepo_c compresses anew, "
    "apt-ftparchive compresses nothing; reprepro and aptly keep a pool and a database of their own.",
]

# The service that RWS replaces, measured once on another machine: its store was on loopback, its packages were others.
ORIGINAL_HEAD = ["original service, NOT of this run", "N=0", "500", "2000"]
ORIGINAL = [
    ["rpm: answer to visible, wall", "4.7 s", "8.8 s", "20.6 s"],
    ["rpm: CPU / S3 requests per sync", "0.4 s / 13", "2.6 s / 527", "8.9 s / 2029"],
    ["deb: answer to visible, wall", "4.6 s", "8.7 s", "20.1 s"],
    ["deb: CPU / S3 requests per sync", "0.4 s / 20", "2.5 s / 525", "8.4 s / 2029"],
    ["deb: first sync of N packages, wall / requests", "", "16.6 s / 1518", "63.8 s / 6020"],
]


class Place:
    """A repository of N packages in one store, and the program on it."""

    def __init__(self, name, directory, installation, repository, state=None, bucket=None):
        self.name, self.directory, self.installation, self.repository = name, directory, installation, repository
        self.poll_seconds = BUCKET_POLL_SECONDS if bucket else client.POLL_SECONDS
        has_log = state and (state / "log/client.rgw.log").exists()
        self.requests = counters.Requests(state, bucket) if has_log else None
        self.complaints = set()

    def sync(self):
        """`rws sync`: what it costs, and its requests."""
        if self.requests:
            self.requests.taken()
        environment = {"RWS_SPOOL_DIR": str(self.directory / "spool"), **environment_without_own(), **self.installation.environment}
        numbers = counters.watched([str(binary()), "sync", self.repository.target.strip("/")], self.directory, environment)
        if self.requests:
            numbers |= counters.counted(self.requests.taken())
        return numbers

    @contextlib.contextmanager
    def server(self):
        with Server(self.directory, self.installation) as server:
            yield server
            self.complaints.update(re.sub(r"^\S+\s+", "", line) for line in server.complaints())

    def visible(self, server, rounds, paths):
        connection, other = client.Connection(server), client.Connection(server)
        for path in paths:
            rounds.take(connection, other, self.repository, (path.name, path.read_bytes()))
            time.sleep(QUIET_SECONDS)

    def cost(self, server, path):
        connection, file = client.Connection(server), (path.name, path.read_bytes())
        return counters.Cost(server, self.requests).of(lambda: put(connection, self.repository, [file]))

    def measure(self, count, extra):
        """`extra` gives paths of further packages."""
        take = lambda: list(itertools.islice(extra, count))
        raw = {"first_index": self.sync(), "sync_again": self.sync()}
        cold, warm = Rounds(self.poll_seconds), Rounds(self.poll_seconds)
        for path in take():
            with self.server() as server:
                self.visible(server, cold, [path])
        raw["cold"] = {**cold.raw(), "costs": []}
        for path in take():
            with self.server() as server:
                raw["cold"]["costs"].append(self.cost(server, path))
        with self.server() as server:
            # its code, its password, and what it may keep in memory
            self.cost(server, next(extra))
            self.visible(server, warm, take())
            costs = [self.cost(server, path) for path in take()]
            time.sleep(IDLE_SECONDS)
            raw["warm"] = {**warm.raw(), "costs": costs, "idle_rss_bytes": server.rss_bytes()}
            raw["index_bytes"] = index_bytes(client.root_of(client.Connection(server), self.repository).decode())
        raw["complaints_in_the_log"] = sorted(self.complaints)
        return raw


def index_bytes(root):
    """Of all files that the root lists, each once."""
    section = root.split("\nSHA256:", 1)[-1].split("\nSHA512:")[0]
    return sum(int(size) for size in re.findall(r"^ [0-9a-f]{64}\s+(\d+) |<size>(\d+)</size>", section, re.MULTILINE) for size in size if size)


@contextlib.contextmanager
def local(kind, paths, key):
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
        directory = pathlib.Path(directory)
        data = directory / "data"
        rivals.link(paths, (data / many.place(REPOSITORY[kind], paths[0])).parent)
        # the spool is where it is by default: on the disk of the packages
        installation = Installation({"RWS_DATA_DIR": str(data), "RWS_SPOOL_DIR": str(data / ".rws/spool")}, key)
        yield Place("local", directory, installation, REPOSITORY[kind])


@contextlib.contextmanager
def on_bucket(gateway, kind, paths, key):
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory, gateway.bucket() as bucket:
        many.upload(gateway.s3, bucket, REPOSITORY[kind], paths)
        (pathlib.Path(directory) / "spool").mkdir()
        yield Place("bucket", pathlib.Path(directory), ceph.Installation(gateway, bucket, key), REPOSITORY[kind], gateway.state, bucket)


def full_row(label, count, numbers):
    seconds = numbers["seconds"]
    return [label, f"{count:,}", f"{seconds:.2f}", f"{numbers['cpu_seconds']:.2f}", f"{1e6 * numbers['cpu_seconds'] / count:.0f}", numbers.get("requests", ""), f"{numbers['peak_rss_bytes'] / 1e6:.1f}"]


def more_row(label, count, place, raw):
    costs = place["costs"]
    of = lambda name: [one[name] for one in costs]
    return [
        label,
        f"{count:,}",
        middle(place["visible"], 1000),
        middle(of("cpu_seconds"), 1000),
        middle(of("cpu_until_answer_seconds"), 1000),
        megabytes(of("written_bytes")),
        megabytes(of("read_bytes")),
        f"{raw['index_bytes'] / 1e6:.1f}",
        middle(of("requests")) if "requests" in costs[0] else "",
        megabytes(of("peak_rss_bytes")),
        f"{place.get('idle_rss_bytes', statistics.median(of('rss_after_bytes'))) / 1e6:.1f}",
    ]


def rival_row(count, numbers):
    of = lambda name: [one[name] for one in numbers["more"]]
    return [numbers["tool"], f"{count:,}", middle(of("seconds"), 1000), middle(of("cpu_seconds"), 1000), "", "", "", "", "", megabytes(of("peak_rss_bytes")), ""]


FULL_HEAD = ["first index", "packages", "s", "CPU s", "CPU µs each", "requests", "peak RSS MB"]
MORE_HEAD = ["one more", "packages", "visible ms", "CPU ms", "until answer", "written MB", "read MB", "indexes MB", "requests", "peak RSS MB", "RSS after MB"]


class Report:
    """Rows and raw numbers, as they come in."""

    def __init__(self):
        self.full, self.more, self.raw = [], [], {}

    def rws(self, kind, count, name, raw):
        self.raw[f"{kind}-{count}-{name}"] = raw
        self.full.append(full_row(f"{kind}: RWS, {name}", count, raw["first_index"]))
        self.full.append(full_row(f"{kind}: RWS, {name}, again", count, raw["sync_again"]))
        self.more += [more_row(f"{kind}: RWS, {name}{word}", count, raw[state], raw) for word, state in (("", "warm"), (", cold", "cold"))]
        for line in raw["complaints_in_the_log"]:
            print(f"{kind}, {count:,}, {name}: the log complains: {line}", flush=True)

    def rival(self, kind, count, tool, numbers):
        if not numbers:
            return print(f"{tool.program} is not installed: not compared with")
        self.raw[f"{kind}-{count}-{tool.program}"] = numbers
        self.full.append(full_row(f"{kind}: {tool.program}", count, numbers["full"]))
        self.more.append(rival_row(count, {**numbers, "tool": f"{kind}: {numbers['tool']}"}))

    def print(self):
        report.print_table("First index of packages that are there, without uploads", FULL_HEAD, self.full)
        report.print_table("One more package: median (least to most)", MORE_HEAD, self.more)
        report.print_table("Beside them, from another machine and other packages", ORIGINAL_HEAD, ORIGINAL)


def step(*words):
    print(time.strftime("%H:%M:%S"), *words, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=["deb", "rpm"], default=["deb", "rpm"])
    parser.add_argument("--sizes", nargs="*", type=int, default=[600, 6_000, 60_000], help="of repositories in a directory (default 600 6000 60000)")
    parser.add_argument("--bucket", action="store_true", help="on Ceph's gateway too: run tests/s3-servers start before")
    parser.add_argument("--bucket-sizes", nargs="+", type=int, default=[600, 6_000])
    parser.add_argument("--rounds", type=int, default=5, help="of each measurement (default 5)")
    parser.add_argument("--rival-rounds", type=int, default=3, help="of the usual tools, which take their time; 0: without them (default 3)")
    parser.add_argument("--keep-as", default="publish", help="the name of the results file behind the date")
    options = parser.parse_args()
    if options.bucket:
        ceph.need_boto3()

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    key, found = ceph.signing_key(), Report()
    gateway = ceph.Gateway() if options.bucket else None
    bucket_sizes = options.bucket_sizes if options.bucket else []
    with contextlib.suppress(KeyboardInterrupt):  # what there is by then is shown and kept
        for kind, count in itertools.product(options.kinds, sorted({*options.sizes, *bucket_sizes})):
            paths = many.files(kind, range(count))
            extra = many.files(kind, range(many.EXTRA, many.EXTRA + 4 * options.rounds + 1))
            places = [lambda: local(kind, paths, key)] if count in options.sizes else []
            places += [lambda: on_bucket(gateway, kind, paths, key)] if count in bucket_sizes else []
            for make in places:
                with make() as place:
                    step(kind, count, place.name)
                    found.rws(kind, count, place.name, place.measure(options.rounds, iter(extra)))
            for tool in rivals.TOOLS:
                if tool.kind == kind and count in options.sizes and options.rival_rounds:
                    step(kind, count, tool.program)
                    found.rival(kind, count, tool, rivals.measure(tool, paths, extra[: options.rival_rounds]))
    print()
    found.print()
    report.keep(options.keep_as, facts, {"rounds": options.rounds, "rival_rounds": options.rival_rounds, "load_average_at_the_end": [round(load, 2) for load in os.getloadavg()], **found.raw})


if __name__ == "__main__":
    main()
