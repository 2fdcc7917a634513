"""Tens of thousands of packages as files that are kept, and ways to bring them where a repository has its own."""

import concurrent.futures
import hashlib
import shutil
import struct

import packages

TEMPLATE = "zzzzzz-bench-999999"
VERSION = "1.4.2"
# Numbers of packages that are not among the first N of any size.
EXTRA = 900_000
UPLOADS_AT_ONCE = 10
PRODUCT = "bench"

# rpm: the lead, and the entries of a header's index (lib/rpmtag.h: RPMSIGTAG_MD5, _SHA1, _SHA256)
LEAD_BYTES = 96
HEADER_MAGIC = b"\x8e\xad\xe8\x01"
DIGESTS = {1004: lambda main, payload: hashlib.md5(main + payload).digest(), 269: lambda main, _: hashlib.sha1(main).hexdigest().encode(), 273: lambda main, _: hashlib.sha256(main).hexdigest().encode()}

MORE = """\
Requires: bash, coreutils >= 8.22, filesystem, libxml2 >= 2.9, krb5-libs >= 1.15
Provides: {name}-tools = 1.4.2, config({name}) = 1.4.2, bundled({name}-common) = 1.4, {name}-headers = 1.4.2
Provides: pkgconfig({name}) = 1.4.2
"""
CHANGELOG = """
%changelog
* Tue Nov 14 2023 Benchmark Team <benchmark@example.org> - 1.4.2-1
- New upstream version, with the fix of the parser that readers of version 1.4 had asked for
- Build the documentation again

* Mon Oct 02 2023 Benchmark Team <benchmark@example.org> - 1.4.1-1
- First package
"""


def name_of(number):
    return packages.package_name(number, digits=6)


def files(kind, numbers):
    """The files of these packages, made where they are missing."""
    directory = packages.CACHE / f"many-{kind}"
    directory.mkdir(parents=True, exist_ok=True)
    make = {"deb": lambda: lambda name: packages.deb(name)[1], "rpm": lambda: Patcher(template()).package}[kind]
    ending = {"deb": f"_{VERSION}-1_amd64.deb", "rpm": f"-{VERSION}-1.x86_64.rpm"}[kind]
    maker, found = None, []
    for number in numbers:
        name = name_of(number)
        path = directory / (name + ending)
        found.append(path)
        if not path.exists():
            maker = maker or make()
            new = path.with_suffix(".new")
            new.write_bytes(maker(name))
            new.rename(path)
    return found


def template():
    """One package of rpmbuild with 41 files, 12 requires and 9 provides."""
    directory = packages.CACHE / "rpm-template"
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        places = [f"/usr/include/{TEMPLATE}/part-{part:02}.h" for part in range(24)]
        places += [f"/usr/lib64/{TEMPLATE}/part-{part:02}.so" for part in range(12)]
        places += [f"/usr/bin/{TEMPLATE}", f"/etc/{TEMPLATE}.conf", *(f"/usr/share/doc/{TEMPLATE}/{word}" for word in ("README", "NEWS", "COPYING"))]
        install = "\n%install\n" + "".join(f"echo {place} | install -D -m 644 /dev/stdin %{{buildroot}}{place}\n" for place in places)
        text = packages.SPEC_HEAD.format(name="bench-template", payload="w6.gzdio") + packages.subpackage(TEMPLATE, MORE.format(name=TEMPLATE))
        packages.rpmbuild(text + install + f"\n%files -n {TEMPLATE}\n" + "\n".join(places) + "\n" + CHANGELOG, directory)
        (directory / "complete").touch()
    return next(directory.glob("*.rpm")).read_bytes()


class Patcher:
    """Packages that differ from a template in their name, which is as long, and in the digests that cover it.

    The payload stays the template's: neither its digest nor any size changes.
    """

    def __init__(self, content):
        self.lead = content[:LEAD_BYTES]
        signature_end = LEAD_BYTES + header_bytes(content, LEAD_BYTES)
        self.signature = content[LEAD_BYTES:signature_end]
        start = -(-signature_end // 8) * 8
        main_end = start + header_bytes(content, start)
        self.padding, self.main, self.payload = content[signature_end:start], content[start:main_end], content[main_end:]

    def package(self, name):
        if len(name) != len(TEMPLATE):
            raise ValueError(f"{name} is not as long as {TEMPLATE}")
        swap = lambda content: content.replace(TEMPLATE.encode(), name.encode())
        main, signature = swap(self.main), bytearray(self.signature)
        count = struct.unpack_from(">I", signature, 8)[0]
        for entry in range(count):
            tag, _, offset, _ = struct.unpack_from(">4I", signature, 16 + 16 * entry)
            if tag in DIGESTS:
                digest = DIGESTS[tag](main, self.payload)
                at = 16 + 16 * count + offset
                signature[at : at + len(digest)] = digest
        return swap(self.lead) + bytes(signature) + self.padding + main + self.payload


def header_bytes(content, at):
    """The length of a header: its start of 16 bytes, its index and its data."""
    if content[at : at + 4] != HEADER_MAGIC:
        raise SystemExit("rpmbuild made no package of the form that is known here")
    entries, data = struct.unpack_from(">II", content, at + 8)
    return 16 + 16 * entries + data


def place(repository, path):
    """The key of a package in the store, as the public tree has it."""
    target = repository.target.strip("/")
    if repository.kind == "rpm":
        return f"{target}/x86_64/Packages/{path.name}"
    root, codename = target.rsplit("/", 1)
    return f"{root}/pool/{codename}/main/{PRODUCT[0]}/{PRODUCT}/{path.name}"


def upload(s3, bucket, repository, paths):
    def put(path):
        s3.put_object(Bucket=bucket, Key=place(repository, path), Body=path.read_bytes())

    with concurrent.futures.ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        for _ in pool.map(put, paths):
            pass
