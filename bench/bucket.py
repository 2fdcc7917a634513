#!/usr/bin/env python3
"""RWS on a bucket of Ceph's gateway against direct transfers: a large package, many small ones, one more. See README.md."""

import argparse
import contextlib
import os
import pathlib
import queue
import re
import statistics
import tempfile
import time

import client
import gateway as ceph
import packages
import report
from large_upload import digests_alone
from server import MemorySampler, Server
from visible import QUIET_SECONDS, Rounds, fill, put, quiet_publishes
from watch import Watch

LARGE = client.DebRepository("release/2.8/ubuntu/jammy")
MANY = client.DebRepository("release/2.8/ubuntu/noble")
WARM = client.DebRepository("live/2.8/ubuntu/jammy")
POLL_SECONDS = 0.01
IDLE_SECONDS = 3
AFTER_SECONDS = 3
AT_ONCE = 4
LEAST_RATIO = 0.8
MOST_BYTES_ABOVE_IDLE = 64 * 2**20

CAVEATS = [
    "The store is the gateway of the tests: one monitor, one disk in a sparse file, one copy of each object, no network. Gateway, disk, "
    "RWS and client share the cores, so that work which a real cluster would do elsewhere is missing here, on both sides.",
    "The package is one deb of zeros (stored data.tar); neither the gateway nor the disk compresses or skips them in this set-up.",
    "An upload through RWS is answered when the package is in the bucket and its promise is kept: the file is received, with four "
    "digests, inspected and spooled on the local disk, and its parts are sent meanwhile. `received` is when the spooled file has its full size.",
    "boto3 runs with open connections in this process, without its import; curl counts from its first byte, without its start; the "
    "AWS CLI is counted with its start, as nobody can leave it out.",
    "Over plain http boto3 and the AWS CLI sign what they send (SHA-256) and add CRC32; RWS sends Content-MD5 instead; curl with a presigned URL "
    "computes nothing at all: it is what the store can do.",
    "Ways alternate, in another order each round; everything dirty is flushed before each. Ratios are those of medians.",
    "RSS is that of the process, against idle after one small upload and publish; the peak is the kernel's (VmHWM), reset before each step.",
    "`others` are CPU seconds of all else on the machine, among it the kernel's threads: a large number spoils a round.",
    f"Visible: the client is Python and polls every {POLL_SECONDS * 1000:.0f} ms; each poll is a request to the bucket too. A repository is committed at most once a "
    "second, by design; rounds are further apart.",
]


