#!/usr/bin/env python3
"""Which S3 servers RWS works on: starts each, and the program on it, and prints a table. See README.md."""

import argparse
import base64
import collections
import contextlib
import hashlib
import hmac
import http.client
import itertools
import json
import os
import pathlib
import queue
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import xml.etree.ElementTree

import client
import packages
from server import REPOSITORY, Installation, Server, binary, leave_on_sigterm

TEST_CACHE = pathlib.Path(os.environ.get("RWS_TEST_CACHE", REPOSITORY / "target/test-cache"))
REGION = "us-east-1"
DEB, RPM, RACE, KILL = (
    client.DebRepository("live/1.10/debian/bookworm"),
    client.RpmRepository("live/1.10/el/9"),
    client.DebRepository("live/2.8/debian/bookworm"),
    client.DebRepository("live/2.8/ubuntu/jammy"),
)
RACERS, RACED = 4, 40
WRITERS, RACES, RACES_SECONDS = 8, 400, 90
ANSWERED_BEFORE_KILL, MOST_BEFORE_KILL = 15, 400
START_SECONDS, READY_SECONDS = 60, 25
# a lease of a dead process is taken after a minute
PUBLISHED_SECONDS = 150
HEAD = ["server", "small", "large", "DELETE", "races", "two replicas", "kill -9", "read by", "RWS"]


class Fault(Exception):
    """Why RWS does not work on a server."""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def said_by(command, pattern=r"\d+(?:\.\d+)+"):
    """The version in the output of a command."""
    ran = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = re.search(pattern, ran.stdout)
    return found.group() if found else ""


