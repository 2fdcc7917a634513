"""The real apt-get in a root of its own, so that it needs no rights and changes nothing of the machine."""

import pathlib
import shutil
import subprocess
import time

from abuse.wire import Answer

DIRECTORIES = (
    "etc/apt/apt.conf.d",
    "etc/apt/preferences.d",
    "etc/apt/sources.list.d",
    "etc/apt/trusted.gpg.d",
    "var/lib/apt/lists/partial",
    "var/cache/apt/archives/partial",
    "var/lib/dpkg",
)


class Apt:
    def __init__(self, directory: pathlib.Path, address: tuple[str, int], target: str) -> None:
        kind, series, distribution, codename = target.split("/")
        self.directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        for name in DIRECTORIES:
            (directory / name).mkdir(parents=True)
        (directory / "var/lib/dpkg/status").touch()
        source = f"deb [trusted=yes] http://{address[0]}:{address[1]}/{kind}/{series}/{distribution} {codename} main\n"
        (directory / "etc/apt/sources.list").write_text(source)
        own = {
            "Dir": directory,
            "Dir::State": directory / "var/lib/apt",
            "Dir::State::status": directory / "var/lib/dpkg/status",
            "Dir::Cache": directory / "var/cache/apt",
            "Dir::Etc": directory / "etc/apt",
            "Dir::Log": directory,
            "APT::Architecture": "amd64",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "0",
            "Acquire::http::Timeout": "60",
        }
        self._options = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]

    def update(self, timeout: float) -> Answer:
        """Status 200 where apt-get is content; its complaint otherwise."""
        start = time.monotonic()
        try:
            ran = subprocess.run(["apt-get", *self._options, "update"], capture_output=True, timeout=timeout, text=True)
        except subprocess.TimeoutExpired:
            return Answer(0, seconds=time.monotonic() - start, problem="timeout")
        seconds = time.monotonic() - start
        complaints = [line for line in (ran.stdout + ran.stderr).splitlines() if line.startswith(("E:", "W:", "Err:"))]
        if ran.returncode or complaints:
            return Answer(0, body="\n".join(complaints).encode(), seconds=seconds, problem="apt: " + (complaints or ["failed"])[0][:80])
        return Answer(200, seconds=seconds)
