"""All attacks, by subject."""

from abuse.attack import Attack
from abuse.attacks import amplification, connections, http2_abuse, logins, uploads

ALL: list[Attack] = [
    *http2_abuse.ATTACKS,
    *connections.ATTACKS,
    *amplification.ATTACKS,
    *uploads.ATTACKS,
    *logins.ATTACKS,
]
