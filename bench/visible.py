#!/usr/bin/env python3
"""From the answer to an upload until a client sees the package in the index, deb and rpm. See README.md."""

import argparse
import pathlib
import tempfile
import time

import client
import packages
import report
import rivals
from server import Server

# Every round of an empty repository needs a repository of its own.
SERIES = ["2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7", "2.8", "2.9", "1.10", "series-2", "series-3", "modules"]
DISTRIBUTION = {"deb": "ubuntu/jammy", "rpm": "el/9"}
REPOSITORY = {"deb": client.DebRepository, "rpm": client.RpmRepository}
PRODUCT = "bench"
BATCH_FILES = 400
# A repository is committed at most once a second: rounds further apart than this meet no such pause.
QUIET_SECONDS = 2.5

CAVEATS = [
    report.LOCAL_STORE,
    f"The client is Python; it polls the root every {client.POLL_SECONDS * 1000:.0f} ms on an open connection, so times are up to that plus one "
    "request too long, and the polls take CPU from the server on so few cores.",
    "PUT is the time of the whole request on an open connection with a password that was verified before; the first "
    "use of a password costs an argon2 check more (stated as the first PUT).",
    "A repository is committed at most once a second, by design. Rounds are further apart; the rows `next at once` are not.",
    "CPU per publish is measured in rounds of their own, with `?wait=30` in place of polls; it includes the upload.",
    "The usual tools index the same files from their caches, unsigned (createrepo_c --update; apt-ftparchive with its database, not compressed).",
    "Small synthetic packages (deb 1.2 kB with a control file of 0.9 kB, rpm 7 kB). Packages with long file lists make other and filelists larger.",
]


def put(connection, repository, files, query=""):
    product = PRODUCT if repository.kind == "deb" else None
    status, answer, seconds, end = connection.put(repository.target + query, client.form(files, product))
    if status != 201:
        raise SystemExit(f"PUT {repository.target} was answered {status}: {answer.decode()}")
    return seconds, end


def fill(server, connection, repository, files):
    """Uploads in batches, each published before the next, as a person would; returns the raw numbers."""
    batches = []
    for start in range(0, len(files), BATCH_FILES):
        batch = files[start : start + BATCH_FILES]
        cpu = server.cpu_seconds()
        seconds, _ = put(connection, repository, batch)
        answered_cpu = server.cpu_seconds()
        waited = time.monotonic()
        client.wait_for(connection, repository, batch_last(repository, batch))
        batches.append(
            {
                "files": len(batch),
                "put_seconds": round(seconds, 4),
                "visible_seconds": round(time.monotonic() - waited, 4),
                "put_cpu_seconds": round(answered_cpu - cpu, 2),
                "cpu_seconds": round(server.cpu_seconds() - cpu, 2),
            }
        )
        time.sleep(QUIET_SECONDS)
    return batches


def batch_last(repository, batch):
    name = batch[-1][0]
    return name.split("_")[0] if repository.kind == "deb" else name.rsplit("-", 2)[0]


class Rounds:
    """The numbers of the rounds of one kind, in seconds."""

    def __init__(self, poll_seconds=client.POLL_SECONDS):
        self.poll_seconds = poll_seconds
        self.numbers = {"put": [], "root": [], "visible": [], "polls": []}
        self.packages = self.index_bytes = 0

    def take(self, connection, other, repository, file):
        before = client.root_of(other, repository)
        seconds, answered = put(connection, repository, [file])
        seen = client.wait_for(other, repository, batch_last(repository, [file]), before, self.poll_seconds)
        self.numbers["put"].append(round(seconds, 5))
        self.numbers["root"].append(round(seen.root - answered, 5))
        self.numbers["visible"].append(round(seen.index - answered, 5))
        self.numbers["polls"].append(seen.polls)
        self.packages, self.index_bytes = seen.packages, seen.index_bytes

    def row(self, label):
        return [label, self.packages, *report.spread(self.numbers["put"]), *report.spread(self.numbers["visible"])]

    def raw(self):
        return {**self.numbers, "packages_at_the_end": self.packages, "index_bytes_at_the_end": self.index_bytes}


def quiet_publishes(server, connection, repositories, files):
    """CPU and time of an upload whose client waits in the request; and the peak of RSS meanwhile."""
    server.forget_peak()
    idle = server.rss_bytes()
    cpu, seconds = 0.0, []
    for repository, file in zip(repositories, files):
        time.sleep(QUIET_SECONDS)
        before = server.cpu_seconds()
        seconds.append(round(put(connection, repository, [file], "?wait=30")[0], 5))
        cpu += server.cpu_seconds() - before
    return {
        "put_and_wait_seconds": seconds,
        "cpu_seconds_each": round(cpu / len(seconds), 4),
        "rss_before_bytes": idle,
        "peak_rss_bytes": server.status_bytes("VmHWM"),
    }


