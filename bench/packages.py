"""Packages to upload: many small ones with realistic metadata, and single huge ones."""

import gzip
import hashlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

CACHE = pathlib.Path(os.environ.get("RWS_BENCH_CACHE", pathlib.Path(__file__).resolve().parent.parent / "target/bench-cache"))
SOURCE_DATE_EPOCH = 1_700_000_000
AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60

DESCRIPTION = """\
 This package was made by a benchmark. Its description has the length that descriptions of libraries usually have, so
 that the index has a realistic size: it says what the library does, which programs use it, and what stands in the
 other binary packages of the same source.
 .
 It has a second paragraph too, as many have, which names the headers and the static library of the development
 package."""


def package_name(number, digits=4):
    """Names that sort over the whole alphabet, so that a new one falls anywhere in the index."""
    return f"{hashlib.md5(str(number).encode()).hexdigest()[:6].translate(LETTERS)}-bench-{number:0{digits}}"


LETTERS = str.maketrans("0123456789", "ghijklmnop")


def ar_header(name, size_bytes):
    return f"{name:<16}{SOURCE_DATE_EPOCH:<12}{0:<6}{0:<6}{'100644':<8}{size_bytes:<10}`\n".encode()


def ar(members):
    pieces = [AR_MAGIC]
    for name, content in members:
        pieces += [ar_header(name, len(content)), content, b"\n" * (len(content) % 2)]
    return b"".join(pieces)


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), SOURCE_DATE_EPOCH
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def control(name, version):
    """A control file of about 900 bytes."""
    return f"""\
Package: {name}
Source: {name}-source
Version: {version}
Architecture: amd64
Maintainer: Benchmark Team <benchmark@example.org>
Installed-Size: 187
Depends: libc6 (>= 2.34), libgcc-s1 (>= 3.0), libstdc++6 (>= 11), zlib1g (>= 1:1.2.0), libssl3 (>= 3.0.0)
Recommends: {name}-data (= {version})
Suggests: {name}-doc
Section: libs
Priority: optional
Multi-Arch: same
Homepage: https://example.org/projects/{name}
Description: library number {name} of a benchmark
{DESCRIPTION}
"""


def packed(files):
    return gzip.compress(tar(files), compresslevel=6, mtime=SOURCE_DATE_EPOCH)


PACKED = ("data.tar.gz", packed)
STORED = ("data.tar", tar)


def deb(name, version="1.4.2-1", padding=b"", data=PACKED):
    """File name and content of a small, valid .deb; with `padding` of one more file that is as large, which STORED makes quick."""
    files = [(f"./usr/lib/{name}/part-{part}", f"{name} {part}\n".encode() * 4) for part in range(4)]
    if padding:
        files.append((f"./usr/lib/{name}/padding", padding))
    sums = "".join(f"{hashlib.md5(content).hexdigest()}  {path[2:]}\n" for path, content in files)
    members = [
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", packed([("./control", control(name, version).encode()), ("./md5sums", sums.encode())])),
        (data[0], data[1](files)),
    ]
    return f"{name}_{version}_amd64.deb", ar(members)


def debs(count):
    for number in range(count):
        yield deb(package_name(number))


SPEC_HEAD = """\
# One package for each name, without the work that only real builds need.
%global debug_package %{{nil}}
%global __os_install_post %{{nil}}
%global _build_id_links none
%global _binary_payload {payload}
%global source_date_epoch_from_changelog 0
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _buildhost bench.example.org
Name: {name}
Version: 1.4.2
Release: 1
Summary: packages of a benchmark
License: MIT
URL: https://example.org/projects
AutoReqProv: no
BuildArch: x86_64

%description
Makes the packages.
"""


