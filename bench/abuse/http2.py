"""HTTP/2 by hand (RFC 9113), as far as attackers need it: frames out, frames in, no state and no flow control of its own."""

import socket
import struct
import time

from abuse import wire

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
CANCEL = 8
MAX_WINDOW = (1 << 31) - 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", name, value) for name, value in values.items()))


def window_update(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def reset(stream: int) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL))


def literal(name: str, value: str) -> bytes:
    """A header that is not indexed, without Huffman coding (RFC 7541, 6.2.2)."""
    return b"\x00" + _length(name) + name.encode() + _length(value) + value.encode()


def indexed_literal(name: str, value: str) -> bytes:
    """The same, put into the dynamic table (RFC 7541, 6.2.1)."""
    return b"\x40" + _length(name) + name.encode() + _length(value) + value.encode()


def _length(text: str) -> bytes:
    size, most = len(text.encode()), 127
    if size < most:
        return bytes([size])
    size -= most
    digits = [most]
    while size >= 128:
        digits.append(size % 128 + 128)
        size //= 128
    return bytes([*digits, size])


def block(method: str, path: str, headers: dict[str, str] | None = None) -> bytes:
    pairs = {":method": method, ":scheme": "http", ":path": path, ":authority": "localhost", **(headers or {})}
    return b"".join(literal(name, value) for name, value in pairs.items())


def ask(stream: int, method: str, path: str, headers: dict[str, str] | None = None, ends: bool = True) -> bytes:
    return frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, block(method, path, headers))


def start(address: tuple[str, int], values: dict[int, int], source: str | None = None, receive_bytes: int = 0) -> socket.socket:
    """A connection with prior knowledge, after the preface."""
    connection = wire.open_connection(address, source, 10, receive_bytes)
    connection.sendall(PREFACE + settings(values))
    return connection


def read_frames(connection: socket.socket, seconds: float) -> list[tuple[int, int, int, bytes]]:
    """All frames that come within a time, or until the other side closes."""
    kept, found, until = b"", [], time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            received = connection.recv(wire.READ_BYTES)
        except OSError:
            break
        if not received:
            break
        kept += received
        while len(kept) >= 9 and len(kept) >= 9 + (size := int.from_bytes(kept[:3])):
            found.append((kept[3], kept[4], int.from_bytes(kept[5:9]) & MAX_WINDOW, kept[9 : 9 + size]))
            kept = kept[9 + size :]
    return found
