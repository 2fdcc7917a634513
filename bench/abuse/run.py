"""One run: a server, attackers, honest clients beside them, a kill, and a start with all that was promised."""

import contextlib
import dataclasses
import pathlib
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from abuse import probes, service
from abuse.attack import Attack, Attacker, Target
from abuse.confinement import Confinement, MemoryUse

# What an attacker may take longer than it was told before the run goes on: requests that wait for an answer.
LINGER_SECONDS, SHORT_LINGER_SECONDS = 5, 3
# So little in each of so many seconds is rest.
IDLE_CPU_SECONDS, IDLE_SECONDS = 0.05, 3
# The gate looks no longer at a server that still works on what was pending.
SHORT_REST_SECONDS = 6


@dataclass
class Settings:
    program: pathlib.Path
    directory: pathlib.Path
    confinement: Confinement
    hashed: dict[str, str]
    server_core: int | None
    client_core: int | None
    seconds: float
    short: bool = False
    one_address: bool = False
    keeps: bool = False
    attackers: int = 1
    patience: float = probes.PUBLISHED_SECONDS


@dataclass
class Outcome:
    name: str
    seconds: float = 0.0
    alive: bool = True
    exit_code: int | None = None
    died_after_seconds: float | None = None
    use: MemoryUse = field(default_factory=MemoryUse)
    restart_use: MemoryUse = field(default_factory=MemoryUse)
    cpu_seconds: float = 0.0
    answers: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    probes: dict[str, dict] = field(default_factory=dict)
    promised: int = 0
    missing: list[str] = field(default_factory=list)
    restart_alive: bool = True
    start_seconds: float | None = None
    published_seconds: float | None = None
    settled_seconds: float | None = None
    """Until the server rested after its restart; None where it did not."""
    complaints: list[str] = field(default_factory=list)
    is_check: bool = False

    def faults(self, memory_bytes: int, asserts_times: bool) -> list[str]:
        """What must not be, in words."""
        found = [f"answers: {violation}" for violation in self.violations]
        if not self.alive:
            found.append(f"the server died after {self.died_after_seconds or 0:.0f} s, exit code {self.exit_code}")
        if not self.restart_alive:
            found.append("the server did not survive its start with what was pending")
        for when, use in (("", self.use), (" after the restart", self.restart_use)):
            if use.killed:
                found.append(f"killed for memory{when}")
            if use.resident >= memory_bytes:
                found.append(f"resident memory reached {use.resident >> 20} MiB{when}")
            elif use.resident + (use.sockets or 0) >= memory_bytes:
                found.append(f"resident memory and buffers of sockets reached {use.resident + (use.sockets or 0) >> 20} MiB{when}")
        found += [f"promised and not published: {name}" for name in self.missing[:5]]
        # What clients were told by a server that is not there says nothing more.
        for name, probe in self.probes.items() if self.alive else ():
            # Whoever gave up was not answered in time, which is a judgement on times too.
            failed = {answer: count for answer, count in probe["failed"].items() if asserts_times or answer != "timeout"}
            if failed:
                found.append(f"{name}: {', '.join(f'{count} × {answer}' for answer, count in failed.items())} of {probe['asked']}")
            if asserts_times and probe["over_limit"]:
                found.append(
                    f"{name}: {probe['over_limit']} of {probe['asked']} over {probes.LIMIT_SECONDS:.0f} s, at most {probe['max_seconds']:.1f} s"
                )
        return found


def run(attacks: list[Attack], name: str, settings: Settings) -> Outcome:
    outcome = Outcome(name)
    settings.confinement.start_anew()
    with fresh_directory(settings, name) as directory, _service(directory, settings) as served:
        for attack in attacks:
            if attack.forge:
                attack.forge(settings.short)
            if attack.prepare:
                attack.prepare(served)
        served.start()
        clients = probes.HonestClients(served, directory, "a", settings.one_address)
        clients.warm()
        settings.confinement.forget_peaks()
        _attack(attacks, served, clients, settings, outcome)
        outcome.use = settings.confinement.use()
        _restart(served, clients, settings, outcome)
        outcome.complaints = served.complaints()
    return outcome


