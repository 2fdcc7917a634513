"""A reader that trusts nothing, as fast as it can, until its standard input ends.

    reader.py ADDRESSES KEYRING ARCHIVE CODENAME RPM_REPOSITORY [--once] [--any-status]

ADDRESSES is a file with one base URL a line, which may change: each round reads it anew and takes one of them. A round
reads the root of the apt archive and the one of the rpm repository, checks their signatures with gpgv, then all files
that they list by size and checksum, then that every package they list is there; each content of a package is read once
to its end. A connection that fails ends the round without a fault: servers are killed under this reader. Anything else is
a fault: a status that is not 200, a wrong size or checksum, a bad signature.

Prints one JSON object: {"rounds": [deb, rpm], "cut": N, "faults": [TEXT, ...], "packages": {NAME: COUNT}}, the packages
being those of the last complete round. With --once, it reads until one round is complete. With
--any-status, a status that is not 200 ends the round without a fault, too: what answers is in the way of the store.
"""

import gzip
import hashlib
import http.client
import itertools
import json
import lzma
import pathlib
import random
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from xml.etree import ElementTree

ANY_STATUS = "--any-status" in sys.argv
COMMON = "{http://linux.duke.edu/metadata/common}"
REPO = "{http://linux.duke.edu/metadata/repo}"


class Fault(Exception):
    """Something that a client would stumble over."""


class Reader:
    def __init__(self, base, keyring, known):
        parts = urllib.parse.urlsplit(base)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        self.keyring = keyring
        self.known = known

    def request(self, method, path):
        self.connection.request(method, urllib.parse.quote(path, safe="/@-_.+~%"))
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status in (502, 503):
            raise ConnectionError(f"{path}: {answer.status}")
        if answer.status != 200:
            error = ConnectionError if ANY_STATUS else Fault
            raise error(f"{method} {path}: status {answer.status}")
        return body, answer

    def get(self, path, size=None, sha256=None):
        body, _ = self.request("GET", path)
        if size is not None and len(body) != size:
            raise Fault(f"{path}: {len(body)} bytes, not {size}")
        if sha256 is not None and hashlib.sha256(body).hexdigest() != sha256:
            raise Fault(f"{path}: another checksum than is listed")
        return body

    def package(self, path, size, sha256):
        if (path, sha256) not in self.known:
            self.get(path, size, sha256)
            self.known.add((path, sha256))
            return
        _, answer = self.request("HEAD", path)
        if int(answer.headers["content-length"]) != size:
            raise Fault(f"{path}: {answer.headers['content-length']} bytes, not {size}")

    def verify(self, what, *contents):
        with tempfile.TemporaryDirectory() as directory:
            files = []
            for number, content in enumerate(contents):
                files.append(pathlib.Path(directory, str(number)))
                files[-1].write_bytes(content)
            command = ["gpgv", "--keyring", self.keyring, *files]
            ran = subprocess.run(command, capture_output=True, check=False)
            if ran.returncode != 0:
                raise Fault(f"{what}: {ran.stderr.decode()}")

    def deb(self, archive, codename):
        dists = f"{archive}/dists/{codename}"
        root = self.get(f"{dists}/InRelease")
        self.verify(f"{dists}/InRelease", root)
        listed = root.decode().split("\nSHA256:\n")[1]
        lines = itertools.takewhile(lambda line: line.startswith(" "), listed.splitlines())
        files = {name: (digest, int(size)) for digest, size, name in map(str.split, lines)}
        found = {}
        for name, (digest, size) in files.items():
            # the uncompressed form stands in the root alone: the others are that, compressed
            compressed = f"{name}.gz" in files
            if compressed:
                body = gzip.decompress(self.by_hash(dists, f"{name}.gz", *files[f"{name}.gz"]))
                if (len(body), hashlib.sha256(body).hexdigest()) != (size, digest):
                    raise Fault(f"{dists}/{name}.gz: uncompressed it is not what the root lists")
            elif not name.endswith(".gz"):
                body = self.by_hash(dists, name, digest, size)
            if not name.endswith("/Packages"):
                continue
            for stanza in body.decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
                if fields:
                    self.package(f"{archive}/{fields['Filename']}", int(fields["Size"]), fields["SHA256"])
                    if name.split("/")[-2] == f"binary-{fields['Architecture']}":
                        found[fields["Package"]] = found.get(fields["Package"], 0) + 1
        return found

    def by_hash(self, dists, name, digest, size):
        return self.get(f"{dists}/{name.rpartition('/')[0]}/by-hash/SHA256/{digest}", size, digest)

    def rpm(self, repository):
        root = self.get(f"{repository}/repodata/repomd.xml")
        self.verify(f"{repository}/repodata/repomd.xml", self.get(f"{repository}/repodata/repomd.xml.asc"), root)
        found = {}
        for data in ElementTree.fromstring(root).iter(f"{REPO}data"):
            name = data.find(f"{REPO}location").get("href")
            size, digest = int(data.findtext(f"{REPO}size")), data.findtext(f"{REPO}checksum")
            body = self.get(f"{repository}/{name}", size, digest)
            if data.get("type") != "primary":
                continue
            for package in ElementTree.fromstring(decompress(name, body)).iter(f"{COMMON}package"):
                path = package.find(f"{COMMON}location").get("href")
                size = int(package.find(f"{COMMON}size").get("package"))
                self.package(f"{repository}/{path}", size, package.findtext(f"{COMMON}checksum"))
                name_of_package = package.findtext(f"{COMMON}name")
                found[name_of_package] = found.get(name_of_package, 0) + 1
        return found


def decompress(name, body):
    if name.endswith(".gz"):
        return gzip.decompress(body)
    if name.endswith(".xz"):
        return lzma.decompress(body)
    if name.endswith(".zst"):
        return subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True).stdout
    return body


def main():
    addresses, keyring, archive, codename, repository, *options = sys.argv[1:]
    once = "--once" in options
    ended = threading.Event()
    if not once:
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    rounds, cut, faults, packages, known = [0, 0], 0, [], {}, set()
    while not ended.is_set() and len(faults) < 20:
        reader = Reader(random.choice(pathlib.Path(addresses).read_text().split()), keyring, known)
        try:
            found = reader.deb(archive, codename)
            rounds[0] += 1
            found |= reader.rpm(repository)
            rounds[1] += 1
            packages = found
        except Fault as fault:
            faults.append(str(fault))
        except (OSError, http.client.HTTPException):
            cut += 1
        finally:
            reader.connection.close()
        if once and (faults or rounds[1]):
            break
    print(json.dumps({"rounds": rounds, "cut": cut, "faults": faults, "packages": packages}))


main()
