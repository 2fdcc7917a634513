"""All attacks, by subject."""

from abuse.attack import Attack
from abuse.attacks import amplification, connections, disk, http2_abuse, listings, logins, uploads

ALL: list[Attack] = [
    *http2_abuse.ATTACKS,
    *connections.ATTACKS,
    *amplification.ATTACKS,
    *uploads.ATTACKS,
    *logins.ATTACKS,
    *listings.ATTACKS,
    *disk.ATTACKS,
]