class SpoolWatch(Watch):
    """When a file in the spool directory has a size: then RWS has received it, and goes on to send it."""

    interval_seconds = 0.005

    def __init__(self, directory, size_bytes):
        super().__init__()
        self.directory, self.size_bytes, self.full = directory, size_bytes, None

    def look(self):
        for path in self.directory.glob("rws-upload-*"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_size == self.size_bytes:
                    self.full = time.monotonic()
                    return False


class Setting:
    """What all parts need."""

    def __init__(self, options):
        self.gateway = ceph.Gateway()
        self.key = ceph.signing_key()
        self.options = options
        self.complaints = set()

    @contextlib.contextmanager
    def server(self, bucket):
        """The program on a bucket, warm: its code, its password and its connections."""
        with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
            directory = pathlib.Path(directory)
            with Server(directory, ceph.Installation(self.gateway, bucket, self.key)) as server:
                server.spool = directory / "spool"
                put(client.Connection(server), WARM, [next(packages.debs(1))], "?wait=30")
                client.Connection(server).get(WARM.root_path)
                time.sleep(1)
                yield server
                self.complaints.update(re.sub(r"^\S+\s+", "", line) for line in server.complaints())


def settle():
    os.sync()
    time.sleep(1)


def idle_rss(server):
    with MemorySampler(server) as sampler:
        time.sleep(IDLE_SECONDS)
    return int(statistics.median(rss for _, rss in sampler.samples))


def after_rss(server):
    time.sleep(AFTER_SECONDS)
    return server.rss_bytes()


def measured(gateway, server, work):
    """What the work returns, merged with its CPU seconds."""
    settle()
    with ceph.CpuMeter(gateway, server) as meter:
        numbers = work()
    return {**numbers, "cpu_seconds": meter.seconds}


def upload_through_rws(setting, path):
    """One upload into a fresh bucket by a fresh process."""
    with setting.gateway.bucket() as bucket, setting.server(bucket) as server:
        idle = idle_rss(server)
        server.forget_peak()

        def work():
            with SpoolWatch(server.spool, path.stat().st_size) as spool:
                started = time.monotonic()
                _, curl = client.curl_upload(server, LARGE, path)
                answered = time.monotonic()
            # curl's own start is no part of the upload
            received = spool.full - started - (answered - started - curl["time_total"])
            return {"seconds": round(curl["time_total"], 3), "received_seconds": round(received, 3), "answered_at": answered}

        numbers = measured(setting.gateway, server, work)
        peak = server.status_bytes("VmHWM")
        answered = numbers.pop("answered_at")
        client.wait_for(client.Connection(server), LARGE, "bench-huge", poll_seconds=POLL_SECONDS)
        numbers |= {
            "visible_after_answer_seconds": round(time.monotonic() - answered, 3),
            "idle_rss_bytes": idle,
            "peak_rss_bytes": peak,
            "peak_rss_with_publish_bytes": server.status_bytes("VmHWM"),
            "after_rss_bytes": after_rss(server),
        }
        return numbers


def upload_directly(setting, upload, path, bucket):
    key = f"direct/{path.name}"

    def work():
        start = time.monotonic()
        upload(path, key)
        return {"seconds": round(time.monotonic() - start, 3)}

    numbers = measured(setting.gateway, None, work)
    assert setting.gateway.s3.head_object(Bucket=bucket, Key=key)["ContentLength"] == path.stat().st_size
    setting.gateway.s3.delete_object(Bucket=bucket, Key=key)
    return numbers


def alternating(ways, rounds):
    """Takes each way once in each round, and begins each round with another one."""
    names = list(ways)
    numbers = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            numbers[name].append(ways[name]())
    return numbers


def measure_uploads(setting, path):
    with setting.gateway.bucket() as bucket:
        ways = {"RWS": lambda: upload_through_rws(setting, path)}
        for name, upload in ceph.uploads(setting.gateway, bucket).items():
            ways[name] = lambda upload=upload: upload_directly(setting, upload, path, bucket)
        return alternating(ways, setting.options.rounds)


def download(url, target):
    """curl's seconds, and those to the first byte."""
    answer, curl = client.curl(["--output", str(target)], f'url = "{url}"\n')
    if curl["http_code"] != 200:
        raise SystemExit(f"a download was answered {curl['http_code']}: {answer}")
    return {"seconds": round(curl["time_total"], 3), "first_byte_seconds": round(curl["time_starttransfer"], 4), "bytes": int(curl["size_download"])}


def measure_downloads(setting, path):
    """Downloads of one object, through RWS and directly; and several of it at once."""
    size_bytes = path.stat().st_size
    gateway = setting.gateway
    with gateway.bucket() as bucket:
        with setting.server(bucket) as server:
            client.curl_upload(server, LARGE, path)
            client.wait_for(client.Connection(server), LARGE, "bench-huge", poll_seconds=POLL_SECONDS)
            time.sleep(2)
        key = next(entry["Key"] for entry in gateway.s3.list_objects_v2(Bucket=bucket, Prefix="release/")["Contents"] if entry["Size"] == size_bytes)
        # a fresh process: what the upload left in memory is not the downloads'
        with setting.server(bucket) as server, tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
            target = pathlib.Path(directory) / "downloaded"
            through_rws, presigned = f"http://{server.address}/{key}", gateway.presigned("get_object", bucket, key)
            idle = idle_rss(server)

            def one(way):
                def work():
                    start = time.monotonic()
                    numbers = way() or {}
                    return {"seconds": round(time.monotonic() - start, 3), **numbers}

                target.unlink(missing_ok=True)
                server.forget_peak()
                numbers = measured(gateway, server, work)
                assert target.stat().st_size == size_bytes
                return {**numbers, "peak_rss_bytes": server.status_bytes("VmHWM")}

            def several(url):
                settle()
                server.forget_peak()
                found = []
                with ceph.CpuMeter(gateway, server) as meter:
                    seconds = ceph.together([lambda: found.append(download(url, os.devnull))] * AT_ONCE)
                assert all(numbers["bytes"] == size_bytes for numbers in found)
                firsts = [numbers["first_byte_seconds"] for numbers in found]
                return {"seconds": round(seconds, 3), "first_byte_seconds": firsts, "cpu_seconds": meter.seconds, "peak_rss_bytes": server.status_bytes("VmHWM")}

            ways = {
                "RWS": lambda: one(lambda: download(through_rws, target)),
                "boto3 download_file": lambda: one(lambda: gateway.s3.download_file(bucket, key, str(target))),
                "curl, presigned GET": lambda: one(lambda: download(presigned, target)),
            }
            at_once = {"RWS": lambda: several(through_rws), "curl, presigned GET": lambda: several(presigned)}
            single = alternating(ways, setting.options.rounds)
            return {
                "idle_rss_bytes": idle,
                "one": single,
                "at_once": alternating(at_once, setting.options.rounds),
                "after_rss_bytes": after_rss(server),
            }


def upload_many(server, files, at_once):
    """Each file in a request of its own; seconds in total, and of each request. The moment of the last answer comes too."""
    forms = queue.SimpleQueue()
    for file in files:
        forms.put(client.form([file], "bench"))
    connections = [client.Connection(server) for _ in range(at_once)]
    each = []

    def work(connection):
        with contextlib.suppress(queue.Empty):
            while True:
                status, answer, seconds, _ = connection.put(MANY.target, forms.get_nowait())
                if status != 201:
                    raise SystemExit(f"a small upload was answered {status}: {answer.decode()}")
                each.append(round(seconds, 4))

    seconds = ceph.together([lambda connection=connection: work(connection) for connection in connections])
    return seconds, each, sum(connection.reconnects for connection in connections)


def measure_small(setting):
    """Many small uploads at once, then one more into what has become a large repository."""
    options = setting.options
    files = list(packages.debs(max(options.packages, options.small) + 2 * options.publishes))
    small, extra = files[: options.small], files[max(options.packages, options.small) :]
    raw = {"at_once": options.at_once}
    with setting.gateway.bucket() as bucket, setting.server(bucket) as server:
        plain = ceph.many_small_puts(setting.gateway, bucket, [content for _, content in small], options.at_once)
        raw["plain_puts_seconds"] = round(plain, 3)
        idle = idle_rss(server)
        settle()
        server.forget_peak()
        connection, other = client.Connection(server), client.Connection(server)
        with ceph.CpuMeter(setting.gateway, server) as meter:
            start = time.monotonic()
            seconds, each, reconnects = upload_many(server, small, options.at_once)
            answered = time.monotonic()
            peak = server.status_bytes("VmHWM")
            wanted = {name.split("_")[0] for name, _ in small}
            seen = client.wait_for_all(other, MANY, wanted, poll_seconds=POLL_SECONDS)
        raw["small"] = {
            "seconds": round(seconds, 3),
            "each_seconds": each,
            "reconnects": reconnects,
            "all_visible_after_start_seconds": round(seen.index - start, 3),
            "all_visible_after_last_answer_seconds": round(seen.index - answered, 3),
            "cpu_seconds": meter.seconds,
            "idle_rss_bytes": idle,
            "peak_rss_bytes": peak,
            "peak_rss_with_publish_bytes": server.status_bytes("VmHWM"),
            "after_rss_bytes": after_rss(server),
        }
        if more := files[options.small : options.packages]:
            raw["filling"] = fill(server, other, MANY, more)
        rounds = Rounds(POLL_SECONDS)
        server.forget_peak()
        for file in extra[: options.publishes]:
            time.sleep(QUIET_SECONDS)
            rounds.take(connection, other, MANY, file)
        raw["one_more"] = {**rounds.raw(), "idle_rss_bytes": idle, "peak_rss_bytes": server.status_bytes("VmHWM")}
        raw["one_more_quiet"] = quiet_publishes(server, connection, [MANY] * options.publishes, extra[options.publishes :])
    return raw, rounds


def speeds(numbers, size_bytes):
    return [size_bytes / 1e6 / one["seconds"] for one in numbers]


def median_cpu(numbers, name):
    return f"{statistics.median(one['cpu_seconds'][name] for one in numbers):.1f}"


def way_rows(ways, size_bytes):
    """Speeds of each way, and how RWS compares with it."""
    own = statistics.median(speeds(ways["RWS"], size_bytes))
    rows = []
    for name, numbers in ways.items():
        found = speeds(numbers, size_bytes)
        median = statistics.median(found)
        first = [1000 * value for one in numbers for value in as_list(one.get("first_byte_seconds"))]
        rows.append(
            [
                name,
                *(f"{value:.0f}" for value in (min(found), median, max(found))),
                f"{size_bytes / 1e6 / median:.2f}",
                f"{own / median:.2f}",
                f"{statistics.median(first):.0f}" if first else "",
                *(median_cpu(numbers, part) for part in ("rws", "store", "client", "others")),
            ]
        )
    return rows


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


WAY_HEAD = ["way", "least MB/s", "median", "most", "seconds", "RWS ÷ it", "first byte ms", "CPU s RWS", "store", "client", "others"]


def above_idle(numbers, idle_bytes=None, field="peak_rss_bytes"):
    """The most bytes above idle."""
    return max(one[field] - (one.get("idle_rss_bytes") if idle_bytes is None else idle_bytes) for one in numbers)


def verdict(what, ratio, above_idle_bytes):
    """One line beside the budget, and the raw numbers of it."""
    parts, raw = [], {"above_idle_bytes": above_idle_bytes}
    if ratio is not None:
        kept = "kept" if ratio >= LEAST_RATIO else "MISSED"
        parts.append(f"ratio {ratio:.2f} (at least {LEAST_RATIO}: {kept})")
        raw["ratio"] = round(ratio, 3)
    kept = "kept" if above_idle_bytes <= MOST_BYTES_ABOVE_IDLE else "MISSED"
    parts.append(f"{above_idle_bytes / 2**20:.1f} MiB above idle (at most {MOST_BYTES_ABOVE_IDLE >> 20}: {kept})")
    print(f"budget, {what}: {', '.join(parts)}")
    return raw


def ratio_to(ways, rival):
    seconds = {name: statistics.median(one["seconds"] for one in numbers) for name, numbers in ways.items()}
    return seconds[rival] / seconds["RWS"]


def print_uploads(ways, size_bytes):
    report.print_table(f"Upload of one package of {size_bytes:,} bytes", WAY_HEAD, way_rows(ways, size_bytes))
    mebibytes = lambda value: f"{value / 2**20:.1f}"
    rows = [
        [
            f"RWS, round {number}",
            f"{one['received_seconds']:.2f}",
            f"{one['seconds'] - one['received_seconds']:.2f}",
            f"{one['seconds']:.2f}",
            f"{1000 * one['visible_after_answer_seconds']:.0f}",
            *(mebibytes(one[f"{when}_rss_bytes"]) for when in ("idle", "peak")),
            mebibytes(one["peak_rss_bytes"] - one["idle_rss_bytes"]),
            mebibytes(one["peak_rss_with_publish_bytes"] - one["idle_rss_bytes"]),
            mebibytes(one["after_rss_bytes"]),
        ]
        for number, one in enumerate(ways["RWS"], 1)
    ]
    head = ["upload", "received s", "sent s", "answer s", "visible ms later", "idle MiB", "peak MiB", "above idle", "with publish", "after MiB"]
    report.print_table("Where the answer's time goes, and memory", head, rows)
    alone = digests_alone(size_bytes)
    print(f"four digests of as many bytes alone, one thread of Python: {alone:.1f} s, {size_bytes / 1e6 / alone:.0f} MB/s")
    result = {
        rival: verdict(f"upload against {rival}", ratio_to(ways, rival), above_idle(ways["RWS"]))
        for rival in ("aws s3 cp, with its start", "boto3 upload_file")
    }
    print()
    return {"digests_alone_seconds": round(alone, 2), "budget": result}


def print_downloads(downloads, size_bytes):
    idle = downloads["idle_rss_bytes"]
    one, several = downloads["one"], downloads["at_once"]
    report.print_table(f"Download of one package of {size_bytes:,} bytes into a file", WAY_HEAD, way_rows(one, size_bytes))
    title = f"{AT_ONCE} downloads of it at once by curl, not kept; MB/s of all together"
    report.print_table(title, WAY_HEAD, way_rows(several, AT_ONCE * size_bytes))
    print(f"RSS: idle {idle / 2**20:.1f} MiB, after all {downloads['after_rss_bytes'] / 2**20:.1f} MiB")
    budget = {
        "one": verdict("download against boto3 download_file", ratio_to(one, "boto3 download_file"), above_idle(one["RWS"], idle)),
        "at_once": verdict(f"{AT_ONCE} downloads against curl directly", ratio_to(several, "curl, presigned GET"), above_idle(several["RWS"], idle)),
    }
    print()
    return {"budget": budget}


def print_small(raw, rounds, options):
    small = raw["small"]
    each = sorted(small["each_seconds"])
    hundredth = each[int(len(each) * 0.99)]
    row = [
        f"RWS, {options.at_once} in flight",
        f"{len(each) / small['seconds']:.0f}",
        *report.spread(each),
        f"{1000 * hundredth:.0f}",
        f"{small['seconds']:.1f}",
        f"{small['all_visible_after_start_seconds']:.1f}",
        f"{1000 * small['all_visible_after_last_answer_seconds']:.0f}",
        *(f"{small['cpu_seconds'][part]:.1f}" for part in ("rws", "store", "client", "others")),
    ]
    head = ["small uploads", "requests/s", "least ms", "median", "most", "99 % ms", "last answer s", "all in the index s", "ms later", "CPU s RWS", "store", "client", "others"]
    report.print_table(f"{len(each):,} uploads of one small deb each into one repository", head, [row])
    print(f"as many plain PUTs to the store by the same client: {len(each) / raw['plain_puts_seconds']:.0f}/s")
    budget = {"small": verdict("small uploads", None, above_idle([small], field="peak_rss_with_publish_bytes"))}
    print()
    spread = rounds.row(f"one more of {rounds.packages:,}")
    head = ["one more", "packages", "PUT least ms", "median", "most", "visible least ms", "median", "most", "wait=30 least ms", "median", "most", "CPU ms"]
    quiet = raw["one_more_quiet"]
    row = [*spread, *report.spread(quiet["put_and_wait_seconds"]), f"{1000 * quiet['cpu_seconds_each']:.0f}"]
    report.print_table("From the answer until the package is in the index; and the whole request with ?wait=30, without polls", head, [row])
    budget["one_more"] = verdict("one more", None, above_idle([raw["one_more"]]))
    print()
    return {"budget": budget}


PARTS = ["upload", "download", "small"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--size", type=int, default=500_000_000, help="bytes of the one file in the large package (default 500 MB)")
    parser.add_argument("--rounds", type=int, default=3, help="of each way to transfer it")
    parser.add_argument("--small", type=int, default=1000, help="how many small uploads")
    parser.add_argument("--at-once", type=int, default=16, help="how many of them are in flight")
    parser.add_argument("--packages", type=int, default=2000, help="size of the repository that gets one more")
    parser.add_argument("--publishes", type=int, default=10, help="how often it gets one more")
    parser.add_argument("--keep-as", default="bucket", help="the name of the results file behind the date")
    options = parser.parse_args()
    ceph.need_boto3()

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    setting = Setting(options)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    _, path = packages.huge_deb(options.size)
    path.read_bytes()  # into the page cache
    size_bytes = path.stat().st_size
    results = {"package_bytes": size_bytes, "budget": {"least_ratio": LEAST_RATIO, "most_bytes_above_idle": MOST_BYTES_ABOVE_IDLE}}
    if "upload" in options.parts:
        ways = measure_uploads(setting, path)
        results["upload"] = {"ways": ways, **print_uploads(ways, size_bytes)}
    if "download" in options.parts:
        downloads = measure_downloads(setting, path)
        results["download"] = {**downloads, **print_downloads(downloads, size_bytes)}
    if "small" in options.parts:
        raw, rounds = measure_small(setting)
        results["small"] = {**raw, **print_small(raw, rounds, options)}
    results["complaints_in_the_log"] = sorted(setting.complaints)
    for line in results["complaints_in_the_log"]:
        print(f"the log complains: {line}")
    results["load_average_at_the_end"] = [round(load, 2) for load in os.getloadavg()]
    report.keep(options.keep_as, facts, results)


if __name__ == "__main__":
    main()
