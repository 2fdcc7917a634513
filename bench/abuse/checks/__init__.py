"""What is answered, rather than how much it takes: cases with a right answer, on servers of their own."""

from abuse.check import Check
from abuse.checks import full_disk, headers, links

ALL: list[Check] = [*headers.CHECKS, *links.CHECKS, *full_disk.CHECKS]
