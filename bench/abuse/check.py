"""A check starts servers of its own, and notes what was not answered as it must be."""

import contextlib
import pathlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from abuse import service
from abuse.attack import Tally
from abuse.run import Outcome, Settings, fresh_directory


@dataclass
class Bench:
    """What a check works with."""

    settings: Settings
    name: str
    tally: Tally = field(default_factory=Tally)

    @property
    def directory(self) -> pathlib.Path:
        return self.settings.directory / self.name

    @contextlib.contextmanager
    def server(self, name: str = "server", **options) -> Iterator[service.Service]:
        """A running server; `options` are those of service.Options."""
        settings = self.settings
        chosen = service.Options(
            settings.program, self.directory / name, settings.confinement, settings.hashed, settings.server_core, **options
        )
        with service.Service(chosen) as served:
            served.start()
            yield served
            self.tally.expect(served.is_alive(), f"the server died, exit code {served.exit_code()}")


@dataclass(frozen=True)
class Check:
    name: str
    title: str
    run: Callable[[Bench], None]
    short: bool = True


def run_check(check: Check, settings: Settings) -> Outcome:
    outcome, bench = Outcome(check.name), Bench(settings, check.name)
    settings.confinement.start_anew()
    began = time.monotonic()
    with fresh_directory(settings, check.name):
        check.run(bench)
        outcome.use = settings.confinement.use()
    outcome.seconds = time.monotonic() - began
    outcome.answers, outcome.notes, outcome.violations = dict(bench.tally.answers.most_common()), bench.tally.notes, bench.tally.violations
    outcome.is_check = True
    return outcome