class Store:
    """An S3 server: where it is, and its keys."""

    def __init__(self, name, version, url, access_key, secret_key):
        self.name, self.version, self.url = name, version, url.rstrip("/")
        self.access_key, self.secret_key = access_key, secret_key

    def request(self, method, path, body=b"", headers=None, connection=None):
        """A request with a signature of version 4; status, body and ETag."""
        host = urllib.parse.urlsplit(self.url).netloc
        now, digest = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), hashlib.sha256(body).hexdigest()
        signed = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(signed)
        lines = [method, path, "", *(f"{name}:{value}" for name, value in signed.items()), "", names, digest]
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256("\n".join(lines).encode()).hexdigest()])
        key = f"AWS4{self.secret_key}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        credential = f"{self.access_key}/{scope}"
        signed["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
        with contextlib.nullcontext(connection) if connection else contextlib.closing(self.connection()) as connection:
            connection.request(method, path, body, signed | {"content-length": str(len(body))} | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace"), answer.headers.get("etag", "")

    def connection(self):
        return http.client.HTTPConnection(urllib.parse.urlsplit(self.url).netloc, timeout=30)

    def bucket(self):
        """A new bucket, as soon as the server makes one."""
        name, end = f"rws-{secrets.token_hex(6)}", time.monotonic() + START_SECONDS
        while True:
            try:
                status, said, _ = self.request("PUT", f"/{name}")
                if status in (200, 201):
                    return name
            except OSError as error:
                said = str(error)
            except http.client.HTTPException as error:
                said = repr(error)
            if time.monotonic() > end:
                raise Fault(f"no bucket can be made: {said[:200]}")
            time.sleep(0.3)

    def races(self, bucket):
        """How many writers win, race by race: half of the races create an object, the others replace one."""
        start, end = threading.Barrier(WRITERS + 1), threading.Barrier(WRITERS + 1)
        race = {}

        def work(number):
            connection = self.connection()
            while start.wait() is not None and race["path"]:
                try:
                    body = f"{race['number']} {number}".encode()
                    status = self.request("PUT", race["path"], body, race["condition"], connection)[0]
                except (OSError, http.client.HTTPException):
                    connection, status = self.connection(), 0
                race["statuses"].append(status)
                end.wait()

        threads = [threading.Thread(target=work, args=[number], daemon=True) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        won, until, marks = [], time.monotonic() + RACES_SECONDS, ""
        while len(won) < RACES and time.monotonic() < until:
            number = len(won)
            path, condition = f"/{bucket}/race-{number // 2}", {"if-none-match": "*"}
            if number % 2:
                condition = {"if-match": self.request("HEAD", path)[2].strip(marks)}
            race.update(number=number, path=path, condition=condition, statuses=[])
            start.wait()
            end.wait()
            if number % 2 and not marks and 200 not in race["statuses"]:
                # some servers, as Ceph, compare with an ETag without quotes
                marks = '"'
                continue
            won.append(race["statuses"].count(200))
        race.update(path=None)
        start.wait()
        return won


class Process:
    """A server that is one process."""

    environment = {}

    def new_keys(self):
        return secrets.token_hex(10), secrets.token_hex(20)

    @contextlib.contextmanager
    def start(self, program, directory, keys):
        (port,) = free_ports(1)
        command = [str(word) for word in self.command(program, directory, port, keys)]
        environment = os.environ | self.environment
        with open(directory / "log", "w") as log:
            process = subprocess.Popen(command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()


class Ceph(Process):
    program = REPOSITORY / "tests/s3-servers"
    name = "Ceph"

    def version(self, _):
        return said_by(["radosgw", "--version"])

    @contextlib.contextmanager
    def start(self, program, directory, keys):
        (port,) = free_ports(1)
        environment = os.environ | {"RWS_S3_STATE": str(directory), "RWS_S3_ACCESS_KEY": keys[0], "RWS_S3_SECRET_KEY": keys[1]}
        environment["RWS_TEST_CACHE"] = str(directory)
        try:
            subprocess.run([program, "resume", f"ceph:{port}"], env=environment, stdout=subprocess.DEVNULL, check=True)
            yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run([program, "end"], env=environment, stdout=subprocess.DEVNULL)


class Moto(Process):
    program = TEST_CACHE / "venv/bin/moto_server"
    name = "moto"

    def version(self, program):
        python = pathlib.Path(program).parent / "python3"
        return said_by([python, "-c", "import moto; print(moto.__version__)"])

    def command(self, program, _, port, __):
        return [program, "-H", "127.0.0.1", "-p", port]


class S3rver(Process):
    program = TEST_CACHE / "s3rver/node_modules/s3rver/bin/s3rver.js"
    name = "s3rver"

    def new_keys(self):
        return "S3RVER", "S3RVER"

    def version(self, program):
        return json.loads((pathlib.Path(program).resolve().parent.parent / "package.json").read_text())["version"]

    def command(self, program, directory, port, _):
        return ["node", program, "-d", directory, "-a", "127.0.0.1", "-p", port]


class S3sFs(Process):
    program = "s3s-fs"
    name = "s3s-fs"

    def version(self, program):
        return said_by([program, "--version"])

    def command(self, program, directory, port, keys):
        (directory / "data").mkdir()
        return [program, "--host", "127.0.0.1", "--port", port, "--access-key", keys[0], "--secret-key", keys[1], directory / "data"]


class Rclone(Process):
    program = "rclone"
    name = "rclone"

    def version(self, program):
        return said_by([program, "version"])

    def command(self, program, directory, port, keys):
        (directory / "data").mkdir()
        own = ["--config", directory / "rclone.conf", "--cache-dir", directory / "cache"]
        return [program, "serve", "s3", directory / "data", "--addr", f"127.0.0.1:{port}", "--auth-key", ",".join(keys), *own]


class SeaweedFs(Process):
    program = "weed"
    name = "SeaweedFS"

    def version(self, program):
        return said_by([program, "version"], r"\b\d+\.\d+\b")

    def command(self, program, directory, port, keys):
        (directory / "data").mkdir()
        credentials = [{"accessKey": keys[0], "secretKey": keys[1]}]
        identity = {"name": "rws", "credentials": credentials, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}
        (directory / "s3.json").write_text(json.dumps({"identities": [identity]}))
        names = ["master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc", "s3.port.grpc"]
        ports = [f"-{name}={port}" for name, port in zip(names, free_ports(len(names)))]
        sockets = [f"-{name}.localSocket={directory}/{name}.sock" for name in ("filer", "s3")]
        size = ["-volume.max=0", "-master.volumeSizeLimitMB=256"]
        return [
            *(program, "server", f"-dir={directory}/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", *ports),
            *("-filer", "-s3", f"-s3.port={port}", f"-s3.config={directory}/s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0", *sockets, *size),
        ]


class Garage(Process):
    program = "garage"
    name = "Garage"

    def version(self, program):
        return said_by([program, "--version"])

    def command(self, program, directory, port, keys):
        (rpc,) = free_ports(1)
        lines = [
            *(f'metadata_dir = "{directory}/meta"', f'data_dir = "{directory}/data"', "replication_factor = 1"),
            *(f'rpc_bind_addr = "127.0.0.1:{rpc}"', f'rpc_public_addr = "127.0.0.1:{rpc}"', f'rpc_secret = "{secrets.token_hex(32)}"'),
            *("[s3_api]", f's3_region = "{REGION}"', f'api_bind_addr = "127.0.0.1:{port}"'),
        ]
        (directory / "garage.toml").write_text("\n".join(lines) + "\n")
        self.environment = {"GARAGE_DEFAULT_ACCESS_KEY": keys[0], "GARAGE_DEFAULT_SECRET_KEY": keys[1]}
        return [program, "-c", directory / "garage.toml", "server", "--single-node", "--default-access-key"]

    def new_keys(self):
        return f"GK{secrets.token_hex(12)}", secrets.token_hex(32)


KINDS = {"ceph": Ceph(), "moto": Moto(), "s3rver": S3rver(), "s3s-fs": S3sFs(), "rclone": Rclone(), "seaweedfs": SeaweedFs(), "garage": Garage()}


@contextlib.contextmanager
def started(name, program):
    """A server that this script can start."""
    kind = KINDS[name]
    program = shutil.which(program or kind.program) or program or str(kind.program)
    if not pathlib.Path(program).exists():
        raise SystemExit(f"{program} does not exist: say {name}=PROGRAM")
    program = str(pathlib.Path(program).absolute())
    keys = kind.new_keys()
    with tempfile.TemporaryDirectory(dir=packages.CACHE, prefix=f"{name}-", ignore_cleanup_errors=True) as directory:
        with kind.start(program, pathlib.Path(directory), keys) as url:
            yield Store(kind.name, kind.version(program), url, *keys)


class Replica(Server):
    """The program on a bucket. It need not get ready: `said` is what it answers then."""

    def _is_ready(self):
        end = time.monotonic() + READY_SECONDS
        while True:
            status, body = client.Connection(self).get("/-/ready")
            self.is_ready, self.said = status == 200, body.decode()
            if self.is_ready or time.monotonic() > end:
                return True
            time.sleep(0.1)

    def get(self, path):
        status, body = client.Connection(self).get(path)
        if status != 200:
            raise Fault(f"GET {path} is answered {status}: {body[:200].decode(errors='replace')}")
        return body

    def writers(self):
        """`many`, `single` or `waiting`."""
        return json.loads(self.get("/-/status"))["writers"]["state"]

    def send(self, repository, file, query=""):
        """The status of an upload, or 0 where the server died of it; and what it said."""
        form = client.form([file], "bench" if repository.kind == "deb" else None)
        try:
            return client.Connection(self).put(repository.target + query, form)[:2]
        except (OSError, http.client.HTTPException) as error:
            return 0, repr(error).encode()

    def put(self, repository, file, query="?wait=30"):
        status, said = self.send(repository, file, query)
        if status != 201:
            raise Fault(f"the upload of {file[0]} is answered {status}: {said[:300].decode(errors='replace')}")
        return status

    def delete(self, repository, file_name):
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        path = f"{repository.target}/{urllib.parse.quote(file_name)}?wait=30"
        status, said = client.Connection(self).request("DELETE", path, headers={"Authorization": f"Basic {pair}"})
        if status != 200:
            raise Fault(f"the DELETE of {file_name} is answered {status}: {said[:300].decode(errors='replace')}")
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()


class Reader:
    """Reads a repository as a client does that trusts nothing: signature, every index, every package."""

    def __init__(self, directory, server):
        self.server, self.keyring = server, directory / "key.gpg"
        key = base64.b64decode(re.search(r"\n\n([A-Za-z0-9+/=\s]+?)\n=", server.get("/-/keys/main.asc").decode()).group(1))
        self.keyring.write_bytes(key)
        self.scratch = directory / "signed"

    def _is_signed(self, *files):
        paths = []
        for number, content in enumerate(files):
            paths.append(f"{self.scratch}-{number}")
            pathlib.Path(paths[-1]).write_bytes(content)
        ran = subprocess.run(["gpgv", "--keyring", str(self.keyring), *paths], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode:
            raise Fault(f"gpgv refuses the root: {ran.stdout.strip()[-200:]}")

    def _file(self, path, size, digest):
        content = self.server.get(path)
        if len(content) != int(size) or hashlib.sha256(content).hexdigest() != digest:
            raise Fault(f"{path} has {len(content)} bytes that are not those of the index")
        return content

    def deb(self, repository):
        """How often each package is in the index."""
        root = self.server.get(repository.root_path)
        self._is_signed(root)
        listed = re.findall(r"^ ([0-9a-f]{64})\s+(\d+)\s+(\S+)$", root.decode(), re.MULTILINE)
        for digest, size, name in listed:
            by_hash = f"{repository.suite}/{name.rpartition('/')[0]}/by-hash/SHA256/{digest}"
            # the plain form need not be there beside a compressed one
            if name.endswith((".gz", ".xz")):
                self._file(by_hash, size, digest)
                self._file(f"{repository.suite}/{name}", size, digest)
        _, name, _ = repository.index_of(root)
        index = client.opened(name, self.server.get(f"{repository.suite}/{name}")).decode()
        base = repository.suite.split("/dists/")[0]
        names = []
        for stanza in index.strip().split("\n\n"):
            field = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", stanza, re.MULTILINE))
            names.append(field["Package"])
            self._file(f"{base}/{urllib.parse.quote(field['Filename'])}", field["Size"], field["SHA256"])
        return collections.Counter(names)

    def rpm(self, repository):
        root = self.server.get(repository.root_path)
        self._is_signed(self.server.get(repository.root_path + ".asc"), root)
        name_space = {"r": "http://linux.duke.edu/metadata/repo", "c": "http://linux.duke.edu/metadata/common"}
        names = []
        for data in xml.etree.ElementTree.fromstring(root).findall("r:data", name_space):
            path = data.find("r:location", name_space).get("href")
            content = self._file(f"{repository.base}/{path}", data.findtext("r:size", None, name_space), data.findtext("r:checksum", None, name_space))
            if data.get("type") == "primary":
                for package in xml.etree.ElementTree.fromstring(client.opened(path, content)).findall("c:package", name_space):
                    names.append(package.findtext("c:name", None, name_space))
                    href = urllib.parse.quote(package.find("c:location", name_space).get("href"))
                    size = package.find("c:size", name_space).get("package")
                    self._file(f"{repository.base}/{href}", size, package.findtext("c:checksum", None, name_space))
        return collections.Counter(names)


def fault_of_counts(counts, wanted):
    missing, doubled = sorted(wanted - counts.keys()), [name for name, count in counts.items() if count != 1]
    if missing or doubled:
        raise Fault(f"{len(missing)} of {len(wanted)} packages are lost {missing[:3]}, {len(doubled)} are twice in the index {doubled[:3]}")


def real_apt(directory, server):
    """The packages that apt-get downloads with its own checks."""
    root = directory / "apt"
    for name in ("lists/partial", "archives/partial", "etc/sources.list.d", "got"):
        (root / name).mkdir(parents=True)
    (root / "status").touch()
    (root / "etc/sources.list.d/rws.sources").write_bytes(server.get(f"/-/setup{DEB.target}.sources"))
    own = {"Dir::State": root, "Dir::State::status": root / "status", "Dir::Cache": root, "Dir::Etc": root / "etc", "APT::Architecture": "amd64"}
    own |= {"APT::Sandbox::User": "root", "Dir::Etc::Parts": root, "Acquire::Languages": "none"}
    options = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
    for words in (["update", "--error-on=any"], ["download", "bench-odd++", "bench-large"]):
        ran = subprocess.run(["apt-get", *options, *words], cwd=root / "got", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode:
            raise Fault(f"apt-get {words[0]} fails: {ran.stdout.strip()[-300:]}")


def real_dnf(directory, server, wanted):
    root = directory / "dnf"
    places = ("cachedir", "persistdir", "logdir", "varsdir", "pluginconfpath")
    for name in ("repos", "installroot", *places):
        (root / name).mkdir(parents=True)
    (root / "repos/rws.repo").write_bytes(server.get(f"/-/setup{RPM.target}.repo"))
    own = [f"--setopt={name}={root}/{name}" for name in places]
    command = ["dnf", "--assumeyes", "--quiet", "--disableplugin=*", f"--setopt=reposdir={root}/repos", *own, "--installroot", f"{root}/installroot"]
    command += ["--releasever", "9", "--forcearch", "x86_64", "--setopt=skip_if_unavailable=0", "repoquery", "--qf", "%{name}"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ran.returncode or wanted - set(ran.stdout.split()):
        raise Fault(f"dnf does not see {sorted(wanted - set(ran.stdout.split()))[:3]}: {ran.stderr.strip()[-300:]}")


def odd_rpm():
    """A package whose name and version have all characters that a name of an rpm may have."""
    directory = packages.CACHE / "rpm-odd"
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        text = packages.SPEC_HEAD.format(name="bench-odd++", payload="w1.gzdio").replace("Version: 1.4.2", "Version: 1.0~rc1^git2+b1")
        packages.rpmbuild(text + "\n%files\n", directory)
        (directory / "complete").touch()
    (path,) = directory.glob("*.rpm")
    return path.name, path.read_bytes()


class Trial:
    """One server, and what is seen of it, column by column."""

    def __init__(self, store, directory, key):
        self.store, self.directory = store, directory
        self.cells, self.notes, self.logs = dict.fromkeys(HEAD, "-"), [], []
        self.cells["server"] = f"{store.name} {store.version}".strip()
        self.key, self.replicas = key, []

    def run(self):
        try:
            self.steps()
            self.cells["RWS"] = "works with one writer" if not self.many else "works with replicas" if self.is_safe else "works with one process"
        except Fault as fault:
            self.cells["RWS"] = "does not work"
            self.notes.append(str(fault))
        finally:
            for replica in self.replicas:
                replica.stop()
        for line in sorted({re.sub(r"^\S+\s+|\b[0-9a-f]{8}-[0-9a-f-]{27}\b", "", line) for replica in self.replicas for line in replica.complaints()}):
            self.logs.append(line)

    def replica(self):
        """One more process on the bucket."""
        number = len(self.replicas)
        self.replicas.append(Replica(self.directory / str(number), self.installation, log=self.directory / f"{number}.log"))
        return self.replicas[-1]

    def steps(self):
        store = self.store
        bucket = store.bucket()
        names = {"S3_URL": store.url, "S3_REGION": REGION, "S3_BUCKET": bucket, "S3_ACCESS_KEY": store.access_key, "S3_SECRET_KEY": store.secret_key}
        self.installation = Installation(names, self.key)
        first = self.replica()
        if not first.is_ready:
            raise Fault(f"/-/ready: {first.said.strip()}")
        self.wait_for_writer([first])
        self.many = first.writers() == "many"
        self.notes.append("/-/ready: " + first.get("/-/ready").decode().strip().replace("\n", "; "))
        self.upload(first)
        if self.many:
            won = store.races(store.bucket())
            self.is_safe = max(won) <= 1
            self.cells["races"] = f"{won.count(1)} of {len(won)}"
            if not self.is_safe:
                self.notes.append("more than one of some conditional writes won, which RWS did not see at its start")
        self.race(first)
        self.crash(first)
        self.read(self.replicas[-1])

    def wait_for_writer(self, replicas):
        """A replica that may write."""
        end = time.monotonic() + PUBLISHED_SECONDS
        while time.monotonic() < end:
            for replica in replicas:
                if replica.writers() in ("many", "single"):
                    return replica
            time.sleep(0.3)
        raise Fault(f"no replica may write: {replicas[0].get('/-/ready')}")

    def upload(self, server):
        small, gone = packages.deb("bench-small"), packages.deb("bench-gone")
        rpms = [*packages.rpms(3), odd_rpm()]
        odd = packages.deb("bench-odd++", version="1:1.0~rc1+b1-1")
        statuses = {server.put(DEB, file) for file in (small, gone, odd)} | {server.put(RPM, file) for file in rpms}
        self.cells["small"] = ", ".join(map(str, statuses))
        large = packages.deb("bench-large", padding=os.urandom(self.large_bytes), data=packages.STORED)
        self.cells["large"] = server.put(DEB, large, "?wait=60")
        self.cells["DELETE"] = server.delete(DEB, gone[0])
        reader = Reader(self.directory, server)
        counts = reader.deb(DEB)
        fault_of_counts(counts, {"bench-small", "bench-odd++", "bench-large"})
        if "bench-gone" in counts:
            raise Fault("a package that was removed is in the index")
        fault_of_counts(reader.rpm(RPM), {"bench-odd++"})

    def race(self, first):
        """Uploads to two replicas at the same time into one repository."""
        second = self.replica()
        if not second.is_ready:
            raise Fault(f"/-/ready of a second replica: {second.said.strip()}")
        writers = [first, second] if self.many else [first]
        files = queue.SimpleQueue()
        for number in range(RACED):
            files.put(packages.deb(f"bench-race-{number:02}"))
        complaints = []

        def work(replica):
            with contextlib.suppress(queue.Empty):
                while True:
                    file = files.get_nowait()
                    status, said = replica.send(RACE, file)
                    if status != 201:
                        complaints.append(f"the upload of {file[0]} is answered {status}: {said[:300].decode(errors='replace')}")

        threads = [threading.Thread(target=work, args=[replica]) for replica in writers for _ in range(RACERS)]
        for thread in threads:
            thread.start()
        if not self.many:
            status, said = second.send(RACE, packages.deb("bench-refused"))
            if status != 503 or second.writers() != "waiting":
                raise Fault(f"a standby replica answers {status} to an upload: {said}")
        for thread in threads:
            thread.join()
        if complaints:
            raise Fault(complaints[0])
        wanted = {f"bench-race-{number:02}" for number in range(RACED)}
        for replica in (first, second):
            self.wait_for(replica, RACE, wanted)
        self.cells["two replicas"] = f"{RACED} of {RACED}" if self.many else f"{RACED}; 2nd waits"

    def wait_for(self, replica, repository, wanted):
        """Until a replica serves all of them; then everything is read."""
        end, reader = time.monotonic() + PUBLISHED_SECONDS, Reader(self.directory, replica)
        while True:
            status, _ = client.Connection(replica).get(repository.root_path)
            if status == 200 and wanted <= reader.deb(repository).keys():
                break
            if time.monotonic() > end:
                fault_of_counts(reader.deb(repository), wanted)
            time.sleep(0.5)
        fault_of_counts(reader.deb(repository), wanted)

    def crash(self, first):
        """kill -9 of the replica that writes, in the middle of uploads, and a new one in its place."""
        second = self.replicas[1]
        answered, failed, numbers = [], [], itertools.count()
        lock = threading.Lock()

        def work(replica, most):
            for number in itertools.islice(numbers, most):
                file = packages.deb(f"bench-kill-{number:03}")
                status, _ = replica.send(KILL, file)
                with lock:
                    (answered if status in (201, 202) else failed).append(file)
                if first.process.poll() is not None:
                    return

        threads = [threading.Thread(target=work, args=[first, MOST_BEFORE_KILL]) for _ in range(RACERS)]
        if self.many:
            threads.append(threading.Thread(target=work, args=[second, MOST_BEFORE_KILL]))
        for thread in threads:
            thread.start()
        while len(answered) < ANSWERED_BEFORE_KILL and any(thread.is_alive() for thread in threads) and not failed:
            time.sleep(0.005)
        if failed:
            raise Fault(f"the upload of {failed[0][0]} fails before the kill")
        first.kill()
        for thread in threads:
            thread.join()
        third = self.replica()
        writer = self.wait_for_writer([third, second])
        safe = {file[0].split("_")[0] for file in answered}
        for replica in (second, third):
            self.wait_for(replica, KILL, safe)
        for file in failed:
            writer.put(KILL, file)
        everything = safe | {file[0].split("_")[0] for file in failed}
        self.wait_for(third, KILL, everything)
        self.cells["kill -9"] = f"{len(safe)} of {len(safe)}"

    def read(self, server):
        fault_of_counts(Reader(self.directory, server).deb(DEB), {"bench-small", "bench-odd++", "bench-large"})
        by = ["gpgv"]
        if shutil.which("apt-get"):
            real_apt(self.directory, server)
            by.append("apt")
        if shutil.which("dnf"):
            real_dnf(self.directory, server, {"bench-odd++"})
            by.append("dnf")
        spool = self.directory / "verify"
        spool.mkdir()
        environment = {"PATH": os.environ["PATH"], "RWS_SPOOL_DIR": str(spool), **self.installation.environment}
        ran = subprocess.run([str(binary()), "verify", "--deep", "--all"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode:
            raise Fault(f"rws verify --deep finds faults: {ran.stdout.strip()[-300:]}")
        self.cells["read by"] = ", ".join(by)


def table(rows):
    widths = [max(len(str(row[column])) for row in rows) for column in HEAD]
    for number, row in enumerate(rows):
        print("| " + " | ".join(str(row[column]).ljust(width) for column, width in zip(HEAD, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    print()


def signing_key(directory):
    """The secret key that the program makes for itself on a local disk."""
    with Server(directory) as server:
        return (server.data / ".rws/secrets/signing-key.asc").read_text()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("servers", nargs="*", metavar="NAME[=PROGRAM]", help=f"servers to start: {', '.join(KINDS)}")
    parser.add_argument("--at", nargs=4, action="append", default=[], metavar=("NAME", "URL", "ACCESS_KEY", "SECRET_KEY"), help="a server that runs")
    parser.add_argument("--large", type=int, default=40, help="megabytes of the large package (default 40)")
    parser.add_argument("--keep", help="a directory for what the replicas leave: their logs are N.log there")
    options = parser.parse_args()
    leave_on_sigterm()
    packages.CACHE.mkdir(parents=True, exist_ok=True)
    Trial.large_bytes = options.large * 1_000_000
    wanted = [name.partition("=")[::2] for name in options.servers]
    if unknown := [name for name, _ in wanted if name not in KINDS]:
        parser.error(f"{unknown[0]} is none of {', '.join(KINDS)}; use --at")
    make = lambda: contextlib.nullcontext(tempfile.mkdtemp(dir=options.keep)) if options.keep else tempfile.TemporaryDirectory(dir=packages.CACHE)
    given = [contextlib.nullcontext(Store(name, "", *place)) for name, *place in options.at]
    trials = []
    with tempfile.TemporaryDirectory(dir=packages.CACHE) as directory:
        key = signing_key(pathlib.Path(directory))
    for context in [*given, *(started(name, program) for name, program in wanted)]:
        with context as store, make() as directory:
            trials.append(Trial(store, pathlib.Path(directory), key))
            trials[-1].run()
            print(f"{trials[-1].cells['server']}: {trials[-1].cells['RWS']}", flush=True)
            for note in trials[-1].notes:
                print(f"  {note}")
            for line in trials[-1].logs[:10]:
                print(f"  log: {line}")
    print()
    table([dict(zip(HEAD, HEAD)), *(trial.cells for trial in trials)])


if __name__ == "__main__":
    main()
