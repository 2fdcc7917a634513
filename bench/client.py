"""A client of RWS on open connections: uploads forms, and reads indexes as apt and dnf do, root first."""

import base64
import gzip
import hashlib
import http.client
import json
import os
import re
import subprocess
import time
import uuid

POLL_SECONDS = 0.002
GIVE_UP_SECONDS = 60


class Connection:
    """One kept connection. A server that closes it between requests is seen: reconnects are counted."""

    def __init__(self, server):
        self.server = server
        self.reconnects = -1
        self._connect()

    def _connect(self):
        self.reconnects += 1
        self.http = http.client.HTTPConnection(self.server.address, timeout=300)
        self.http.connect()

    def request(self, method, path, body=None, headers=None):
        if self.http.sock is None:
            self._connect()
        self.http.request(method, path, body=body, headers=headers or {})
        answer = self.http.getresponse()
        return answer.status, answer.read()

    def get(self, path):
        return self.request("GET", path)

    def put(self, path, form, **options):
        """Returns status, body, seconds, and the moment at which the answer had been read."""
        body, content_type = form
        pair = f"{self.server.user}:{self.server.password}".encode()
        headers = {"Authorization": "Basic " + base64.b64encode(pair).decode(), "Content-Type": content_type}
        start = time.monotonic()
        status, answer = self.request("PUT", path, body, headers)
        end = time.monotonic()
        return status, answer, end - start, end


