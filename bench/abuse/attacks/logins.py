"""Guessed passwords, from one address and from thousands, of names that exist and of names that do not."""

import itertools
import random
import statistics
import time

from abuse import service, wire
from abuse.attack import Attack, Tally, Target, in_threads


def _guess(target: Target, name: str, password: str, source: str, timeout: float = 70) -> wire.Answer:
    path = f"/{service.ATTACKED_DEB}"
    return wire.request(target.address, "POST", path, user=wire.User(name, password), source=source, timeout=timeout)


def _storm(target: Target, tally: Tally, clients: int, name_of, source_of, guesses: int = 1 << 30) -> None:
    numbers = itertools.count()

    def one(client: int) -> None:
        left = guesses
        while left and not target.over:
            left -= 1
            number = next(numbers)
            answer = _guess(
                target, name_of(number), f"wrong {number} {random.random()}", source_of(number, client), min(70, target.left() + 1)
            )
            tally.count(answer)
            if answer.status == 0:
                target.wait(0.05)

    in_threads(clients, one)


def _any_name(number: int) -> str:
    """Known and unknown names, of all forms."""
    known = f"newcomer-{service.HASH_FORMATS[number % 3]}-{number % service.NEWCOMERS}"
    return known if number % 2 else f"nobody-{number}"


def new_addresses(target: Target, tally: Tally) -> None:
    """A new address for each guess, as whoever has an IPv6 network has them."""
    _storm(target, tally, 16 if target.short else 200, _any_name, lambda number, _: target.source(number), 4 if target.short else 1 << 30)


def honest_names(target: Target, tally: Tally) -> None:
    """Guesses for the names of the honest clients, from new addresses."""
    names = [user.name for user in service.honest_users()] + [service.neighbour().name]
    _storm(
        target,
        tally,
        16 if target.short else 100,
        lambda number: names[number % len(names)],
        lambda number, _: target.source(number),
        2 if target.short else 1 << 30,
    )


def one_form(form: str):
    def guesses(target: Target, tally: Tally) -> None:
        _storm(
            target,
            tally,
            8 if target.short else 120,
            lambda number: f"newcomer-{form}-{number % service.NEWCOMERS}",
            lambda number, _: target.source(number),
            2 if target.short else 1 << 30,
        )

    return guesses


def one_address(target: Target, tally: Tally) -> None:
    _storm(target, tally, 16 if target.short else 64, _any_name, lambda *_: target.source(), 1 if target.short else 1 << 30)


def broken_headers(target: Target, tally: Tally) -> None:
    """Credentials that are none: huge, not Base64, of many kinds."""
    values = [
        "Basic " + "QUFB" * 12_000,
        "Basic !",
        "Bearer " + "x" * 8000,
        "Basic " + "Og==",
        "Basic " * 100,
        "Digest a=b",
        "rws_" + "a" * 32,
    ]

    def one(client: int) -> None:
        for value in itertools.cycle(values):
            if target.over or (target.short and random.random() < 0.1):
                return
            answer = wire.request(
                target.address,
                "POST",
                f"/{service.ATTACKED_DEB}",
                headers={"Authorization": value},
                source=target.source(client),
                timeout=10,
            )
            tally.count(answer)

    in_threads(16, one)


def logged_in_many(target: Target, tally: Tally) -> None:
    """One limited user whose right password comes from new addresses, so that what is remembered of others is pushed out."""
    attackers = service.attackers()
    numbers = itertools.count()

    def one(client: int) -> None:
        left = 5 if target.short else 1 << 30
        while left and not target.over:
            left -= 1
            number = next(numbers)
            user = attackers[number % 8]
            tally.count(_guess(target, user.name, user.password if number % 3 else f"wrong {number}", target.source(number), 30))

    in_threads(8 if target.short else 32, one)


def _times(target: Target, name_of, count: int, source_of) -> list[float]:
    seconds = []
    for number in range(count):
        if target.over:
            break
        answer = _guess(target, name_of(number), f"wrong {random.random()}", source_of(number), 30)
        seconds.append(answer.seconds)
    return seconds


def _described(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "too few"
    ordered = sorted(seconds)
    return f"n {len(ordered)} p50 {1000 * statistics.median(ordered):.0f} p90 {1000 * ordered[int(0.9 * len(ordered))]:.0f} ms"


def names_by_time(target: Target, tally: Tally) -> None:
    """Whether an existing name can be told by how long its refusal takes: alone, after failures, and under a storm."""
    kinds = {form: (lambda number, form=form: f"newcomer-{form}-{number}") for form in service.HASH_FORMATS}
    kinds["unknown"] = lambda number: f"nobody-{number}"
    count = 3 if target.short else 12
    sources = itertools.count(1000)
    for kind, name_of in kinds.items():
        tally.note(f"new address each, {kind}: {_described(_times(target, name_of, count, lambda _: target.source(next(sources))))}")
    for kind, name_of in kinds.items():
        source = target.source(next(sources))
        _times(target, lambda number: f"first-{number}", 3, lambda _: source)
        began = time.monotonic()
        times = _times(target, name_of, 3, lambda _: source)
        tally.note(f"one address after three failures of unknown names, {kind}: {[round(value, 2) for value in times]}")
        tally.count("measured", len(times))
        if time.monotonic() - began > target.left():
            return

    def storm(client: int) -> None:
        if client < len(kinds):
            kind, name_of = list(kinds.items())[client]
            times = _times(target, lambda number: name_of(number + 100), 200, lambda _: target.source(next(sources)))
            tally.note(f"under a storm, {kind}: {_described(times)}")
            return
        while not target.over and not target.short:
            number = next(sources)
            tally.count(_guess(target, _any_name(number), f"wrong {number}", target.source(number), min(70, target.left() + 1)))

    if not target.short:
        in_threads(len(kinds) + 60, storm)


ATTACKS = [
    Attack("login-addresses", "guesses for all names, a new address for each", new_addresses, short=True),
    Attack("login-honest-names", "guesses for the honest clients' names, a new address for each", honest_names, short=True),
    *(Attack(f"login-{form}", f"guesses for users with {form}", one_form(form)) for form in service.HASH_FORMATS),
    Attack("login-address", "guesses for all names from one address", one_address),
    Attack("login-headers", "credentials that are none", broken_headers, short=True),
    Attack("login-right", "right and wrong passwords of limited users from new addresses", logged_in_many),
    Attack("login-times", "whether names can be told by the time of their refusal", names_by_time),
]
