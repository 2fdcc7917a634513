"""What the usual tools need for the same step: one new package beside many that they have indexed before."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import packages

COMMANDS = {
    # Writes and compresses primary, filelists and other; no signature.
    "rpm": ["createrepo_c", "--quiet", "--update", "tree"],
    # Writes Packages from its database; no compression, no Release, no signature.
    "deb": ["apt-ftparchive", "--db", "cache.db", "packages", "tree"],
}


def one_more(kind, files, many, rounds=3):
    """Seconds and CPU seconds of each round; None where the tool is not installed."""
    command = COMMANDS[kind]
    if not shutil.which(command[0]):
        return None
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
        directory = pathlib.Path(directory)
        tree = directory / "tree"
        tree.mkdir()
        for name, content in files[:many]:
            (tree / name).write_bytes(content)
        _run(command, directory)
        numbers = {"command": " ".join(command), "seconds": [], "cpu_seconds": []}
        for name, content in files[many : many + rounds]:
            (tree / name).write_bytes(content)
            seconds, cpu = _run(command, directory)
            numbers["seconds"].append(round(seconds, 4))
            numbers["cpu_seconds"].append(round(cpu, 2))
        return numbers


def _run(command, directory):
    before = os.times()
    start = time.monotonic()
    with open(directory / "output", "wb") as output:
        subprocess.run(command, cwd=directory, stdout=output, stderr=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - start
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu
