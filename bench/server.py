"""The program, started as a user starts it, and what the kernel says of its process."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

from watch import Watch

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
START_SECONDS = 30


def binary():
    """The release build: RWS_BIN, or where cargo puts it."""
    cargo = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "release" / "rws"
    program = pathlib.Path(os.environ.get("RWS_BIN", cargo))
    if not program.exists():
        raise SystemExit(f"{program} does not exist: run `cargo build --release -p rws`, or set RWS_BIN")
    return program


def process_cpu_seconds(pid):
    """User and system time of all threads, in steps of a tick (10 ms)."""
    text = (pathlib.Path("/proc") / str(pid) / "stat").read_text()
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def status_bytes(pid, field):
    """A line of /proc/PID/status: VmHWM (peak RSS), RssAnon, RssFile."""
    text = (pathlib.Path("/proc") / str(pid) / "status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE).group(1)) * 1024


def forget_peak(pid):
    """Sets the peak RSS to the present RSS (proc(5), clear_refs)."""
    (pathlib.Path("/proc") / str(pid) / "clear_refs").write_text("5")


def leave_on_sigterm():
    """`kill` and `timeout` end a script as Ctrl-C does: contexts are left, so servers and directories go too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def environment_without_own():
    """The program's own variables would change what is measured."""
    return {name: value for name, value in os.environ.items() if name != "PORT" and not name.startswith(("RWS_", "S3_", "GPG_"))}


class Installation:
    """What the program does not make itself, so that it is the same after a restart: a store, a user, a signing key."""

    def __init__(self, store, key):
        self.user, self.password = "bench", secrets.token_hex(12)
        command = [str(binary()), "hash-password"]
        hashed = subprocess.run(command, input=self.password + "\n", stdout=subprocess.PIPE, text=True, check=True).stdout
        self.environment = {**store, "RWS_CREDENTIALS": json.dumps({self.user: hashed.strip()}), "GPG_SIGN_KEY_ARMORED": key}


class Server:
    """A running program on its data directory; use it with `with`.

    With an `installation` it runs on that one's store, with its `environment`, `user` and `password`. With a `log` it
    writes there, as a service does: a pipe would have to be emptied by this process, which costs CPU for each request.
    """

    label = "rws"

    def __init__(self, directory, installation=None, log=None):
        environment = environment_without_own()
        directory.mkdir(parents=True, exist_ok=True)
        self.data = directory / "data"
        self.lines, self.log_path = [], log
        self.ready = threading.Event()
        self.address = self.user = self.password = None
        command = [str(binary()), "serve", "--listen", "127.0.0.1:0"]
        if installation:
            spool = directory / "spool"
            spool.mkdir(exist_ok=True)
            environment |= {"RWS_SPOOL_DIR": str(spool), **installation.environment}
            self.user, self.password = installation.user, installation.password
        else:
            command += ["--data-dir", str(self.data)]
        with open(log, "w") if log else contextlib.nullcontext(subprocess.PIPE) as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                text=True,
            )
        threading.Thread(target=self._follow, daemon=True).start()
        if not self.ready.wait(START_SECONDS) or self.process.poll() is not None or not self._is_ready():
            self.stop()
            raise SystemExit("the program does not get ready; it said:\n" + "\n".join(self.lines))
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _is_ready(self):
        """Waits until the program has tried its store."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            try:
                with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=START_SECONDS):
                    return True
            except urllib.error.URLError:
                time.sleep(0.05)
        return False

    def _follow(self):
        for line in self._first_words() if self.log_path else self.process.stdout:
            line = line.rstrip("\n")
            self.lines.append(line)
            for label, name in (("listening on http://", "address"), ("user: ", "user"), ("password: ", "password")):
                if line.strip().startswith(label):
                    setattr(self, name, line.strip()[len(label) :].strip().rstrip("/"))
            if self.address and self.user and self.password:
                self.ready.set()
        self.ready.set()

    def _first_words(self):
        """The lines of the log file, as they come, until the program has said all that is waited for."""
        with open(self.log_path) as log:
            line = ""
            while not self.ready.is_set():
                ended = self.process.poll() is not None
                line += log.readline()
                if line.endswith("\n"):
                    yield line
                    line = ""
                elif ended:
                    return
                else:
                    time.sleep(0.02)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self, wanted=r"\b(TRACE|DEBUG|INFO|WARN|ERROR)\b|panicked"):
        """What the program printed beside its first words, without colours."""
        with open(self.log_path) if self.log_path else contextlib.nullcontext(self.lines) as said:
            lines = (re.sub(r"\x1b\[[0-9;]*m", "", line.rstrip("\n")) for line in said)
            return [line for line in lines if re.search(wanted, line)]

    def complaints(self):
        return self.log(r"\b(WARN|ERROR)\b|panicked")

    def pids(self):
        return [self.pid]

    def cpu_seconds(self):
        return process_cpu_seconds(self.pid)

    def rss_bytes(self):
        return int((pathlib.Path("/proc") / str(self.pid) / "statm").read_text().split()[1]) * PAGE_BYTES

    def status_bytes(self, field):
        return status_bytes(self.pid, field)

    def forget_peak(self):
        forget_peak(self.pid)


class MemorySampler(Watch):
    """RSS every 50 ms, and how many seconds after the start it was so."""

    interval_seconds = 0.05

    def __init__(self, server):
        super().__init__()
        self.server, self.samples = server, []

    def __enter__(self):
        self.start = time.monotonic()
        return super().__enter__()

    def look(self):
        try:
            self.samples.append((time.monotonic() - self.start, self.server.rss_bytes()))
        except OSError:
            return False

    def between(self, start, end):
        """The samples taken between two times of time.monotonic()."""
        return [rss for at, rss in self.samples if start <= at + self.start <= end]
