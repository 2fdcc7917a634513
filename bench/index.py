#!/usr/bin/env python3
"""What `rws index` costs on a directory of 500, 2,000 and 5,000 packages, and again with one more, beside the usual tools. See README.md."""

import argparse
import collections
import contextlib
import gzip
import hashlib
import os
import pathlib
import random
import shutil
import statistics
import tempfile
import time
import zlib

import many
import packages
import report
import rivals
from server import REPOSITORY, binary, environment_without_own

# What RWS compresses together, on average (AVERAGE_ENTRIES in rws-repository).
PACKAGES_PER_BLOCK = 128
# The mean of 5,000 packages of Debian that were measured once.
LARGER_BYTES = 175_000

CAVEATS = [
    "All tools work on the same package files, which are hard links and in the page cache, one tool after the other in each round; the table has medians.",
    "The packages are made from one pattern: debs of 1.2 kB with a control file of 0.9 kB, rpms of 13 kB with 41 files, 12 requires, 9 provides and "
    f"2 changelog entries. Real packages are larger, and hashing them weighs more: see the larger debs, of {LARGER_BYTES / 1000:.0f} kB.",
    "CPU is user and system time of the process and its children (rusage). Peak RSS is that of one process (VmHWM, looked at every 10 ms), and of short runs too small.",
    "RWS writes and flushes (fsync) what it needs to go on, and for debs Packages, Packages.gz, Packages.xz and Release; unsigned here, as the others are.",
    "createrepo_c: --no-database, gz; it starts 5 threads. It reads no package again whose size and time are in its last index (--update).",
    "apt-ftparchive writes Packages only, uncompressed, with four digests; warm: all but one package are in its database. reprepro and aptly copy packages into a pool.",
    "Floor of one more rpm: sha256 of the package, of the three index files and of their contents, and gzip -6 of one block of "
    f"{PACKAGES_PER_BLOCK} packages in each, in one Python process with OpenSSL and zlib.",
]


class RwsRpm(rivals.Tool):
    """The program on a directory of rpms."""

    kind, program, label = "rpm", str(binary()), "rws index"
    environment = environment_without_own()

    def __init__(self, directory):
        super().__init__(directory)
        self.data, self.tree = directory / "data", directory / "data/Packages"

    def full(self, paths):
        return [[self.program, "index", "data"]]

    def more(self, path):
        shutil.copy2(path, self.tree)
        return self.full([])


class RwsDeb(RwsRpm):
    """The same on a directory of debs."""

    kind = "deb"

    def __init__(self, directory):
        super().__init__(directory)
        self.tree = self.data / "pool/bench/main/b/bench"


class Createrepo(rivals.Createrepo):
    """Of the system, without the databases that it makes by default."""

    label = "createrepo_c 0.17"
    ARGUMENTS = ["--quiet", "--no-database", "--general-compress-type=gz"]

    def full(self, paths):
        return [[self.program, *self.ARGUMENTS, "tree"]]

    def more(self, path):
        shutil.copy2(path, self.tree)
        return [[self.program, *self.ARGUMENTS, "--update", "tree"]]


class PresentCreaterepo(Createrepo):
    """Of PyPI, where tests/setup puts it."""

    label = "createrepo_c 1.2"
    program = str(pathlib.Path(REPOSITORY, os.environ.get("RWS_TEST_CACHE", "target/test-cache")) / "venv/bin/createrepo_c")


class AptFtparchive(rivals.AptFtparchive):
    label = "apt-ftparchive (no db; warm db)"


class AptFtparchiveCompressed(rivals.AptFtparchive):
    """The same files as RWS."""

    label = "apt-ftparchive, gzip, xz"
    COMPRESS = [["gzip", "--keep", "--force", "Packages"], ["xz", "--keep", "--force", "Packages"]]

    def full(self, paths):
        return [["sh", "-c", "exec apt-ftparchive packages tree >Packages"], *self.COMPRESS]

    def more(self, path):
        shutil.copy2(path, self.tree)
        return [["sh", "-c", "exec apt-ftparchive --db cache.db packages tree >Packages"], *self.COMPRESS]


class Reprepro(rivals.Reprepro):
    label = "reprepro"


class Aptly(rivals.Aptly):
    label = "aptly (no Contents)"


TOOLS = [RwsRpm, PresentCreaterepo, Createrepo, RwsDeb, AptFtparchive, AptFtparchiveCompressed, Reprepro, Aptly]


