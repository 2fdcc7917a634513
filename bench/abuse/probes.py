"""The honest clients: what they ask beside an attack, when they were answered, and what they were promised."""

import itertools
import pathlib
import re
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import client
from abuse import apt, forged_deb, forged_rpm, service, wire
from abuse.wire import Answer

LIMIT_SECONDS = 2.0
GIVE_UP_SECONDS = 30.0
PUBLISHED_SECONDS = 120.0
WARM_PACKAGE = "honest-first"


@dataclass
class Probe:
    """One kind of request, again and again."""

    name: str
    ask: Callable[[], Answer]
    good: frozenset[int]
    pause_seconds: float
    seconds: list[float] = field(default_factory=list)
    failures: Counter = field(default_factory=Counter)

    def run(self, ended: threading.Event) -> None:
        while not ended.is_set():
            answer = self.ask()
            if ended.is_set() and answer.status == 0:
                # The server was stopped under it. Whoever had waited for too long by then has still waited.
                if answer.seconds > LIMIT_SECONDS:
                    self.seconds.append(answer.seconds)
                return
            self.seconds.append(answer.seconds)
            if answer.status not in self.good:
                self.failures[answer.reason if answer.status == 503 else answer.outcome] += 1
            ended.wait(self.pause_seconds)

    @property
    def over_limit(self) -> int:
        return sum(value > LIMIT_SECONDS for value in self.seconds)

    def plain(self) -> dict:
        return {
            "asked": len(self.seconds),
            "failed": dict(self.failures),
            "over_limit": self.over_limit,
            "p50_seconds": round(statistics.median(self.seconds), 3) if self.seconds else None,
            "max_seconds": round(max(self.seconds), 3) if self.seconds else None,
        }


