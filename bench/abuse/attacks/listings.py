"""Pages of a directory with 200,000 entries."""

import itertools

from abuse import service, wire
from abuse.attack import Attack, Tally, Target, in_threads

ENTRIES = 200_000
SHORT_ENTRIES = 20_000
CLIENTS = 100
PLACE = "live/1.10/many/Packages"
VIEWS = ["", "?format=json", "?type=file", "?type=directory"]
RECURSIVE = ["/live/1.10/many/?recursive=1", "/live/1.10/?recursive=1&format=json", "/?recursive=1"]
TINY_RECEIVE_BYTES = 2048


def _lay(count: int, served: service.Service) -> None:
    directory = served.data / PLACE
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (directory / f"package-with-a-usual-name-{number:06}-1.0-1.x86_64.rpm").touch()


def _paths() -> list[str]:
    return [*(f"/{PLACE}/{view}" for view in VIEWS), *RECURSIVE]


def readers(target: Target, tally: Tally) -> None:
    """Clients that read all of it and ask again."""
    paths = _paths()

    def one(client: int) -> None:
        left = 1 if target.short else 1 << 30
        for path in itertools.islice(itertools.cycle(paths), client, None):
            if not left or target.over:
                return
            left -= 1
            answer = wire.request(target.address, "GET", path, source=target.source(client), timeout=max(1, target.left()))
            tally.count(answer)
            if answer.status in (429, 503):
                target.wait(0.5)

    in_threads(20 if target.short else CLIENTS, one)


def slow_readers(target: Target, tally: Tally) -> None:
    """Clients that take the first bytes and then nothing, each of its own address."""
    paths = itertools.cycle(_paths())
    opened = []
    for number in range(20 if target.short else 3 * CLIENTS):
        try:
            connection = wire.open_connection(target.address, target.source(number), 5, TINY_RECEIVE_BYTES)
            connection.sendall(wire.head("GET", next(paths)))
            opened.append(connection)
            tally.count("held")
        except OSError as error:
            tally.count(type(error).__name__)
        if target.over:
            break
    while not target.over:
        for connection in opened:
            connection.settimeout(0.001)
            try:
                connection.recv(64)
            except OSError:
                pass
        target.wait(1)


def _prepare(served: service.Service) -> None:
    _lay(ENTRIES, served)


def _prepare_short(served: service.Service) -> None:
    _lay(SHORT_ENTRIES, served)


ATTACKS = [
    Attack("listings", "100 clients that list 200,000 entries", readers, _prepare),
    Attack("listings-slow", "300 clients that list 200,000 entries and do not read", slow_readers, _prepare),
    Attack("listings-few", "20 clients that list 20,000 entries", readers, _prepare_short, short=True),
]