def floor_of_one_more(paths, extra, place):
    """CPU seconds of what nobody can leave out for one more rpm."""
    with tempfile.TemporaryDirectory(dir=place) as directory:
        tool = RwsRpm(pathlib.Path(directory))
        rivals.link([*paths, extra], tool.tree)
        rivals.run(tool, tool.full([]))
        files = [file.read_bytes() for file in (tool.data / "repodata").glob("*.xml.gz")]
    contents = [gzip.decompress(content) for content in files]
    blocks = [content[: len(content) * PACKAGES_PER_BLOCK // len(paths)] for content in contents]
    package = extra.read_bytes()
    start = time.process_time()
    for content in (package, *files, *contents):
        hashlib.sha256(content).digest()
    for block in blocks:
        zlib.compress(block, 6)
    return round(time.process_time() - start, 4)


def larger_debs(numbers, place):
    """Debs as large as real ones are on average. The bytes of their padding are random, and the same in every run."""
    directory = place / "larger-debs"
    directory.mkdir(exist_ok=True)
    paths = []
    for number in numbers:
        name = many.name_of(number)
        paths.append(directory / f"{name}_{many.VERSION}-1_amd64.deb")
        if not paths[-1].exists():
            _, content = packages.deb(name, padding=random.Random(number).randbytes(LARGER_BYTES))
            paths[-1].write_bytes(content)
    return paths


def measure(named, count, rounds, place, found):
    kind = named.removeprefix("larger ")
    files = (lambda numbers: larger_debs(numbers, place)) if kind != named else (lambda numbers: many.files(kind, numbers))
    paths, extra = files(range(count)), files(range(many.EXTRA, many.EXTRA + rounds))
    for number in range(rounds):
        for tool in TOOLS:
            if tool.kind != kind:
                continue
            numbers = rivals.measure(tool, paths, [extra[number]], place)
            if not numbers:
                print(f"{tool.label} is not installed: not compared with")
                continue
            print(time.strftime("%H:%M:%S"), named, f"{count:,}", tool.label, f"{numbers['full']['cpu_seconds']:.2f} {numbers['more'][0]['cpu_seconds']:.3f}", flush=True)
            for step, one in (("full", numbers["full"]), ("more", numbers["more"][0])):
                for name, value in one.items():
                    found[f"{named}-{count}"][tool.label][f"{step}_{name}"].append(value)
        if kind == "rpm":
            found[f"{named}-{count}"]["floor of one more"]["more_cpu_seconds"].append(floor_of_one_more(paths, extra[number], place))


HEAD = ["", "packages", "full CPU s", "full s", "peak MB", "+1 CPU s", "+1 s", "peak MB"]


def rows(found):
    for size, tools in found.items():
        kind, count = size.split("-")
        for label, numbers in tools.items():
            of = lambda name, form, scale=1: f"{scale * statistics.median(numbers[name]):{form}}" if name in numbers else ""
            full = [of("full_cpu_seconds", ".2f"), of("full_seconds", ".2f"), of("full_peak_rss_bytes", ".0f", 1e-6)]
            more = [of("more_cpu_seconds", ".3f"), of("more_seconds", ".3f"), of("more_peak_rss_bytes", ".0f", 1e-6)]
            yield [f"{kind}: {label}", f"{int(count):,}", *full, *more]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=["rpm", "deb", "larger deb"], default=["rpm", "deb", "larger deb"])
    parser.add_argument("--sizes", nargs="+", type=int, default=[500, 2_000, 5_000])
    parser.add_argument("--larger-size", type=int, default=2_000, help="of the repository of larger debs (default 2000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=pathlib.Path, default=packages.CACHE, help="where repositories are made, on the file system of the packages (default RWS_BENCH_CACHE)")
    parser.add_argument("--keep-as", default="index", help="the name of the results file behind the date")
    options = parser.parse_args()
    options.directory.mkdir(parents=True, exist_ok=True)
    facts = report.machine(options.directory)
    report.print_caveats(CAVEATS, facts)
    found = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
    # larger debs take 350 MB: one size is enough to see what hashing costs
    sizes = {"larger deb": [options.larger_size]}
    with contextlib.suppress(KeyboardInterrupt):  # what there is by then is shown and kept
        for kind in options.kinds:
            for count in sizes.get(kind, options.sizes):
                measure(kind, count, options.rounds, options.directory, found)
    print()
    report.print_table(f"Medians of {options.rounds} rounds", HEAD, list(rows(found)))
    report.keep(options.keep_as, facts, {"rounds": options.rounds, "load_average_at_the_end": [round(load, 2) for load in os.getloadavg()], **found})


if __name__ == "__main__":
    main()