class Promised:
    """Names of packages that were answered 2xx, by target."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def add(self, target: str, name: str) -> None:
        with self._lock:
            self._names.setdefault(target, set()).add(name)

    def count(self) -> int:
        return sum(len(names) for names in self._names.values())

    def missing(self, address: tuple[str, int]) -> dict[str, set[str]]:
        found = {target: names - published(address, target) for target, names in self._names.items()}
        return {target: names for target, names in found.items() if names}


def root_path(target: str) -> str:
    """What a client reads first; there is no signing key here, so it is not InRelease."""
    if "/el/" in target or "/fedora/" in target:
        return client.RpmRepository(target).root_path
    return client.DebRepository(target).suite + "/Release"


def published(address: tuple[str, int], target: str) -> set[str]:
    """The names in an index, read as a client reads it; none where something is missing."""
    is_deb = "/el/" not in target and "/fedora/" not in target
    repository = client.DebRepository(target) if is_deb else client.RpmRepository(target)
    repository.root_path = root_path(target)
    root = wire.request(address, "GET", repository.root_path, timeout=GIVE_UP_SECONDS, source="127.0.1.20")
    if root.status != 200:
        return set()
    place = repository.index_of(root.body)
    if place is None:
        return set()
    path, name, _ = place
    index = wire.request(address, "GET", path, timeout=GIVE_UP_SECONDS, source="127.0.1.20")
    return repository.names(client.opened(name, index.body)) if index.status == 200 else set()


def wait_until_published(
    address: tuple[str, int], promised: Promised, is_alive: Callable[[], bool], patience: float = PUBLISHED_SECONDS
) -> tuple[float, list[str]]:
    """Seconds until all is in the index, and what was not there in time."""
    start = time.monotonic()
    while True:
        missing = promised.missing(address)
        waited = time.monotonic() - start
        if not missing or waited > patience or not is_alive():
            return waited, sorted(f"{target} {name}" for target, names in missing.items() for name in names)
        time.sleep(0.5)


class HonestClients:
    """All of them. `with` runs them in threads beside whatever the body does."""

    def __init__(self, served: service.Service, directory: pathlib.Path, label: str, one_address: bool = False) -> None:
        self.address, self.promised = served.address, Promised()
        self._label, self._numbers = label, itertools.count()
        self._one_address = one_address
        self._by_pbkdf2, self._by_scrypt, self._by_argon2 = service.honest_users()
        self._newcomers = {form: itertools.cycle(service.newcomers(form)) for form in service.HASH_FORMATS}
        self._apt = apt.Apt(directory / "apt", served.address, service.HONEST_DEB)
        self._large_path = ""
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        good_upload, good_read = frozenset({201}), frozenset({200})
        # Whoever is logged in and names a file that is not there.
        logged_in = frozenset({404})
        self.probes = [
            Probe("health", lambda: self._get("/-/health", 1), good_read, 0.3),
            Probe("upload deb", lambda: self._upload_deb(service.HONEST_DEB, self._by_scrypt, 2), good_upload, 1.0),
            Probe("upload rpm", self._upload_rpm, good_upload, 1.3),
            Probe("upload beside", lambda: self._upload_deb(service.ATTACKED_DEB, service.neighbour(), 4), good_upload, 1.7),
            Probe("apt-get update", lambda: self._apt.update(GIVE_UP_SECONDS), good_read, 0.7),
            Probe("get small", lambda: self._get(root_path(service.HONEST_DEB), 5), good_read, 0.3),
            Probe("get 1 MB", lambda: self._get(self._large_path, 6), good_read, 0.5),
            Probe("login again", lambda: self._login(self._by_argon2, 7), logged_in, 0.7),
            *(
                Probe(f"login {form}", lambda form=form: self._login(next(self._newcomers[form]), 8), logged_in, 2.0)
                for form in service.HASH_FORMATS
            ),
        ]

    def warm(self) -> None:
        """Logs all honest users in, makes the repositories, and lets apt read them once."""
        deb, rpm = forged_deb.honest(WARM_PACKAGE), forged_rpm.rpm(WARM_PACKAGE)
        first = [
            (service.HONEST_DEB, deb, self._by_scrypt, "honest"),
            (service.HONEST_RPM, rpm, self._by_pbkdf2, None),
            (service.ATTACKED_DEB, forged_deb.honest("neighbour-first", 1000), service.neighbour(), "honest"),
        ]
        for target, file, user, product in first:
            answer = wire.upload(self.address, target, [file], user=user, product=product, query="?wait=30", source=self._source(1))
            if answer.status != 201:
                raise SystemExit(f"the first upload to {target} was answered {answer.outcome}: {answer.body[:300]!r}")
        self._login(self._by_argon2, 7)
        kind, series, distribution, codename = service.HONEST_DEB.split("/")
        self._large_path = f"/{kind}/{series}/{distribution}/pool/{codename}/main/h/honest/{deb[0]}"
        for answer in (self._get(self._large_path, 6), self._apt.update(GIVE_UP_SECONDS)):
            if answer.status != 200:
                raise SystemExit(f"before the attack a read fails: {answer.outcome}")

    def __enter__(self) -> "HonestClients":
        for probe in self.probes:
            thread = threading.Thread(target=probe.run, args=(self._ended,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def finish(self) -> None:
        """Nobody asks again."""
        self._ended.set()

    def __exit__(self, *_) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS + 5)

    def _source(self, number: int) -> str:
        return "127.0.0.1" if self._one_address else f"127.0.1.{number}"

    def _get(self, path: str, number: int) -> Answer:
        return wire.request(self.address, "GET", path, timeout=GIVE_UP_SECONDS, source=self._source(number))

    def _login(self, user: wire.User, number: int) -> Answer:
        path = f"/{service.LOGIN_TARGET}/not-there_1_amd64.deb"
        return wire.request(self.address, "DELETE", path, user=user, timeout=GIVE_UP_SECONDS, source=self._source(number))

    def _upload_deb(self, target: str, user: wire.User, number: int) -> Answer:
        name = f"honest-{self._label}-{next(self._numbers)}"
        return self._upload(target, name, forged_deb.honest(name), user, number, "honest")

    def _upload_rpm(self) -> Answer:
        name = f"honest-{self._label}-{next(self._numbers)}"
        return self._upload(service.HONEST_RPM, name, forged_rpm.rpm(name), self._by_pbkdf2, 3, None)

    def _upload(self, target: str, name: str, file: tuple[str, bytes], user: wire.User, number: int, product: str | None) -> Answer:
        answer = wire.upload(self.address, target, [file], user=user, product=product, source=self._source(number), timeout=GIVE_UP_SECONDS)
        if 200 <= answer.status < 300:
            self.promised.add(target, re.sub(r"_.*", "", name))
        return answer
