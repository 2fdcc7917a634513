"""A disk that is full: what is answered, that nothing is lost, and that it mends itself."""

import contextlib
import pathlib
import subprocess
import time
from collections.abc import Iterator

from abuse import forged_deb, forged_rpm, probes, service, wire
from abuse.check import Bench, Check

DISK_MIB = 64
MENDED_SECONDS = 90


@contextlib.contextmanager
def _small_disk(path: pathlib.Path, options: str) -> Iterator[bool]:
    path.mkdir(parents=True)
    ran = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True)
    try:
        yield ran.returncode == 0
    finally:
        if ran.returncode == 0:
            subprocess.run(["umount", "-l", str(path)], check=False)


def _fill(bench: Bench, served: service.Service, promised: probes.Promised) -> None:
    """Uploads until one is refused, of falling size, so that the last kilobytes go too."""
    user = service.honest_users()[0]
    for size in (4_000_000, 500_000, 50_000, 2_000):
        refused = 0
        for number in range(2000):
            name = f"fill-{size}-{number}"
            answer = wire.upload(
                served.address,
                service.HONEST_DEB,
                [forged_deb.honest(name, size)],
                user=user,
                product="fill",
                source="127.0.1.1",
                timeout=30,
            )
            bench.tally.count(answer)
            if 200 <= answer.status < 300:
                promised.add(service.HONEST_DEB, name)
                refused = 0
                continue
            _judge(bench, f"upload of {size} bytes", answer)
            refused += 1
            if refused == 3:
                break


def _judge(bench: Bench, what: str, answer: wire.Answer) -> None:
    good = answer.status in (429, 503, 507)
    bench.tally.expect(good, f"{what} on a full disk: {answer.outcome} {answer.body[:150]!r}")
    if good:
        bench.tally.count("says " + answer.reason)
        has_reason = any(word in answer.body.lower() for word in (b"space", b"room", b"full"))
        bench.tally.expect(has_reason, f"{what} on a full disk: the reason is not named: {answer.body[:120]!r}")


def _full(bench: Bench, name: str, mount_options: str, spool_only: bool) -> None:
    disk = bench.directory / f"disk-{name}"
    with _small_disk(disk, mount_options) as mounted:
        if not mounted:
            bench.tally.note("no right to mount a tmpfs: left out")
            return
        ballast = disk / "ballast"
        promised = probes.Promised()
        options = {"environment": {"RWS_SPOOL_DIR": str(disk / "spool")}} if spool_only else {"data": disk / "data"}
        if spool_only:
            (disk / "spool").mkdir()
        with bench.server(name, **options) as served:
            user = service.honest_users()[0]
            first = wire.upload(
                served.address, service.HONEST_RPM, [forged_rpm.rpm("before")], user=user, query="?wait=20", source="127.0.1.1"
            )
            bench.tally.expect(first.status == 201, f"the first upload: {first.outcome} {first.body[:100]!r}")
            promised.add(service.HONEST_RPM, "before")
            # Half of it is what an operator can make room with.
            with contextlib.suppress(OSError):
                ballast.write_bytes(bytes((DISK_MIB // 2) << 20))
            if spool_only:
                _fill_with_ballast(disk)
                answer = wire.upload(
                    served.address, service.HONEST_DEB, [forged_deb.honest("full", 500_000)], user=user, product="fill", source="127.0.1.1"
                )
                bench.tally.count(answer)
                if answer.status != 201:
                    _judge(bench, "upload with a full spool", answer)
                else:
                    promised.add(service.HONEST_DEB, "full")
            else:
                _fill(bench, served, promised)
            _reads_go_on(bench, served)
            served.kill()
            served.start()
            _reads_go_on(bench, served)
            for file in disk.glob("ballast*"):
                file.unlink()
            _mends(bench, served, promised)


def _fill_with_ballast(disk: pathlib.Path) -> None:
    with contextlib.suppress(OSError), open(disk / "ballast-rest", "wb") as file:
        while True:
            file.write(bytes(4096))


def _reads_go_on(bench: Bench, served: service.Service) -> None:
    for path in ("/-/health", f"/{service.HONEST_RPM}/x86_64/repodata/repomd.xml"):
        answer = wire.request(served.address, "GET", path, timeout=5)
        bench.tally.expect(answer.status == 200, f"GET {path} on a full disk: {answer.outcome}")


def _mends(bench: Bench, served: service.Service, promised: probes.Promised) -> None:
    """After room was made an upload is taken, without a restart, and all that was promised is published."""
    began, user = time.monotonic(), service.honest_users()[0]
    while time.monotonic() - began < MENDED_SECONDS:
        answer = wire.upload(
            served.address,
            service.HONEST_DEB,
            [forged_deb.honest("mended", 2_000)],
            user=user,
            product="fill",
            source="127.0.1.1",
            timeout=30,
        )
        if answer.status == 201:
            promised.add(service.HONEST_DEB, "mended")
            break
        time.sleep(1)
    bench.tally.expect(answer.status == 201, f"an upload after room was made: {answer.outcome} {answer.body[:150]!r}")
    bench.tally.note(f"an upload was taken {time.monotonic() - began:.1f} s after room was made")
    seconds, missing = probes.wait_until_published(served.address, promised, served.is_alive, MENDED_SECONDS)
    bench.tally.note(f"{promised.count()} promised, {len(missing)} missing {seconds:.1f} s later")
    for name in missing[:5]:
        bench.tally.expect(False, f"promised and not published: {name}")


def full_disk(bench: Bench) -> None:
    _full(bench, "full", f"size={DISK_MIB}m", False)


def no_inodes(bench: Bench) -> None:
    _full(bench, "inodes", f"size={2 * DISK_MIB}m,nr_inodes=400", False)


def full_spool(bench: Bench) -> None:
    _full(bench, "spool", f"size={DISK_MIB}m", True)


CHECKS = [
    Check("full-disk", "a data directory without room", full_disk, short=False),
    Check("no-inodes", "a data directory without room for names", no_inodes, short=False),
    Check("full-spool", "a spool without room", full_spool, short=False),
]
