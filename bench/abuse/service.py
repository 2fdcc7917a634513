"""The server under attack: its users and repositories, its start on the same data, its violent end."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field

from abuse import wire
from abuse.confinement import Confinement, run_on
from abuse.wire import User

HASH_FORMATS = ("pbkdf2", "scrypt", "argon2id")
PASSWORD = "correct horse battery staple"
# The environment takes 128 kB in one variable.
NEWCOMERS = 160
START_SECONDS = 60

HONEST_DEB, HONEST_RPM = "live/2.8/ubuntu/jammy", "live/2.8/el/9"
LOGIN_TARGET = "release/2.8/ubuntu/focal"
ATTACKED_DEB, ATTACKED_RPM = "live/1.10/ubuntu/focal", "live/1.10/el/8"
ATTACKED_CONTENTS = "live/1.10/debian/bookworm"
WIDE_ANCHOR = "wide"
WIDE_SERIES, WIDE_VERSIONS = 33, 22


def configuration() -> dict:
    wide = [f"live/wide-{series}/fedora/{version}" for series in range(WIDE_SERIES) for version in range(WIDE_VERSIONS)]
    distributions = {
        "ubuntu": {"base": "deb", "versions": ["focal", "jammy"]},
        "debian": {"base": "deb", "versions": ["bookworm"]},
        "el": {"base": "rpm", "versions": ["8", "9"]},
        "fedora": {"base": "rpm", "versions": [str(version) for version in range(WIDE_VERSIONS)]},
    }
    series = ["1.10", "2.8", *(f"wide-{number}" for number in range(WIDE_SERIES))]
    supported = {"repo_kind": ["live", "release"], "tarantool_series": series, "enabled": ["1.10", "2.8"], "distrs": distributions}
    return {
        "common": {"sync_on_start": False},
        "model": {"supported_repos": supported},
        "anchors": {WIDE_ANCHOR: wide},
        "repositories": [{"match": "live/1.10/debian/*", "contents": True}],
    }


def honest_users() -> list[User]:
    """One for each form of hash; they log in before the attack, so that the server remembers them."""
    return [User(f"honest-{form}", PASSWORD) for form in HASH_FORMATS]


def newcomers(form: str) -> list[User]:
    """Users who have not logged in since the start."""
    return [User(f"newcomer-{form}-{number}", PASSWORD) for number in range(NEWCOMERS)]


def attackers(count: int = 8) -> list[User]:
    """Users who may write to the attacked targets only."""
    return [User(f"attacker-{number}", PASSWORD) for number in range(count)]


def neighbour() -> User:
    """An honest user of the attacked target."""
    return User("neighbour", PASSWORD)


def wide_attacker() -> User:
    """May write to the anchor of hundreds of targets."""
    return User("attacker-wide", PASSWORD)


def hashes(program: pathlib.Path) -> dict[str, str]:
    command = [str(program), "hash-password", "--format"]
    run = lambda form: subprocess.run([*command, form], input=PASSWORD, stdout=subprocess.PIPE, text=True, check=True)
    return {form: run(form).stdout.strip() for form in HASH_FORMATS}


def credentials(hashed: dict[str, str], memory_format: str | None = None) -> dict:
    """All users; attackers take the forms in turn. With a format every user has that one."""
    of = lambda form: hashed[memory_format or form]
    users: dict[str, object] = {user.name: of(form) for user, form in zip(honest_users(), HASH_FORMATS)}
    for form in HASH_FORMATS:
        users |= {user.name: of(form) for user in newcomers(form)}
    for number, user in enumerate(attackers()):
        attacked = [ATTACKED_DEB, ATTACKED_RPM, ATTACKED_CONTENTS]
        users[user.name] = {"hash": of(HASH_FORMATS[number % 3]), "allow": attacked}
    users[wide_attacker().name] = {"hash": of("pbkdf2"), "allow": ["live/wide-*"]}
    users[neighbour().name] = of("argon2id")
    return users


@dataclass
class Options:
    program: pathlib.Path
    directory: pathlib.Path
    confinement: Confinement
    hashed: dict[str, str]
    core: int | None = None
    configuration: dict | None = None
    data: pathlib.Path | None = None
    umask: int | None = None
    environment: dict[str, str] = field(default_factory=dict)


class Service:
    """A server on a data directory that outlives it."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.directory = options.directory
        self.data = options.data or options.directory / "data"
        self.log_path = options.directory / "log"
        self.directory.mkdir(parents=True, exist_ok=True)
        self.address = ("127.0.0.1", _free_port())
        self.process: subprocess.Popen | None = None
        (self.directory / "config.json").write_text(json.dumps(options.configuration or configuration()))

    def start(self) -> float:
        """Seconds until it answers. SystemExit where it does not."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RWS_", "S3_", "GPG_")) and name != "PORT"}
        environment |= {"RWS_CFG": str(self.directory / "config.json"), "RWS_CREDENTIALS": json.dumps(credentials(self.options.hashed))}
        environment |= self.options.environment
        command = [str(self.options.program), "serve", "--listen", "%s:%d" % self.address, "--data-dir", str(self.data)]
        began = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, preexec_fn=self._enter
            )
        self.options.confinement.watch(self.process.pid)
        while time.monotonic() - began < START_SECONDS and self.is_alive():
            if wire.request(self.address, "GET", "/-/health", timeout=5, source="127.0.1.9").status == 200:
                return time.monotonic() - began
            time.sleep(0.02)
        raise SystemExit(f"the server does not start; its log ends:\n{self.log()[-2000:]}")

    def _enter(self) -> None:
        self.options.confinement.enter()
        if self.options.umask is not None:
            os.umask(self.options.umask)
        if self.options.core is not None:
            run_on(self.options.core)

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def exit_code(self) -> int | None:
        return self.process.poll() if self.process else None

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def cpu_seconds(self) -> float:
        if not self.is_alive():
            return 0.0
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def complaints(self) -> list[str]:
        lines = (re.sub(r"\x1b\[[0-9;]*m", "", line) for line in self.log().splitlines())
        return [line for line in lines if re.search(r"\bERROR\b|panicked", line)]

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_) -> None:
        self.kill()


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