def form(files, product=None):
    """A multipart body of (name, bytes) pairs, and its content type."""
    boundary = uuid.uuid4().hex
    pieces = []
    if product:
        pieces.append(f'--{boundary}\r\nContent-Disposition: form-data; name="product"\r\n\r\n{product}\r\n'.encode())
    for name, content in files:
        disposition = f'Content-Disposition: form-data; name="{name}"; filename="{name}"'
        head = f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n"
        pieces += [head.encode(), content, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return b"".join(pieces), f"multipart/form-data; boundary={boundary}"


def opened(name, content):
    """The content of an index file, by the ending of its name."""
    if name.endswith(".gz"):
        # All members, as zlib and GLib readers do it.
        return gzip.decompress(content)
    if name.endswith(".zst"):
        return subprocess.run(["zstd", "-dc"], input=content, stdout=subprocess.PIPE, check=True).stdout
    if name.endswith(".xz"):
        import lzma

        return lzma.decompress(content)
    return content


class DebRepository:
    """A codename of an archive, as apt reads it: InRelease, then Packages by hash."""

    kind = "deb"

    def __init__(self, target):
        kind, series, distribution, self.codename = target.split("/")
        self.target = "/" + target
        self.suite = f"/{kind}/{series}/{distribution}/dists/{self.codename}"
        self.root_path = f"{self.suite}/InRelease"

    def index_of(self, root):
        """Path, name and digest of the index of amd64 in a root."""
        section = root.decode().split("\nSHA256:", 1)[1]
        for name in ("main/binary-amd64/Packages.gz", "main/binary-amd64/Packages.xz", "main/binary-amd64/Packages"):
            if found := re.search(rf"^ ([0-9a-f]{{64}})\s+\d+\s+{re.escape(name)}$", section, re.MULTILINE):
                digest = found.group(1)
                return f"{self.suite}/{name.rsplit('/', 1)[0]}/by-hash/SHA256/{digest}", name, digest
        return None

    def names(self, index):
        return set(re.findall(r"^Package: (.*)$", index.decode(), re.MULTILINE))


class RpmRepository:
    """A directory with repodata, as dnf reads it: repomd.xml, then primary."""

    kind = "rpm"

    def __init__(self, target, architecture="x86_64"):
        self.target = "/" + target
        self.base = f"/{target}/{architecture}"
        self.root_path = f"{self.base}/repodata/repomd.xml"

    def index_of(self, root):
        text = root.decode()
        primary = re.search(r'<data type="primary">.*?</data>', text, re.DOTALL)
        if not primary:
            return None
        name = re.search(r'<location href="([^"]+)"', primary.group()).group(1)
        digest = re.search(r'<checksum type="sha256">([0-9a-f]{64})<', primary.group()).group(1)
        return f"{self.base}/{name}", name, digest

    def names(self, index):
        return set(re.findall(r"<name>([^<]+)</name>", index.decode()))


class Appearance:
    """When a package came into the index: moments of time.monotonic()."""

    def __init__(self, root, index, polls, packages, index_bytes):
        self.root, self.index, self.polls = root, index, polls
        self.packages, self.index_bytes = packages, index_bytes


def wait_for(connection, repository, name, before=None, poll_seconds=POLL_SECONDS):
    """Polls the root until it differs from `before`, then reads the index it names; again until `name` is in it.

    What only the check needs (opening, parsing, digest) is outside the times.
    """
    return wait_for_all(connection, repository, {name}, before, poll_seconds)


def wait_for_all(connection, repository, wanted, before=None, poll_seconds=POLL_SECONDS):
    """The same for a set of names."""
    start = due = time.monotonic()
    polls = 0
    while time.monotonic() - start < GIVE_UP_SECONDS:
        polls += 1
        status, root = connection.get(repository.root_path)
        root_read = time.monotonic()
        if status == 200 and root != before:
            if place := repository.index_of(root):
                path, index_name, digest = place
                status, content = connection.get(path)
                index_read = time.monotonic()
                if status != 200 or hashlib.sha256(content).hexdigest() != digest:
                    raise SystemExit(f"{path} is not what {repository.root_path} says: status {status}")
                names = repository.names(opened(index_name, content))
                if wanted <= names:
                    return Appearance(root_read, index_read, polls, len(names), len(content))
            before = root
        due = max(due + poll_seconds, time.monotonic())
        time.sleep(max(0, due - time.monotonic()))
    raise SystemExit(f"{', '.join(sorted(wanted)[:3])} did not come into {repository.root_path} within {GIVE_UP_SECONDS} s")


def root_of(connection, repository):
    status, root = connection.get(repository.root_path)
    return root if status == 200 else None


def curl(arguments, configuration):
    """The body of the answer and curl's own numbers. Secrets go by stdin, as configuration, not by the process list."""
    command = ["curl", "--disable", "--silent", "--show-error", "--config", "-", *arguments, "--write-out", "\n%{json}"]
    ran = subprocess.run(command, input=configuration, stdout=subprocess.PIPE, text=True, check=True)
    answer, numbers = ran.stdout.rsplit("\n", 1)
    return answer.strip(), json.loads(numbers)


def curl_upload(server, repository, path):
    """Uploads a file as people do; returns the answer and curl's numbers."""
    answer, numbers = curl(form_arguments(server, repository, path), f'user = "{server.user}:{server.password}"\n')
    if numbers["http_code"] != 201:
        raise SystemExit(f"the upload was answered {numbers['http_code']}: {answer}")
    return answer, numbers


def form_arguments(server, repository, path):
    product = ["--form-string", "product=bench"] if repository.kind == "deb" else []
    return ["--request", "PUT", *product, "--form", f"file=@{path}", f"http://{server.address}{repository.target}"]


class PatientUpload:
    """An upload by curl as CI runs it, which tries again. The process ends with the context, if not before."""

    PATIENCE = ["--fail", "--retry", "5", "--retry-delay", "1", "--retry-all-errors"]

    def __init__(self, server, repository, path):
        command = ["curl", "--disable", "--no-progress-meter", "--config", "-", "--output", os.devnull, "--write-out", "%{http_code}"]
        command += [*self.PATIENCE, *form_arguments(server, repository, path)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(command, **pipes, text=True)
        self.process.stdin.write(f'user = "{server.user}:{server.password}"\n')
        self.process.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def is_over(self):
        """Also sets the last status, how often curl tried again, and what it said."""
        if self.process.poll() is None:
            return False
        self.status = int(self.process.stdout.read()[-3:] or 0)
        # curl breaks its warnings into lines
        self.said = self.process.stderr.read().strip().replace("\nWarning: ", " ").replace("  ", " ")
        self.retries = self.said.count("Will retry in")
        return True
