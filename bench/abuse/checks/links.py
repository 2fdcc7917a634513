"""Symbolic links, odd files and modes below the data directory."""

import os
import pathlib
import socket
import stat
import time

from abuse import forged_deb, forged_rpm, probes, service, wire
from abuse.check import Bench, Check

SECRET = b"PRIVATE-SECRET-OF-RWS"
ANSWER_SECONDS = 5
QUERIES = ["", "?format=json", "?recursive=1", "?type=file", "?recursive=1&format=json"]


def links(bench: Bench) -> None:
    outside = bench.directory / "outside"
    outside.mkdir(parents=True)
    (outside / "secret").write_bytes(SECRET)
    (outside / "deep").mkdir()
    (outside / "deep" / "secret").write_bytes(SECRET)
    with bench.server() as served:
        _publish(served, "first")
        (served.data / ".rws" / "secrets").mkdir(exist_ok=True)
        (served.data / ".rws" / "secrets" / "planted").write_bytes(SECRET)
        paths = _lay(served.data, outside)
        for path in paths:
            _look_at(bench, served, path)
        for path in ["/live/", "/live/links/", "/"]:
            for query in QUERIES:
                answer = wire.request(served.address, "GET", path + query, timeout=10)
                bench.tally.expect(answer.status != 0 and SECRET not in answer.body, f"GET {path}{query}: {answer.outcome}")
                bench.tally.expect(
                    b"planted" not in answer.body and b"deep/secret" not in answer.body, f"GET {path}{query}: names files outside"
                )
        _inside(bench, served)
        _synchronise(bench, served, outside)
        _write_through(bench, served)
        health = wire.request(served.address, "GET", "/-/health", timeout=5)
        bench.tally.expect(health.status == 200, f"health afterwards: {health.outcome}")


def _publish(served: service.Service, name: str) -> None:
    wire.upload(
        served.address, service.HONEST_DEB, [forged_deb.deb(name)], user=service.honest_users()[0], product="first", query="?wait=20"
    )
    wire.upload(served.address, service.HONEST_RPM, [forged_rpm.rpm(name)], user=service.honest_users()[0], query="?wait=20")


