"""The real S3 server of the tests, Ceph's gateway: buckets, those who speak to it without RWS, and what it costs."""

import contextlib
import hashlib
import http.client
import os
import pathlib
import queue
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import client
import server
from server import REPOSITORY, Server, TICKS_PER_SECOND, process_cpu_seconds

TEST_CACHE = pathlib.Path(os.environ.get("RWS_TEST_CACHE", REPOSITORY / "target/test-cache"))
REGION = "us-east-1"
SIGNED_SECONDS = 3600


def need_boto3():
    """Goes on with the interpreter of the tests' virtual environment where this one has no boto3."""
    try:
        import boto3  # noqa: F401
    except ModuleNotFoundError:
        python = TEST_CACHE / "venv/bin/python3"
        if not python.exists() or pathlib.Path(sys.prefix) == python.parent.parent:
            raise SystemExit("boto3 is missing: run tests/setup, or install it for this Python")
        os.execv(python, [str(python), *sys.argv])


def signing_key():
    """The secret key that the program makes for itself on a local disk, so that both kinds of store sign alike."""
    with tempfile.TemporaryDirectory() as directory, Server(pathlib.Path(directory)) as server:
        return (server.data / ".rws/secrets/signing-key.asc").read_text()


class Gateway:
    """Where Ceph's gateway is, and its keys: from the environment, or from what `tests/s3-servers start` wrote."""

    def __init__(self):
        self.state = TEST_CACHE / "s3"
        file = self.state / "env"
        written = file.read_text().splitlines() if file.exists() else []
        known = {**dict(line.split("=", 1) for line in written if "=" in line), **os.environ}
        try:
            self.url, self.access_key, self.secret_key = (known[f"RWS_TEST_CEPH_{name}"] for name in ("URL", "ACCESS_KEY", "SECRET_KEY"))
        except KeyError as missing:
            raise SystemExit(f"{missing.args[0]} is not known: run tests/s3-servers start, or set RWS_TEST_CEPH_URL and its keys")
        import boto3
        import botocore.config
        import botocore.exceptions

        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=botocore.config.Config(s3={"addressing_style": "path"}, signature_version="s3v4", connect_timeout=5, read_timeout=120),
        )
        try:
            self.version = self.s3.list_buckets()["ResponseMetadata"]["HTTPHeaders"].get("server", "")
        except botocore.exceptions.BotoCoreError as error:
            raise SystemExit(f"Ceph's gateway does not answer: run tests/s3-servers start ({error})")

    @contextlib.contextmanager
    def bucket(self):
        """A bucket that goes with everything in it."""
        name = f"rws-bench-{secrets.token_hex(8)}"
        self.s3.create_bucket(Bucket=name)
        try:
            yield name
        finally:
            for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=name):
                if keys := [{"Key": entry["Key"]} for entry in page.get("Contents", [])]:
                    self.s3.delete_objects(Bucket=name, Delete={"Objects": keys, "Quiet": True})
            for upload in self.s3.list_multipart_uploads(Bucket=name).get("Uploads", []):
                self.s3.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
            self.s3.delete_bucket(Bucket=name)

    def presigned(self, method, bucket, key):
        return self.s3.generate_presigned_url(method, {"Bucket": bucket, "Key": key}, SIGNED_SECONDS)

    def cpu_seconds(self):
        """Of the gateway and its disk, where `tests/s3-servers` started them; else 0."""
        files = [self.state / "pid" / name for name in ("client.rgw", "osd.0", "mon.a")]
        return sum(process_cpu_seconds(int(file.read_text().split()[0])) for file in files if file.exists())


class Installation(server.Installation):
    """What the program needs to run on a bucket."""

    def __init__(self, gateway, bucket, key):
        store = {"S3_URL": gateway.url, "S3_REGION": REGION, "S3_BUCKET": bucket, "S3_ACCESS_KEY": gateway.access_key, "S3_SECRET_KEY": gateway.secret_key}
        super().__init__(store, key)


class CpuMeter:
    """CPU seconds while something is measured: of the program, the store, this client and its children, and all others."""

    def __init__(self, gateway, server=None):
        self.gateway, self.server = gateway, server

    def __enter__(self):
        self.before = self._read()
        return self

    def __exit__(self, *_):
        spent = {name: after - self.before[name] for name, after in self._read().items()}
        spent["others"] = spent.pop("machine") - spent["rws"] - spent["store"] - spent["client"]
        self.seconds = {name: round(max(0, value), 2) for name, value in spent.items()}

    def _read(self):
        own = os.times()
        busy = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()
        # all but idle and iowait; the time that the hypervisor took is told apart, guests are in user
        user, nice, system, _, _, irq, softirq, steal = (int(value) / TICKS_PER_SECOND for value in busy[1:9])
        return {
            "rws": self.server.cpu_seconds() if self.server else 0.0,
            "store": self.gateway.cpu_seconds(),
            "client": own.user + own.system + own.children_user + own.children_system,
            "machine": user + nice + system + irq + softirq,
            "stolen": steal,
        }


def uploads(gateway, bucket):
    """The ways to bring a file to the store without RWS: name, and what does it and returns seconds."""

    def with_upload_file(path, key):
        gateway.s3.upload_file(str(path), bucket, key)

    def with_put_object(path, key):
        with open(path, "rb") as file:
            gateway.s3.put_object(Bucket=bucket, Key=key, Body=file)

    def with_curl(path, key):
        answer, numbers = client.curl(["--upload-file", str(path)], f'url = "{gateway.presigned("put_object", bucket, key)}"\n')
        if numbers["http_code"] != 200:
            raise SystemExit(f"a presigned PUT was answered {numbers['http_code']}: {answer}")

    def with_awscli(path, key):
        command = ["aws", "--endpoint-url", gateway.url, "--region", REGION, "s3", "cp", "--only-show-errors", str(path), f"s3://{bucket}/{key}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= {"AWS_ACCESS_KEY_ID": gateway.access_key, "AWS_SECRET_ACCESS_KEY": gateway.secret_key}
        environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        subprocess.run(command, env=environment, check=True)

    found = {"boto3 upload_file": with_upload_file, "boto3 put_object": with_put_object, "curl, presigned PUT": with_curl}
    if shutil.which("aws"):
        found["aws s3 cp, with its start"] = with_awscli
    return found


def many_small_puts(gateway, bucket, contents, at_once):
    """Seconds for as many plain objects, on open connections, by the same kind of client as RWS gets."""
    address = gateway.url.split("://", 1)[1].rstrip("/")
    waiting = queue.SimpleQueue()
    for number, content in enumerate(contents):
        key = f"plain/{hashlib.md5(str(number).encode()).hexdigest()}"
        waiting.put((gateway.presigned("put_object", bucket, key).removeprefix(gateway.url.rstrip("/")), content))

    def work():
        connection = http.client.HTTPConnection(address, timeout=120)
        with contextlib.suppress(queue.Empty):
            while True:
                path, content = waiting.get_nowait()
                connection.request("PUT", path, body=content)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != 200:
                    raise SystemExit(f"a presigned PUT was answered {answer.status}: {body.decode()}")

    return together([work] * at_once)


def together(works):
    """Runs them at the same time; seconds from the first start to the last end. The first error ends the program."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:  # a thread's error would be lost otherwise
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    if errors:
        raise errors[0]
    return seconds
