"""Many requests for one thing by wrk, and what they cost the server that answers them."""

import http.client
import json
import os
import pathlib
import shutil
import statistics
import subprocess

import counters

SCRIPT = pathlib.Path(__file__).with_name("wrk.lua")
# An answer is larger or smaller than the one that was looked at by a framing or a date at most.
SIZE_TOLERANCE = 0.02
TIMEOUT_SECONDS = 60
FINE_CPU = "But CPU of runs of wrk comes from the clocks of the processes, to the nanosecond."
WARM_SECONDS = 1


class Answer:
    """What a server answers to one GET."""

    def __init__(self, address, path, headers=None):
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        self.status, self.headers, self.body = answer.status, answer.headers, answer.read()
        connection.close()
        head = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{name}: {value}" for name, value in answer.headers.items()), ""]
        self.sent_bytes = len("\r\n".join(head)) + 2 + len(self.body)


class Request:
    """A GET as wrk sends it to one server, with the answer that it got when it was looked at."""

    def __init__(self, server, path, headers=None):
        self.server, self.path, self.headers = server, path, headers or {}
        self.answer = Answer(server.address, path, headers)

    def repeated(self, connections, seconds):
        """One run, by as many threads as there are cores. What is not answered as before ends the script."""
        threads = min(connections, len(os.sched_getaffinity(0)))
        command = ["wrk", "--threads", threads, "--connections", connections]
        command += ["--duration", f"{seconds}s", "--timeout", f"{TIMEOUT_SECONDS}s"]
        for name, value in self.headers.items():
            command += ["--header", f"{name}: {value}"]
        command += ["--script", SCRIPT, f"http://{self.server.address}{self.path}"]
        before = counters.children_cpu_seconds()
        with counters.Meter(self.server.pids()) as meter:
            ran = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode:
            raise SystemExit(f"wrk failed:\n{ran.stdout}")
        numbers = json.loads(ran.stdout.strip().rsplit("\n", 1)[1])
        self._check(numbers, connections)
        requests = numbers["requests"]
        return {
            **numbers,
            "requests_per_second": round(requests / numbers["seconds"], 1),
            "bytes_per_second": round(numbers["bytes"] / numbers["seconds"]),
            "cpu_seconds": round(meter.cpu_seconds, 4),
            "cpu_microseconds_each": round(1e6 * meter.cpu_seconds / requests, 2),
            "peak_rss_bytes": meter.peak_rss_bytes,
            "wrk_cpu_seconds": round(counters.children_cpu_seconds() - before, 4),
        }

    def _check(self, numbers, connections):
        where = f"{self.path} of {self.server.label}"
        failed = {name: numbers[name] for name in ("failed_answers", "timeouts", "socket_errors") if numbers[name]}
        if failed or not numbers["requests"]:
            raise SystemExit(f"{where}: {numbers['requests']} answers, {failed}")
        # wrk takes any status below 400; but a 200 in place of a 304, or half a file, has another size
        expected = numbers["requests"] * self.answer.sent_bytes
        under_way = connections * self.answer.sent_bytes
        if not expected * (1 - SIZE_TOLERANCE) <= numbers["bytes"] <= expected * (1 + SIZE_TOLERANCE) + under_way:
            raise SystemExit(f"{where}: {numbers['requests']} answers have {numbers['bytes']} bytes, not {expected}")
        now = Answer(self.server.address, self.path, self.headers)
        if (now.status, now.body) != (self.answer.status, self.answer.body):
            raise SystemExit(f"{where}: the answer became another while it was measured, {self.answer.status}, then {now.status}")


def alternated(requests, rounds, connections, seconds):
    """Runs of the servers in turn, so that what else the machine does meets all of them; a list of runs for each."""
    for request in requests:
        request.repeated(connections, WARM_SECONDS)
    runs = [[] for _ in requests]
    for _ in range(rounds):
        for request, own in zip(requests, runs):
            own.append(request.repeated(connections, seconds))
    return runs


def median(runs, field):
    return statistics.median(run[field] for run in runs)


def ratios(runs, others, field="requests_per_second"):
    """A number against another server's, round by round."""
    return [round(run[field] / other[field], 3) for run, other in zip(runs, others)]


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise SystemExit(f"{program} is missing: apt-get install {program}")
