"""Uploads that fill the disk of one user's doing."""

import itertools
import os

from abuse import forged_deb, service, wire
from abuse.attack import Attack, Tally, Target, in_threads

MOST_BYTES = 6 << 30


def stored_bytes(directory: str) -> int:
    """Of all files below a directory; those that vanish meanwhile are nothing."""
    total = 0
    for where, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_blocks * 512
            except OSError:
                pass
    return total


def _note_growth(target: Target, tally: Tally, sent: int) -> None:
    private = stored_bytes(os.path.join(target.data, ".rws"))
    tally.note(f"{sent >> 20} MiB sent; the data directory has {stored_bytes(target.data) >> 20} MiB, {private >> 20} of them private")


def same_again(target: Target, tally: Tally) -> None:
    """The same bytes again and again: nothing of it needs to be kept but a status."""
    name, content = forged_deb.honest("same-again", 8_000_000)
    sent = itertools.count()

    def one(client: int) -> None:
        left = 3 if target.short else MOST_BYTES // len(content) // 2
        while left and not target.over:
            left -= 1
            answer = wire.upload(
                target.address,
                service.ATTACKED_DEB,
                [(name, content)],
                user=service.attackers()[0],
                product="same",
                source=target.source(client),
                timeout=30,
            )
            next(sent)
            tally.count(answer)

    in_threads(2, one)
    _note_growth(target, tally, next(sent) * len(content))


def aside(target: Target, tally: Tally) -> None:
    """Files of dput whose .changes never comes: they lie aside."""
    numbers = itertools.count()
    size = 1_000_000 if target.short else 10_000_000

    def one(client: int) -> None:
        left = 10 if target.short else MOST_BYTES // size // 4
        while left and not target.over:
            left -= 1
            name, content = forged_deb.honest(f"aside-{target.number}-{next(numbers)}", size)
            path = f"/-/incoming/{service.ATTACKED_DEB}/aside/{name.replace('.deb', '.tar.xz')}"
            answer = wire.request(
                target.address, "PUT", path, user=service.attackers()[1], body=content, source=target.source(client), timeout=30
            )
            tally.count(answer)
            if answer.status >= 400:
                tally.count("says " + answer.reason)
                target.wait(0.3)

    in_threads(4, one)
    _note_growth(target, tally, next(numbers) * size)


def pending(target: Target, tally: Tally) -> None:
    """Large packages, faster than they are published, and large ones that turn out wrong at their end."""
    numbers = itertools.count()
    size = 1_000_000 if target.short else 20_000_000

    def one(client: int) -> None:
        left = 6 if target.short else MOST_BYTES // size // 4
        while left and not target.over:
            left -= 1
            number = next(numbers)
            name, content = forged_deb.honest(f"pending-{target.number}-{number}", size)
            cut = content[:-1000] if number % 3 == 2 else content
            answer = wire.upload(
                target.address,
                service.ATTACKED_DEB,
                [(name, cut)],
                user=service.attackers()[2],
                product="pending",
                source=target.source(client),
                timeout=30,
            )
            tally.count(answer)
            if answer.status in (413, 429, 503, 507):
                tally.count("says " + answer.reason)
                target.wait(0.3)

    in_threads(4, one)
    _note_growth(target, tally, next(numbers) * size)


ATTACKS = [
    Attack("disk-same", "the same 8 MB again and again", same_again, short=True),
    Attack("disk-aside", "files that lie aside for a .changes that never comes", aside, short=True),
    Attack("disk-pending", "large packages of one user, as fast as possible", pending, short=True),
]
