"""What a step costs: CPU to the nanosecond, bytes read and written, peak memory, and requests to the store."""

import collections
import os
import pathlib
import re
import resource
import statistics
import subprocess
import tempfile
import time

import server as processes
from watch import Watch


def cpu_clock(pid):
    """The number of the clock of a process's CPU time (clock_getcpuclockid(3)), finer than the ticks of /proc/PID/stat."""
    return (~pid << 3) | 2


class Meter:
    """CPU and peak memory of all processes of a server. Pages that they share are counted for each."""

    def __init__(self, pids):
        self.pids = pids

    def __enter__(self):
        for pid in self.pids:
            processes.forget_peak(pid)
        self._before = self._cpu_seconds()
        return self

    def __exit__(self, *_):
        self.cpu_seconds = self._cpu_seconds() - self._before
        self.peak_rss_bytes = sum(processes.status_bytes(pid, "VmHWM") for pid in self.pids)

    def _cpu_seconds(self):
        return sum(time.clock_gettime(cpu_clock(pid)) for pid in self.pids)


def io_bytes(pid):
    """/proc/PID/io: what passed read and write calls, and what was sent to the disk's pages."""
    return {name: int(value) for name, value in (line.split(": ") for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines())}


class Requests:
    """The requests that Ceph's gateway has answered, from the access log of its front end."""

    LINE = re.compile(rb' beast: .*?: \S+ - \S+ \[[^]]*\] "([A-Z]+) (\S+) HTTP/1\.\d" (\d+) ')

    def __init__(self, state, bucket):
        self.log, self.bucket = state / "log/client.rgw.log", f"/{bucket}".encode()
        self.at = self.log.stat().st_size

    def taken(self):
        """Method and kind of each request since the last call."""
        with open(self.log, "rb") as log:
            log.seek(self.at)
            content = log.read()
        end = content.rfind(b"\n") + 1
        self.at += end
        found = []
        for method, path, _ in self.LINE.findall(content[:end]):
            if path.startswith(self.bucket):
                found.append(f"{method.decode()} {kind_of(path[len(self.bucket) :].decode())}")
        return found


def counted(requests):
    return {"requests": len(requests), "requests_by_kind": dict(sorted(collections.Counter(requests).items()))}


def kind_of(path):
    """What a request is about, without its digests and numbers."""
    if "list-type=" in path:
        return "a listing"
    path = path.split("?")[0]
    if "/.rws/" in path:
        return "/".join(path.split("/")[1:3])
    if "/repodata/" in path or "/dists/" in path:
        return "a public index"
    return "a public package" if path.endswith((".rpm", ".deb")) else "another object"


class Cost:
    """What one step of the server costs, from its start to `settle_seconds` after its end, without any polls."""

    SETTLE_SECONDS = 1.5

    def __init__(self, server, requests=None):
        self.server, self.requests, self.clock = server, requests, cpu_clock(server.pid)

    def of(self, put):
        """The step is an upload whose client does not wait; `put` returns the moment of its answer."""
        server = self.server
        server.forget_peak()
        before, io = time.clock_gettime(self.clock), io_bytes(server.pid)
        if self.requests:
            self.requests.taken()
        put()
        answered = time.clock_gettime(self.clock)
        last, quiet = answered, 0
        # published and cleaned up when the process has done nothing for a while
        end = time.monotonic() + 120
        while quiet < self.SETTLE_SECONDS and time.monotonic() < end:
            time.sleep(0.1)
            now = time.clock_gettime(self.clock)
            quiet = quiet + 0.1 if now - last < 0.002 else 0
            last = now
        after = io_bytes(server.pid)
        numbers = {
            "cpu_until_answer_seconds": round(answered - before, 4),
            "cpu_seconds": round(last - before, 4),
            "written_bytes": after["write_bytes"] - io["write_bytes"],
            "read_bytes": after["rchar"] - io["rchar"],
            "peak_rss_bytes": server.status_bytes("VmHWM"),
            "rss_after_bytes": server.rss_bytes(),
        }
        if self.requests:
            numbers |= counted(self.requests.taken())
        return numbers


def watched(command, directory, environment=None, stdout=subprocess.DEVNULL):
    """Wall and CPU seconds and peak RSS of a command. The peak is looked at every 10 ms: rusage has that of this process in it."""
    with tempfile.TemporaryFile() as complaints:
        before, start = children_cpu_seconds(), time.monotonic()
        process = subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=complaints)
        with Peak(process.pid) as peak:
            process.wait()
            seconds, after = time.monotonic() - start, children_cpu_seconds()
        complaints.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command[:4])} failed: {complaints.read()[-2000:].decode()}")
    return {"seconds": round(seconds, 4), "cpu_seconds": round(after - before, 4), "peak_rss_bytes": peak.size_bytes}


def children_cpu_seconds():
    """Of all children that have ended, and theirs: user and system, to the microsecond."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Peak(Watch):
    """The peak RSS of a process (VmHWM) as it was seen last, from a thread of this process."""

    def __init__(self, pid):
        super().__init__()
        self.status, self.size_bytes = pathlib.Path(f"/proc/{pid}/status"), 0

    def look(self):
        try:
            if found := re.search(r"^VmHWM:\s+(\d+) kB$", self.status.read_text(), re.MULTILINE):
                self.size_bytes = int(found.group(1)) * 1024
        except OSError:
            return False


def middle(values, scale=1.0, digits=0):
    """Median, with least and most."""
    shown = [f"{scale * value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values))]
    return shown[0] if len(set(shown)) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def megabytes(values):
    return middle(values, 1e-6, 1)
