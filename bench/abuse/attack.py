"""What an attack is: a function in a process of its own, and what it counted."""

import json
import os
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from abuse import wire
from abuse.confinement import Confinement, run_on
from abuse.service import Service

THREAD_STACK_BYTES = 256 << 10


@dataclass
class Tally:
    """What came back. Attacks that know what must be answered note what was not as a violation."""

    answers: Counter = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self, outcome: str | wire.Answer, times: int = 1) -> None:
        with self._lock:
            self.answers[outcome.outcome if isinstance(outcome, wire.Answer) else outcome] += times

    def note(self, text: str) -> None:
        with self._lock:
            self.notes.append(text)

    def expect(self, holds: bool, text: str) -> None:
        if not holds:
            with self._lock:
                self.violations.append(text)

    def plain(self) -> dict:
        return {"answers": dict(self.answers), "notes": self.notes, "violations": self.violations}


@dataclass(frozen=True)
class Target:
    """The server as an attacker sees it, and how long the attack lasts."""

    address: tuple[str, int]
    until: float
    short: bool
    data: str
    """The data directory, for attacks that need something to lie there; they may not change what the server wrote."""
    one_address: bool = False
    """Everybody comes from 127.0.0.1, honest clients too."""
    number: int = 0
    """Of this attacker among those of a run, for names and addresses that are its own."""

    def left(self) -> float:
        return max(0.0, self.until - time.monotonic())

    @property
    def over(self) -> bool:
        return time.monotonic() >= self.until

    def source(self, number: int = 0) -> str:
        """An address that no other attacker has, where there may be several."""
        if self.one_address:
            return "127.0.0.1"
        return f"127.{16 + self.number % 200}.{(number >> 8) & 255}.{(number & 255) or 1}"

    def wait(self, seconds: float) -> None:
        time.sleep(min(seconds, self.left()))


@dataclass(frozen=True)
class Attack:
    name: str
    title: str
    run: Callable[[Target, Tally], None]
    prepare: Callable[[Service], None] | None = None
    """Called before the server starts."""
    forge: Callable[[bool], object] | None = None
    """Makes once, before the server starts, what takes the attacker long; less of it for the short form."""
    short: bool = False
    """Bounded in bytes and counts, so that the gate can run it."""


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Runs `work` with 0 to `count` - 1 at the same time, and waits for all."""
    threading.stack_size(THREAD_STACK_BYTES)
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class Attacker:
    """An attack in a process of its own, which weighs less than the honest clients on the same core."""

    def __init__(self, attack: Attack, target: Target, core: int | None, confined: Confinement) -> None:
        self.attack, self.target = attack, target
        self._ended = False
        self._reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._reader)
            _attack_and_leave(attack, target, core, confined, writer)
        os.close(writer)

    def has_ended(self) -> bool:
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] == self.pid
        return self._ended

    def stop(self) -> None:
        """Nothing is left to attack."""
        if not self.has_ended():
            os.kill(self.pid, signal.SIGTERM)

    def result(self) -> dict:
        """Waits for the end; what was counted."""
        with os.fdopen(self._reader, "rb") as pipe:
            text = pipe.read()
        if not self._ended:
            os.waitpid(self.pid, 0)
            self._ended = True
        return json.loads(text) if text else {"answers": {}, "notes": ["the attacker died"], "violations": []}


def _attack_and_leave(attack: Attack, target: Target, core: int | None, confined: Confinement, writer: int) -> None:
    """Never returns: this process has the stack of the one that made it."""
    tally = Tally()
    try:
        _attack(attack, target, core, confined, tally)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(json.dumps(tally.plain()).encode())
    finally:
        os._exit(0)


def _attack(attack: Attack, target: Target, core: int | None, confined: Confinement, tally: Tally) -> None:
    signal.signal(signal.SIGTERM, _leave)
    try:
        if core is not None:
            run_on(core)
        confined.enter_as_attacker()
        _raise_open_files()
        attack.run(target, tally)
    except SystemExit:
        tally.count("attackers that were stopped")
    except Exception:
        tally.note("the attacker failed: " + traceback.format_exc(limit=-3).replace("\n", " | "))


def _leave(*_) -> None:
    raise SystemExit


def _raise_open_files() -> None:
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
