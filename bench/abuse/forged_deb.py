"""deb packages that are small to send and large to read, and honest ones of any size."""

import gzip
import lzma
import os
import subprocess
import tarfile
import tempfile

import packages

# The largest dictionary that `xz -9` has, without its search, which takes long.
XZ_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 64 << 20}]
COMPRESSED = {
    "gz": lambda content: gzip.compress(content, 5, mtime=0),
    "xz": lambda content: lzma.compress(content, filters=XZ_FILTERS),
    "": lambda content: content,
}


def zstd(content: bytes, window_log: int = 27) -> bytes:
    """One frame whose reader needs a window of 2 to the power of `window_log` bytes. By file, so that the size is not stated."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "content")
        with open(path, "wb") as file:
            file.write(content)
        command = ["zstd", "-q", "-3", f"--long={window_log}", "--no-check", "-c"]
        with open(path, "rb") as file:
            return subprocess.run(command, stdin=file, stdout=subprocess.PIPE, check=True).stdout


def packed(content: bytes, packing: str) -> bytes:
    return zstd(content) if packing == "zst" else COMPRESSED[packing](content)


def control(name: str, version: str = "1.0", architecture: str = "amd64", more: str = "") -> bytes:
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\n"
        f"Maintainer: A B <a@example.org>\nDescription: a package of a measurement\n{more}"
    ).encode()


def deb(
    name: str,
    *,
    version: str = "1.0",
    more: str = "",
    control_tar: bytes | None = None,
    control_packing: str = "gz",
    data_tar: bytes | None = None,
    data_packing: str = "gz",
    data_packed: bytes | None = None,
) -> tuple[str, bytes]:
    """File name and content; archives may be given plain or, for the data, packed already."""
    plain = control_tar if control_tar is not None else packages.tar([("./control", control(name, version, more=more))])
    data = data_packed if data_packed is not None else packed(data_tar if data_tar is not None else packages.tar([]), data_packing)
    ending = lambda packing: f".{packing}" if packing else ""
    members = [
        ("debian-binary", b"2.0\n"),
        (f"control.tar{ending(control_packing)}", packed(plain, control_packing)),
        (f"data.tar{ending(data_packing)}", data),
    ]
    return f"{name}_{version}_amd64.deb", packages.ar(members)


def honest(name: str, size_bytes: int = 1_000_000) -> tuple[str, bytes]:
    """A usual package; its bytes are random, so that no two are alike."""
    return packages.deb(name, padding=os.urandom(size_bytes), data=packages.STORED)


def long_control(name: str, size_bytes: int = 1_000_000) -> tuple[str, bytes]:
    """A megabyte of control in two kilobytes."""
    return deb(name, more="X-Long: " + "a" * size_bytes + "\n")


def many_names(count: int, name_bytes: int = 60) -> bytes:
    """A data.tar of `count` empty files: 512 bytes each, which pack to a few."""
    start, field_bytes, checksum_at = b"./opt/", 100, 148
    entry = tarfile.TarInfo("./opt/" + "0" * name_bytes).tobuf(tarfile.USTAR_FORMAT)
    checksum = int(entry[checksum_at : checksum_at + 6], 8)
    behind = entry[field_bytes:checksum_at], entry[checksum_at + 8 :]
    archive = bytearray()
    for number in range(count):
        digits = f"{number:0{name_bytes}}".encode()
        own = checksum + sum(digits) - name_bytes * ord("0")
        archive += (start + digits).ljust(field_bytes, b"\0") + behind[0] + b"%06o\0 " % own + behind[1]
    return bytes(archive) + bytes(1024)


def zeros(size_bytes: int) -> bytes:
    """A data.tar of one file of zeros."""
    return packages.tar([("./opt/zeros", bytes(size_bytes))])
