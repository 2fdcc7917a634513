"""rpm packages written byte by byte, since rpmbuild makes no hostile ones. They pass the checks of a careful reader."""

import gzip
import hashlib
import struct
from dataclasses import dataclass, field

STRING, STRINGS, BINARY, INT16, INT32 = 6, 8, 7, 3, 4
WIDTHS = {INT16: 2, INT32: 4}
HEADER_MAGIC = b"\x8e\xad\xe8\x01\0\0\0\0"
LEAD = (b"\xed\xab\xee\xdb\x03\0\0\0".ljust(78, b"\0") + b"\0\x05").ljust(96, b"\0")
SIGNATURE_REGION, MAIN_REGION, REGION_BYTES = 62, 63, 16
EQUAL = 8
BUILD_TIME = 1_700_000_000
FILE_MODE = 0o100644
# The end of a cpio archive without files.
TRAILER = b"070701" + b"0" * 32 + b"00000001" + b"0" * 48 + b"0000000b" + b"0" * 8 + b"TRAILER!!!\0\0\0\0"

Tags = dict[int, tuple[int, object]]


def _value(kind: int, value) -> bytes:
    if kind == STRING:
        return value.encode() + b"\0"
    if kind == STRINGS:
        return b"".join(text.encode() + b"\0" for text in value)
    if kind == BINARY:
        return value
    return struct.pack(f">{len(value)}{'H' if kind == INT16 else 'I'}", *value)


def _header(region: int, tags: Tags) -> bytes:
    index, data = bytearray(), bytearray()
    for tag, (kind, value) in sorted(tags.items()):
        data += b"\0" * (-len(data) % WIDTHS.get(kind, 1))
        count = 1 if kind == STRING else len(value)
        index += struct.pack(">IIII", tag, kind, len(data), count)
        data += _value(kind, value)
    entries = len(tags) + 1
    index = struct.pack(">IIII", region, BINARY, len(data), REGION_BYTES) + index
    data += struct.pack(">IIiI", region, BINARY, -entries * REGION_BYTES, REGION_BYTES)
    return HEADER_MAGIC + struct.pack(">II", entries, len(data)) + bytes(index) + bytes(data)


@dataclass
class Files:
    """The list of files: base names and directories are given, all else is the same for each."""

    base_names: list[str] = field(default_factory=list)
    directory_names: list[str] = field(default_factory=list)
    directory_indexes: list[int] = field(default_factory=list)

    def tags(self) -> Tags:
        count = len(self.base_names)
        if not count:
            return {}
        return {
            1028: (INT32, [0] * count),
            1030: (INT16, [FILE_MODE] * count),
            1035: (STRINGS, [""] * count),
            1037: (INT32, [0] * count),
            1039: (STRINGS, ["root"] * count),
            1040: (STRINGS, ["root"] * count),
            1116: (INT32, self.directory_indexes),
            1117: (STRINGS, self.base_names),
            1118: (STRINGS, self.directory_names),
        }


def rpm(
    name: str,
    *,
    version: str = "1.0",
    architecture: str = "x86_64",
    files: Files | None = None,
    more: Tags | None = None,
    payload: bytes = b"",
) -> tuple[str, bytes]:
    """File name and content. `more` are tags of the main header, `payload` is put behind it as it is."""
    tags: Tags = {
        1000: (STRING, name),
        1001: (STRING, version),
        1002: (STRING, "1"),
        1004: (STRING, "a package of a measurement"),
        1005: (STRING, "a package of a measurement"),
        1006: (INT32, [BUILD_TIME]),
        1009: (INT32, [0]),
        1014: (STRING, "MIT"),
        1021: (STRING, "linux"),
        1022: (STRING, architecture),
        1044: (STRING, f"{name}-{version}-1.src.rpm"),
        1047: (STRINGS, [name]),
        1112: (INT32, [EQUAL]),
        1113: (STRINGS, [f"{version}-1"]),
        1124: (STRING, "cpio"),
        1125: (STRING, "gzip"),
        1126: (STRING, "9"),
        **(files or Files()).tags(),
        **(more or {}),
    }
    main = _header(MAIN_REGION, tags)
    payload = payload or gzip.compress(TRAILER, mtime=0)
    signature = _header(
        SIGNATURE_REGION,
        {
            269: (STRING, hashlib.sha1(main).hexdigest()),
            273: (STRING, hashlib.sha256(main).hexdigest()),
            1000: (INT32, [len(main) + len(payload)]),
            1004: (BINARY, hashlib.md5(main + payload).digest()),
            1007: (INT32, [len(TRAILER)]),
        },
    )
    content = LEAD + signature + b"\0" * (-len(signature) % 8) + main + payload
    return f"{name}-{version}-1.{architecture}.rpm", content


def long_directory(
    name: str, entry_bytes: int, *, architecture: str = "x86_64", directory_bytes: int = 60_000, directory: str = "/usr/bin/"
) -> tuple[str, bytes]:
    """One long directory and many short names: kilobytes that describe paths of `entry_bytes` together."""
    count = max(1, entry_bytes // (directory_bytes + 20))
    long = directory + "x" * (directory_bytes - len(directory) - 1) + "/"
    return rpm(name, architecture=architecture, files=Files(["a"] * count, [long], [0] * count))


def many_files(name: str, count: int, *, architecture: str = "x86_64") -> tuple[str, bytes]:
    names = [f"f{number}" for number in range(count)]
    return rpm(name, architecture=architecture, files=Files(names, ["/opt/many/"], [0] * count))


def many_dependencies(name: str, count: int, *, architecture: str = "x86_64") -> tuple[str, bytes]:
    required = [f"needed-{number}" for number in range(count)]
    more: Tags = {1048: (INT32, [EQUAL] * count), 1049: (STRINGS, required), 1050: (STRINGS, ["1"] * count)}
    return rpm(name, architecture=architecture, more=more)


def escaped_text(name: str, size_bytes: int, *, architecture: str = "x86_64") -> tuple[str, bytes]:
    """A description of quotation marks, each of which XML writes with six bytes."""
    return rpm(name, architecture=architecture, more={1005: (STRING, '"<&' * (size_bytes // 3))})


def many_changelogs(name: str, count: int, *, text_bytes: int = 0, architecture: str = "x86_64") -> tuple[str, bytes]:
    more: Tags = {
        1080: (INT32, [BUILD_TIME] * count),
        1081: (STRINGS, ["A B <a@example.org> - 1"] * count),
        1082: (STRINGS, ["- " + "&" * text_bytes] * count),
    }
    return rpm(name, architecture=architecture, more=more)