@contextlib.contextmanager
def fresh_directory(settings: Settings, name: str) -> Iterator[pathlib.Path]:
    directory = settings.directory / name
    shutil.rmtree(directory, ignore_errors=True)
    yield directory
    if not settings.keeps:
        shutil.rmtree(directory, ignore_errors=True)


def _service(directory: pathlib.Path, settings: Settings) -> service.Service:
    return service.Service(service.Options(settings.program, directory, settings.confinement, settings.hashed, settings.server_core))


def _attack(attacks: list[Attack], served: service.Service, clients: probes.HonestClients, settings: Settings, outcome: Outcome) -> None:
    began, cpu = time.monotonic(), served.cpu_seconds()
    until = began + settings.seconds
    linger = SHORT_LINGER_SECONDS if settings.short else LINGER_SECONDS
    target = Target(served.address, until, settings.short, str(served.data), settings.one_address)
    with _attackers(attacks, target, settings) as attackers, clients:
        # Attackers end by themselves, and look at what they hold while the server still lives.
        while served.is_alive() and time.monotonic() < until + linger and not all([attacker.has_ended() for attacker in attackers]):
            time.sleep(0.1)
        outcome.seconds = time.monotonic() - began
        outcome.alive, outcome.exit_code = served.is_alive(), served.exit_code()
        if not outcome.alive:
            outcome.died_after_seconds = outcome.seconds
        outcome.cpu_seconds = max(0.0, served.cpu_seconds() - cpu)
        # Under whatever is still under way, so that there is something to start with.
        clients.finish()
        served.kill()
    _add_up([attacker.result() for attacker in attackers], outcome)
    outcome.probes = {probe.name: probe.plain() for probe in clients.probes}


@contextlib.contextmanager
def _attackers(attacks: list[Attack], target: Target, settings: Settings) -> Iterator[list[Attacker]]:
    """Running attackers; none outlives the context."""
    attackers: list[Attacker] = []
    try:
        for number, attack in enumerate(attack for attack in attacks for _ in range(settings.attackers)):
            own = dataclasses.replace(target, number=number)
            attackers.append(Attacker(attack, own, settings.client_core, settings.confinement))
        yield attackers
    finally:
        for attacker in attackers:
            attacker.stop()


def _add_up(results: list[dict], outcome: Outcome) -> None:
    answers: Counter = Counter()
    for result in results:
        answers.update(result["answers"])
        outcome.notes += result["notes"]
        outcome.violations += result["violations"]
    outcome.answers = dict(answers.most_common())


def _restart(served: service.Service, clients: probes.HonestClients, settings: Settings, outcome: Outcome) -> None:
    """On the same data: what was pending is read again, and what was promised is published."""
    settings.confinement.forget_peaks()
    outcome.promised = clients.promised.count()
    try:
        outcome.start_seconds = served.start()
        outcome.published_seconds, outcome.missing = probes.wait_until_published(
            served.address, clients.promised, served.is_alive, settings.patience
        )
        outcome.settled_seconds = _wait_until_idle(served, settings)
    except SystemExit as error:
        outcome.notes.append(str(error)[-600:])
    outcome.restart_alive = served.is_alive()
    outcome.restart_use = settings.confinement.use()
    served.kill()


def _wait_until_idle(served: service.Service, settings: Settings) -> float | None:
    """The backlog of the attackers is read and published too: whatever that takes must not kill the server."""
    began = time.monotonic()
    idle, before = 0, served.cpu_seconds()
    while served.is_alive() and time.monotonic() - began < (SHORT_REST_SECONDS if settings.short else settings.patience):
        time.sleep(1)
        cpu = served.cpu_seconds()
        idle = idle + 1 if cpu - before < IDLE_CPU_SECONDS else 0
        before = cpu
        if idle >= IDLE_SECONDS:
            return time.monotonic() - began
    return None