def rpms(count):
    """File names and contents of `count` small packages, from one run of rpmbuild that is cached."""
    directory = CACHE / f"rpms-{count}"
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        names = [package_name(number) for number in range(count)]
        preambles = "".join(subpackage(name) for name in names)
        # One file with its own content for each package, three that are the same in all.
        install = ["%install", 'for part in 1 2 3; do mkdir -p %{buildroot}/usr/lib/bench; echo "$part" > %{buildroot}/usr/lib/bench/part-$part; done']
        install.append(f'for name in {" ".join(names)}; do mkdir -p %{{buildroot}}/usr/share/doc/$name; echo "$name" > %{{buildroot}}/usr/share/doc/$name/README; done')
        lists = "".join(f"%files -n {name}\n/usr/share/doc/{name}\n/usr/lib/bench\n" for name in names)
        text = SPEC_HEAD.format(name="bench-many", payload="w1.gzdio") + preambles + "\n".join(install) + "\n\n" + lists
        rpmbuild(text, directory)
        (directory / "complete").touch()
    found = {path.name.rsplit("-1.4.2", 1)[0]: path for path in directory.glob("*.rpm")}
    for number in range(count):
        path = found[package_name(number)]
        yield path.name, path.read_bytes()


def subpackage(name, more=""):
    description = re.sub(r"^ \.$", "", DESCRIPTION.replace("\n ", "\n").strip(), flags=re.MULTILINE)
    return f"""
%package -n {name}
Summary: library {name} of a benchmark
Requires: glibc >= 2.34, libgcc >= 3.0, libstdc++ >= 11, zlib, openssl-libs >= 3.0.0
Provides: {name}-api = 1.4, lib{name}.so.1()(64bit)
{more}%description -n {name}
{description}
"""


def rpmbuild(spec, directory):
    """Runs rpmbuild in a private tree and moves the packages to a directory."""
    top = directory / "tree"
    top.mkdir(parents=True)
    (top / "bench.spec").write_text(spec)
    command = ["rpmbuild", "-bb", "--quiet", "--target", "x86_64", "--define", f"_topdir {top}", str(top / "bench.spec")]
    # rpmbuild reads its macros from HOME too.
    environment = {"PATH": os.environ["PATH"], "HOME": str(top), "SOURCE_DATE_EPOCH": str(SOURCE_DATE_EPOCH), "LC_ALL": "C"}
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        raise SystemExit(f"rpmbuild failed:\n{ran.stdout[-4000:]}")
    for path in (top / "RPMS").glob("*/*.rpm"):
        path.rename(directory / path.name)
    shutil.rmtree(top)


def huge_deb(size_bytes):
    """A valid .deb whose stored data.tar has one file of zeros; sparse on the disk."""
    name, version = "bench-huge", "1.0-1"
    path = CACHE / f"huge-{size_bytes}" / f"{name}_{version}_amd64.deb"
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = tarfile.TarInfo("./usr/share/bench/zeros")
    entry.size, entry.mtime = size_bytes, SOURCE_DATE_EPOCH
    header = entry.tobuf(tarfile.GNU_FORMAT)
    # Whole blocks, and two more of zeros as the end of the archive (POSIX.1 ustar).
    data_bytes = len(header) + -(-size_bytes // 512) * 512 + 1024
    start = ar([("debian-binary", b"2.0\n"), ("control.tar.gz", packed([("./control", control(name, version).encode())]))])
    with open(path, "wb") as file:
        file.write(start + ar_header("data.tar", data_bytes) + header)
        file.truncate(len(start) + AR_HEADER_BYTES + data_bytes)
    subprocess.run(["dpkg-deb", "--info", str(path)], stdout=subprocess.DEVNULL, check=True)
    return name, path


def huge_rpm(size_bytes):
    """A package with one file of zeros and an uncompressed payload; cached, since rpmbuild takes a while."""
    directory = CACHE / f"huge-rpm-{size_bytes}"
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        text = SPEC_HEAD.format(name="bench-huge", payload="w.ufdio")
        install = f"mkdir -p %{{buildroot}}/usr/share/bench; truncate -s {size_bytes} %{{buildroot}}/usr/share/bench/zeros"
        rpmbuild(f"{text}\n%install\n{install}\n\n%files\n/usr/share/bench\n", directory)
        (directory / "complete").touch()
    return "bench-huge", next(directory.glob("*.rpm"))
