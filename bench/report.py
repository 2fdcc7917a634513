"""Caveats, tables and raw numbers."""

import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import tempfile
import time

import server

RESULTS = pathlib.Path(__file__).resolve().parent / "results"

CAVEATS = [
    "One machine: the client, the server and whatever else runs there share its cores and its disk; see the load below.",
    "CPU seconds come from /proc/PID/stat in steps of 10 ms; they are averages over all rounds.",
]
LOCAL_STORE = "Loopback and the local store: no network, no S3. Times of fsync are those of this disk."


def machine(directory):
    """What the numbers depend on, without anything that names the machine."""
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB$", pathlib.Path("/proc/meminfo").read_text(), re.MULTILINE)
    return {
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory.group(1)) * 1024,
        "kernel": platform.release(),
        "file_system": file_system(directory),
        "fsync_milliseconds": fsync_milliseconds(directory),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "commit": commit(),
        "program_sha256": hashlib.sha256(server.binary().read_bytes()).hexdigest()[:12],
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def fsync_milliseconds(directory, rounds=50):
    """Median time to write 4 kB into a new file and flush it: every durable step of a publish pays this and more."""
    seconds = []
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        for number in range(rounds):
            start = time.monotonic()
            with open(pathlib.Path(scratch) / str(number), "wb") as file:
                file.write(bytes(4096))
                file.flush()
                os.fsync(file.fileno())
            seconds.append(time.monotonic() - start)
    return round(1000 * statistics.median(seconds), 2)


def file_system(directory):
    mounts = [line.split()[1:3] for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    path = str(directory.resolve())
    fitting = [mount for mount in mounts if path == mount[0] or path.startswith(mount[0].rstrip("/") + "/")]
    return max(fitting, key=lambda mount: len(mount[0]))[1]


def commit():
    def git(*arguments):
        ran = subprocess.run(
            ["git", "-C", str(server.REPOSITORY), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        return ran.stdout.strip()

    changed = [line for line in git("status", "--porcelain").splitlines() if not line.endswith("bench/")]
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


def print_caveats(more, facts):
    print("Caveats")
    for caveat in CAVEATS + more:
        print(f"- {caveat}")
    gigabytes = facts["memory_bytes"] / 2**30
    print(
        f"- {facts['cores']} cores of {facts['cpu']}, {gigabytes:.0f} GiB, Linux {facts['kernel']}, "
        f"{facts['file_system']}, fsync of 4 kB {facts['fsync_milliseconds']} ms, load {' '.join(map(str, facts['load_average']))} at the start, "
        f"commit {facts['commit']}, program {facts['program_sha256']}, {facts['date']}"
    )
    print()


def print_table(title, head, rows):
    print(f"{title}\n")
    cells = [head, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    for number, row in enumerate(cells):
        # The first column is text, the others are numbers.
        padded = [cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in enumerate(zip(row, widths))]
        print("| " + " | ".join(padded) + " |")
        if number == 0:
            rules = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
            print("| " + " | ".join(rules) + " |")
    print()


def spread(seconds):
    """Least, median and most, in milliseconds."""
    milliseconds = [1000 * value for value in seconds]
    return [f"{value:.0f}" for value in (min(milliseconds), statistics.median(milliseconds), max(milliseconds))]


def megabytes(size_bytes):
    return f"{size_bytes / 1e6:.1f}"


def keep(what, facts, results):
    """Writes the raw numbers beside the others, by date."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{facts['date'][:10]}-{what}.json"
    # One line for a list of numbers: that is how one reads them.
    text = json.dumps({"machine": facts, **results}, indent=1)
    text = re.sub(r"\[\s+([-\d.,\s]*?)\s+\]", lambda found: "[" + " ".join(found.group(1).split()) + "]", text)
    path.write_text(text + "\n")
    print(f"raw numbers: bench/results/{path.name}")