def measure(server, kind, all_files, many, rounds):
    connection, other = client.Connection(server), client.Connection(server)
    make = lambda series: REPOSITORY[kind](f"release/{series}/{DISTRIBUTION[kind]}")
    raw = {}
    extra = all_files[many:]

    empty = Rounds()
    for series in SERIES[:rounds]:
        empty.take(connection, other, make(series), extra[0])
        time.sleep(0.5)
    raw["empty"] = empty.raw()
    live = [REPOSITORY[kind](f"live/{series}/{DISTRIBUTION[kind]}") for series in SERIES[:rounds]]
    raw["empty_quiet"] = quiet_publishes(server, connection, live, [extra[0]] * rounds)

    full = REPOSITORY[kind](f"release/2.8/{'ubuntu/noble' if kind == 'deb' else 'el/8'}")
    server.forget_peak()
    raw["filling"] = fill(server, other, full, all_files[:many])
    raw["filling_peak_rss_bytes"] = server.status_bytes("VmHWM")
    raw["filled_rss_bytes"] = server.rss_bytes()

    isolated, at_once = Rounds(), Rounds()
    for file in extra[:rounds]:
        time.sleep(QUIET_SECONDS)
        isolated.take(connection, other, full, file)
    raw["many"] = isolated.raw()
    raw["many_quiet"] = quiet_publishes(server, connection, [full] * rounds, extra[rounds : 2 * rounds])
    for file in extra[2 * rounds : 3 * rounds]:
        at_once.take(connection, other, full, file)
    raw["many_at_once"] = at_once.raw()
    raw["reconnects"] = connection.reconnects + other.reconnects

    spreads = [
        empty.row(f"{kind}, empty"),
        isolated.row(f"{kind}, {many:,}"),
        at_once.row(f"{kind}, {many:,}, next at once"),
    ]
    costs = [cost_row(f"{kind}, empty", raw["empty_quiet"]), cost_row(f"{kind}, {many:,}", raw["many_quiet"])]
    total = lambda field: sum(batch[field] for batch in raw["filling"])
    filling = [
        kind,
        len(raw["filling"]),
        many,
        *(f"{total(field):.1f}" for field in ("put_seconds", "visible_seconds", "put_cpu_seconds", "cpu_seconds")),
        report.megabytes(raw["filling_peak_rss_bytes"]),
        report.megabytes(raw["filled_rss_bytes"]),
    ]
    return raw, spreads, costs, filling


def cost_row(label, quiet):
    return [
        label,
        *report.spread(quiet["put_and_wait_seconds"]),
        f"{1000 * quiet['cpu_seconds_each']:.0f}",
        report.megabytes(quiet["rss_before_bytes"]),
        report.megabytes(quiet["peak_rss_bytes"]),
    ]


def first_put(server, kind, file):
    """The first use of a password, into a repository that is not looked at again."""
    connection = client.Connection(server)
    repository = REPOSITORY[kind]("pre-release/2.8/" + DISTRIBUTION[kind])
    seconds, _ = put(connection, repository, [file], "?wait=30")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=["deb", "rpm"], default=["deb", "rpm"])
    parser.add_argument("--packages", type=int, default=2000, help="how many the full repository has (default 2000)")
    parser.add_argument("--rounds", type=int, default=10, choices=range(1, 14), metavar="1..13")
    options = parser.parse_args()

    packages.CACHE.mkdir(parents=True, exist_ok=True)
    facts = report.machine(packages.CACHE)
    report.print_caveats(CAVEATS, facts)
    results, spreads, costs, fillings = {"rounds": options.rounds}, [], [], []
    for kind in options.kinds:
        makers = {"deb": packages.debs, "rpm": packages.rpms}
        # Three series of rounds take one new package each.
        files = list(makers[kind](options.packages + 3 * options.rounds))
        with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory, Server(pathlib.Path(directory)) as server:
            first = first_put(server, kind, files[0])
            raw, *rows = measure(server, kind, files, options.packages, options.rounds)
            raw["first_put_and_wait_seconds"] = round(first, 4)
            raw["complaints_in_the_log"] = server.complaints()
            results[kind] = raw
        raw["usual_tool"] = rivals.one_more(kind, files, options.packages)
        for table, row in zip((spreads, costs), rows):
            table.extend(row)
        fillings.append(rows[2])

    head = ["min", "median", "max"]
    report.print_table(
        "From the answer until the package is in the index a client reads, in milliseconds",
        ["repository", "packages", *(f"PUT {word}" for word in head), *(f"visible {word}" for word in head)],
        spreads,
    )
    report.print_table(
        "Cost of one upload and its publish (client waits in the request)",
        ["repository", *(f"ms {word}" for word in head), "CPU ms", "RSS before MB", "peak RSS MB"],
        costs,
    )
    report.print_table(
        f"Filling the repository, {BATCH_FILES} files in a request",
        ["kind", "requests", "files", "PUT s", "then visible s", "CPU s until answers", "CPU s in all", "peak RSS MB", "RSS after MB"],
        fillings,
    )
    for kind in options.kinds:
        seconds = results[kind]["first_put_and_wait_seconds"]
        print(f"{kind}: first PUT of the process, with its publish, {1000 * seconds:.0f} ms")
        if usual := results[kind]["usual_tool"]:
            least, median, most = report.spread(usual["seconds"])
            cpu = 1000 * sum(usual["cpu_seconds"]) / len(usual["cpu_seconds"])
            print(f"{kind}: {usual['command']}, one more of {options.packages:,}: {median} ms ({least} to {most}), CPU {cpu:.0f} ms")
        for line in results[kind]["complaints_in_the_log"]:
            print(f"{kind}: the log complains: {line}")
    report.keep("visible", facts, results)


if __name__ == "__main__":
    main()