def _lay(data: pathlib.Path, outside: pathlib.Path) -> list[str]:
    """Makes the links; paths that must not be readable."""
    place = data / "live" / "links"
    place.mkdir()
    up = "../" * 20
    targets = {
        "directory": outside,
        "file": outside / "secret",
        "relative": pathlib.Path(os.path.relpath(outside, place)),
        "climbing": pathlib.Path(up + str(outside).lstrip("/")),
        "private": "../../.rws",
        "private-absolute": data / ".rws",
        "private-file": "../../.rws/secrets/planted",
        "private-around": f"../../../{data.name}/.rws",
        "root": "/",
        "above": "../../..",
        "environment": "/proc/self/environ",
        "self": "/proc/self/root",
        "descriptors": "/proc/self/fd",
        "working-directory": "/proc/self/cwd",
        "zero": "/dev/zero",
        "standard-input": "/dev/stdin",
        "terminal": "/dev/tty",
        "dangling": "/nowhere/at/all",
        "loop": "loop",
        "chain": "chained",
        "chained": outside,
        "through": "inside-out/secret",
        "inside-out": outside,
    }
    for name, target in targets.items():
        (place / name).symlink_to(target)
    os.mkfifo(place / "fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place / "socket"))
    os.mknod(place / "null", stat.S_IFCHR | 0o666, os.makedev(1, 5)) if os.geteuid() == 0 else None
    paths = [f"/live/links/{name}" for name in [*targets, "fifo", "socket", "null"]]
    paths += [
        f"/live/links/{name}/{below}"
        for name in ("directory", "relative", "climbing", "chain", "inside-out")
        for below in ("secret", "deep/secret", "deep")
    ]
    paths += [f"/live/links/{name}/secrets/planted" for name in ("private", "private-absolute", "private-around")]
    paths += [
        "/live/links/root/etc/passwd",
        "/live/links/above/outside/secret",
        f"/live/links/above/{data.name}/.rws/secrets/planted",
        "/live/links/self/etc/passwd",
        "/live/links/private/secrets",
        "/live/links/descriptors/1",
    ]
    return paths


def _look_at(bench: Bench, served: service.Service, path: str) -> None:
    for method, asked, headers in (
        ("GET", path, {}),
        ("HEAD", path, {}),
        ("GET", path, {"Range": "bytes=0-10"}),
        ("GET", path + "/", {}),
        *(("GET", path + query, {}) for query in QUERIES[1:]),
    ):
        began = time.monotonic()
        answer = wire.request(served.address, method, asked, headers=headers, timeout=ANSWER_SECONDS)
        bench.tally.count(answer)
        bench.tally.expect(
            answer.status in (400, 403, 404),
            f"{method} {asked}{' with Range' if headers else ''}: {answer.outcome} {answer.body[:60]!r} after {time.monotonic() - began:.1f} s",
        )
        bench.tally.expect(SECRET not in answer.body and b"root:" not in answer.body, f"{method} {asked}: gives the secret away")


def _inside(bench: Bench, served: service.Service) -> None:
    """Links that stay inside are fine."""
    place = served.data / "live" / "same"
    place.symlink_to("2.8")
    (served.data / "live" / "same-file").symlink_to("2.8/ubuntu/dists/jammy/Release")
    for path in ("/live/same/ubuntu/dists/jammy/Release", "/live/same-file"):
        answer = wire.request(served.address, "GET", path)
        bench.tally.expect(answer.status == 200, f"GET {path}, a link inside: {answer.outcome}")


def _synchronise(bench: Bench, served: service.Service, outside: pathlib.Path) -> None:
    """A package that is a link out of the data directory does not come into an index, nor does a directory of them."""
    name, content = forged_rpm.rpm("outsider")
    (outside / name).write_bytes(content)
    deb_name, deb_content = forged_deb.deb("outsider-deb")
    (outside / deb_name).write_bytes(deb_content)
    packages = served.data / service.HONEST_RPM / "x86_64" / "Packages"
    (packages / name).symlink_to(outside / name)
    (packages / "more").symlink_to(outside)
    (packages / "private-1.0-1.x86_64.rpm").symlink_to(served.data / ".rws" / "secrets" / "planted")
    (packages / "fifo-1.0-1.x86_64.rpm").unlink(missing_ok=True)
    os.mkfifo(packages / "fifo-1.0-1.x86_64.rpm")
    kind, series, distribution, codename = service.HONEST_DEB.split("/")
    pool = served.data / kind / series / distribution / "pool" / codename / "main"
    (pool / "o").symlink_to(outside)
    user = service.honest_users()[0]
    for target in (service.HONEST_RPM, service.HONEST_DEB):
        answer = wire.request(served.address, "POST", f"/{target}", user=user, source="127.0.1.1", timeout=20)
        bench.tally.note(f"POST /{target}: {answer.outcome}")
    _publish(served, "second")
    until = time.monotonic() + 15
    found: set[str] = set()
    while "second" not in found and time.monotonic() < until:
        found = probes.published(served.address, service.HONEST_RPM)
        time.sleep(0.2)
    found |= probes.published(served.address, service.HONEST_DEB)
    bench.tally.expect("second" in found, "after a synchronisation with links an honest package is not published")
    bench.tally.expect(not found & {"outsider", "outsider-deb"}, f"a link out of the data directory came into an index: {found}")
    (packages / "fifo-1.0-1.x86_64.rpm").unlink()
    (packages / name).unlink()
    (packages / "more").unlink()
    (packages / "private-1.0-1.x86_64.rpm").unlink()


def _write_through(bench: Bench, served: service.Service) -> None:
    """An upload through a directory that is a link: out of the data directory nothing is written."""
    for number, place in enumerate(("live/1.10/ubuntu", "live/1.10/el")):
        elsewhere = bench.directory / f"elsewhere-{number}"
        elsewhere.mkdir()
        link = served.data / place
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(elsewhere)
    user = service.honest_users()[0]
    for target, file, product in (
        (service.ATTACKED_DEB, forged_deb.deb("through"), "through"),
        (service.ATTACKED_RPM, forged_rpm.rpm("through"), None),
    ):
        answer = wire.upload(served.address, target, [file], user=user, product=product, query="?wait=3", source="127.0.1.1", timeout=20)
        bench.tally.note(f"upload to {target} through a link out of the data directory: {answer.outcome} {answer.body[:150]!r}")
    time.sleep(2)
    for number in range(2):
        written = [str(path) for path in (bench.directory / f"elsewhere-{number}").rglob("*")]
        bench.tally.expect(not written, f"an upload through a link wrote outside: {written[:3]}")


def modes(bench: Bench) -> None:
    """Whatever the umask, what is public can be read and what is private cannot."""
    for umask in (0o000, 0o022, 0o077):
        with bench.server(f"umask-{umask:03o}", umask=umask) as served:
            _publish(served, "first")
            wrong: dict[str, int] = {}
            for path in served.data.rglob("*"):
                parts = path.relative_to(served.data).parts
                private, directory = parts[:1] == (".rws",), path.is_dir()
                if path.is_symlink() or not path.exists():
                    continue
                wanted = (0o700 if directory else 0o600) if private else (0o755 if directory else 0o644)
                mode = stat.S_IMODE(path.stat().st_mode)
                if mode != wanted:
                    label = (
                        f"{'.rws' if private else 'public'} {'directory' if directory else 'file'} {mode:04o}, e.g. {'/'.join(parts)[-60:]}"
                    )
                    key = label.split(",")[0]
                    wrong.setdefault(key, 0)
                    wrong[key] += 1
                    if wrong[key] == 1:
                        bench.tally.note(f"umask {umask:03o}: {label}")
            bench.tally.expect(not wrong, f"umask {umask:03o}: {wrong}")


CHECKS = [
    Check("links", "links out of the data directory and into what is private", links),
    Check("modes", "modes of files under three umasks", modes),
]
