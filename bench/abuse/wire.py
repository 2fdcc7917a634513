"""HTTP/1.1 by hand: whole requests from any loopback address, and the pieces of which broken ones are made."""

import base64
import contextlib
import json
import re
import socket
import time
import uuid
from dataclasses import dataclass, field

READ_BYTES = 256 << 10
MAX_KEPT_BYTES = 64 << 20


@dataclass(frozen=True)
class User:
    name: str
    password: str

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.name}:{self.password}".encode()).decode()


@dataclass
class Answer:
    """Status 0 is none: no connection, a reset, silence until the time was over."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0
    problem: str = ""

    @property
    def outcome(self) -> str:
        return str(self.status) if self.status else self.problem or "none"

    @property
    def reason(self) -> str:
        """The code of an error with the limit that was met, or how its text begins."""
        with contextlib.suppress(ValueError, AttributeError):
            problem = json.loads(self.body)
            limit = re.search(r" \(\w+\)", problem.get("message", ""))
            return f"{self.status} {problem.get('code')}{limit.group() if limit else ''}"
        return f"{self.status} {self.body[:50].decode(errors='replace')!r}"


def open_connection(address: tuple[str, int], source: str | None = None, timeout: float = 30, receive_bytes: int = 0) -> socket.socket:
    """A connection from `source`; with a small receive buffer where one is named (before connecting, so that the window is small)."""
    connection = socket.socket()
    try:
        connection.settimeout(timeout)
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            connection.bind((source, 0))
        connection.connect(address)
    except OSError:
        connection.close()
        raise
    return connection


def head(method: str, path: str, headers: dict[str, str] | None = None, host: str = "localhost") -> bytes:
    """A request's head with exactly these headers and Host."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def request(
    address: tuple[str, int],
    method: str,
    path: str,
    *,
    user: User | None = None,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    source: str | None = None,
    timeout: float = 30,
) -> Answer:
    """One request on a connection of its own, timed from the first packet to the last byte."""
    wanted = {"Connection": "close", **({"Authorization": user.basic} if user else {}), **(headers or {})}
    if body or method in ("PUT", "POST"):
        wanted.setdefault("Content-Length", str(len(body)))
    return exchange(address, head(method, path, wanted) + body, source=source, timeout=timeout, bodiless=method == "HEAD")


def exchange(address: tuple[str, int], sent: bytes, *, source: str | None = None, timeout: float = 30, bodiless: bool = False) -> Answer:
    """Sends bytes as they are and reads one answer."""
    start = time.monotonic()
    try:
        with contextlib.closing(open_connection(address, source, timeout)) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(sent)
            answer = read_answer(connection, start + timeout, bodiless)
    except TimeoutError:
        answer = Answer(0, problem="timeout")
    except OSError as error:
        answer = Answer(0, problem=type(error).__name__)
    answer.seconds = time.monotonic() - start
    return answer


def read_answer(connection: socket.socket, until: float, bodiless: bool = False) -> Answer:
    """The next answer of a connection; 1xx answers are passed over."""
    kept = bytearray()
    while True:
        while b"\r\n\r\n" not in kept:
            if not _read_more(connection, kept, until):
                return Answer(0, body=bytes(kept), problem="closed")
        start, _, rest = bytes(kept).partition(b"\r\n\r\n")
        status, headers = _parse_head(start)
        if status >= 200:
            break
        kept = bytearray(rest)
    answer = Answer(status, headers)
    if bodiless or status in (204, 304):
        return answer
    answer.body = _read_body(connection, bytearray(rest), headers, until)
    return answer


def _parse_head(text: bytes) -> tuple[int, dict[str, str]]:
    lines = text.decode("latin-1").split("\r\n")
    words = lines[0].split()
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 599
    pairs = (line.partition(":") for line in lines[1:])
    return status, {name.lower(): value.strip() for name, _, value in pairs}


def _read_body(connection: socket.socket, kept: bytearray, headers: dict[str, str], until: float) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _read_chunks(connection, kept, until)
    length = headers.get("content-length")
    while length is None or len(kept) < int(length):
        if len(kept) > MAX_KEPT_BYTES or not _read_more(connection, kept, until):
            break
    return bytes(kept)


def _read_chunks(connection: socket.socket, kept: bytearray, until: float) -> bytes:
    body = bytearray()
    while True:
        while b"\r\n" not in kept:
            if not _read_more(connection, kept, until):
                return bytes(body)
        line, _, rest = bytes(kept).partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        kept = bytearray(rest)
        while len(kept) < size + 2:
            if not _read_more(connection, kept, until):
                return bytes(body)
        body += kept[:size]
        if size == 0 or len(body) > MAX_KEPT_BYTES:
            return bytes(body)
        kept = kept[size + 2 :]


def _read_more(connection: socket.socket, kept: bytearray, until: float) -> bool:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
    received = connection.recv(READ_BYTES)
    kept += received
    return bool(received)


def form(files: list[tuple[str, bytes]], product: str | None = None) -> tuple[bytes, str]:
    """A multipart body, and its content type."""
    boundary = uuid.uuid4().hex
    pieces: list[bytes] = []
    if product:
        pieces.append(f'--{boundary}\r\nContent-Disposition: form-data; name="product"\r\n\r\n{product}\r\n'.encode())
    for number, (name, content) in enumerate(files):
        disposition = f'Content-Disposition: form-data; name="file{number}"; filename="{name}"'
        pieces += [f"--{boundary}\r\n{disposition}\r\n\r\n".encode(), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def upload(
    address: tuple[str, int],
    target: str,
    files: list[tuple[str, bytes]],
    *,
    user: User,
    product: str | None = None,
    query: str = "",
    source: str | None = None,
    timeout: float = 60,
) -> Answer:
    body, content_type = form(files, product)
    return request(
        address,
        "PUT",
        f"/{target}{query}",
        user=user,
        headers={"Content-Type": content_type},
        body=body,
        source=source,
        timeout=timeout,
    )
