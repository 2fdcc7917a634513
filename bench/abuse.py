#!/usr/bin/env python3
"""Attacks on a server in 512 MiB and one core, and what honest clients see meanwhile. See README.md."""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

import server
from abuse import confinement, probes, service
from abuse.attack import Attack
from abuse.attacks import ALL
from abuse.check import Check, run_check
from abuse.checks import ALL as CHECKS
from abuse.run import Outcome, Settings, run

MEMORY_MIB = 512
SHORT_ATTACK_SECONDS = 6
FAULTS_SHOWN = 30


def main() -> int:
    options = arguments()
    server.leave_on_sigterm()
    confinement.come_first()
    program = pathlib.Path(options.rws) if options.rws else server.binary()
    chosen = [
        attack
        for attack in (*ALL, *CHECKS)
        if (not options.attacks or attack.name in options.attacks) and attack.name not in options.without
    ]
    if options.short:
        chosen = [attack for attack in chosen if attack.short]
    limits = confinement.confinement(options.memory << 20, options.cores, not options.no_cgroup)
    directory = pathlib.Path(options.directory or tempfile.mkdtemp(prefix="rws-abuse-"))
    try:
        kept = directory / "rws"
        directory.mkdir(parents=True, exist_ok=True)
        # A copy, so that a build in the meantime changes nothing.
        shutil.copy2(program, kept)
        settings = make_settings(options, kept, directory, limits)
        print_head(options, kept, limits, settings)
        outcomes = run_all(chosen, options, settings)
        if len(outcomes) > 1:
            print_table(outcomes, limits.memory_bytes, not options.short)
    finally:
        limits.close()
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    if options.json:
        keep_json(options.json, program, outcomes)
    return 1 if any(outcome.faults(limits.memory_bytes, not options.short) for outcome in outcomes) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="only these; --list names them")
    parser.add_argument("--without", nargs="+", default=[], metavar="ATTACK", help="all but these")
    parser.add_argument("--list", action="store_true", help="name the attacks")
    parser.add_argument("--seconds", type=float, default=60, help="of each attack alone (default 60)")
    parser.add_argument("--together", type=float, default=600, help="seconds of all at once; 0 for never (default 600)")
    parser.add_argument("--only-together", action="store_true", help="all chosen ones at once and nothing else")
    parser.add_argument("--attackers", type=int, default=1, help="processes for each attack (default 1)")
    parser.add_argument("--one-address", action="store_true", help="attackers and honest clients all come from 127.0.0.1")
    parser.add_argument("--short", action="store_true", help="the gate's form: bounded attacks at once, no judgement on times")
    parser.add_argument("--rws", help="the program (default RWS_BIN, or the release build)")
    parser.add_argument("--memory", type=int, default=MEMORY_MIB, help="MiB of the server (default 512)")
    parser.add_argument("--cores", type=float, default=1.0, help="of the server (default 1)")
    parser.add_argument("--no-cgroup", action="store_true", help="measure memory without limiting it")
    parser.add_argument("--directory", help="where data and logs lie (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="leave data and logs there")
    parser.add_argument(
        "--patience", type=float, default=probes.PUBLISHED_SECONDS, help="seconds after a restart until all must be published (default 120)"
    )
    parser.add_argument("--json", metavar="FILE", help="write all numbers")
    options = parser.parse_args()
    unknown = set(options.attacks + options.without) - {attack.name for attack in (*ALL, *CHECKS)}
    if options.list or unknown:
        for attack in (*ALL, *CHECKS):
            print(f"{attack.name:<20} {'short' if attack.short else '     '}  {attack.title}")
        raise SystemExit(f"no such attack: {', '.join(sorted(unknown))}" if unknown else 0)
    return options


def make_settings(options: argparse.Namespace, program: pathlib.Path, directory: pathlib.Path, limits: confinement.Confinement) -> Settings:
    cores = sorted(os.sched_getaffinity(0))
    server_core, client_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    if client_core is not None:
        confinement.run_on(client_core)
    return Settings(
        program=program,
        directory=directory,
        confinement=limits,
        hashed=service.hashes(program),
        server_core=server_core,
        client_core=client_core,
        seconds=SHORT_ATTACK_SECONDS if options.short else options.seconds,
        short=options.short,
        one_address=options.one_address,
        keeps=options.keep,
        attackers=options.attackers,
        patience=options.patience,
    )


def run_all(chosen: list[Attack | Check], options: argparse.Namespace, settings: Settings) -> list[Outcome]:
    outcomes: list[Outcome] = []
    attacks = [attack for attack in chosen if isinstance(attack, Attack)]

    def one(attacks: list[Attack], name: str) -> None:
        print(f"\n{name}: {attacks[0].title if len(attacks) == 1 else f'{len(attacks)} attacks at once'}", flush=True)
        outcomes.append(run(attacks, name, settings))
        print_outcome(outcomes[-1], settings.confinement.memory_bytes, not settings.short)

    if not options.only_together:
        for check in (check for check in chosen if isinstance(check, Check)):
            print(f"\n{check.name}: {check.title}", flush=True)
            outcomes.append(run_check(check, settings))
            print_outcome(outcomes[-1], settings.confinement.memory_bytes, not settings.short)
    if options.short and attacks:
        one(attacks, "short")
        return outcomes
    if not options.only_together:
        for attack in attacks:
            one([attack], attack.name)
    if options.together and len(attacks) > 1:
        settings.seconds = options.together
        one(attacks, "together")
    return outcomes


def print_head(options: argparse.Namespace, program: pathlib.Path, limits: confinement.Confinement, settings: Settings) -> None:
    print("Caveats")
    print(
        "- Attackers and honest clients share a core; all attackers together weigh little there. Times are believable on an idle machine only."
    )
    print(
        "- Resident memory is what the processes hold themselves; the page cache fills whatever is left of the limit, which does no harm."
    )
    if not limits.limited:
        print("- There is no control group here (or no right to one): memory is not limited, RSS is polled and judged.")
    digest = hashlib.sha256(program.read_bytes()).hexdigest()[:16]
    place = f"{limits.kind}, {options.memory} MiB, {options.cores:g} core"
    pinned = (
        f"server on core {settings.server_core}, clients on {settings.client_core}" if settings.server_core is not None else "not pinned"
    )
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    print(f"- {place}, {pinned}; load {load} at the start; program sha256 {digest}; {time.strftime('%F %T')}")


def mebibytes(size: int | None) -> str:
    return "-" if size is None else f"{size / 2**20:.0f}"


def print_outcome(outcome: Outcome, memory_bytes: int, asserts_times: bool) -> None:
    use = outcome.use
    print(
        f"  memory: resident {mebibytes(use.resident)} MiB, charged {mebibytes(use.charged)}, sockets {mebibytes(use.sockets)}, "
        f"limit met {use.refused} times, killed {use.killed}; {outcome.seconds:.0f} s, CPU {outcome.cpu_seconds:.1f} s, "
        f"{'alive' if outcome.alive else 'DEAD'}; load {os.getloadavg()[0]:.1f}"
    )
    print(f"  answers: {', '.join(f'{count} × {answer}' for answer, count in list(outcome.answers.items())[:14]) or 'none'}")
    for note in outcome.notes[:24]:
        print(f"  note: {note}")
    for name, probe in outcome.probes.items():
        failed = ", ".join(f"{count} × {kind}" for kind, count in probe["failed"].items())
        p50, most = (f"{probe[key]:.2f}" if probe[key] is not None else "-" for key in ("p50_seconds", "max_seconds"))
        print(f"  {name:<15} {probe['asked']:>4} asked  p50 {p50:>6}  max {most:>6} s  over {probe['over_limit']:>3}  {failed}")
    if not outcome.is_check:
        print_restart(outcome)
    for line in outcome.complaints[:3]:
        print(f"  log: {line[:200]}")
    faults = outcome.faults(memory_bytes, asserts_times)
    for fault in faults[:FAULTS_SHOWN]:
        print(f"  FAULT {fault}")
    if len(faults) > FAULTS_SHOWN:
        print(f"  FAULT and {len(faults) - FAULTS_SHOWN} more")
    sys.stdout.flush()


def print_restart(outcome: Outcome) -> None:
    after = outcome.restart_use
    started = f"{outcome.start_seconds:.1f} s" if outcome.start_seconds is not None else "NEVER"
    print(
        f"  start on the same data: answers after {started}, resident {mebibytes(after.resident)} MiB, charged {mebibytes(after.charged)}, killed {after.killed}; "
        f"{outcome.promised} promised, {len(outcome.missing)} missing after {outcome.published_seconds or 0:.1f} s, at rest after {f'{outcome.settled_seconds:.0f} s' if outcome.settled_seconds is not None else 'NEVER'}, "
        f"{'alive' if outcome.restart_alive else 'DEAD'}"
    )


def print_table(outcomes: list[Outcome], memory_bytes: int, asserts_times: bool) -> None:
    head = [
        "attack",
        "alive",
        "resident",
        "restart",
        "sockets",
        "oom",
        "worst upload",
        "worst apt",
        "worst login",
        "over 2 s",
        "failed",
        "lost",
        "verdict",
    ]
    rows = [head]
    for outcome in outcomes:
        worst = lambda word: max((probe["max_seconds"] or 0 for name, probe in outcome.probes.items() if word in name), default=0)
        rows.append(
            [
                outcome.name,
                "yes" if outcome.alive and outcome.restart_alive else "NO",
                mebibytes(outcome.use.resident),
                mebibytes(outcome.restart_use.resident),
                mebibytes(outcome.use.sockets),
                str(outcome.use.killed + outcome.restart_use.killed),
                f"{worst('upload'):.1f}",
                f"{worst('apt'):.1f}",
                f"{worst('login'):.1f}",
                str(sum(probe["over_limit"] for probe in outcome.probes.values())),
                str(sum(sum(probe["failed"].values()) for probe in outcome.probes.values())),
                str(len(outcome.missing)),
                "fault" if outcome.faults(memory_bytes, asserts_times) else "good",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    print("\nMiB and seconds\n")
    for number, row in enumerate(rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    sys.stdout.flush()


def keep_json(path: str, program: pathlib.Path, outcomes: list[Outcome]) -> None:
    machine = {
        "program_sha256": hashlib.sha256(program.read_bytes()).hexdigest(),
        "date": time.strftime("%FT%T"),
        "load_average": os.getloadavg(),
    }
    content = {"machine": machine, "limit_seconds": probes.LIMIT_SECONDS, "outcomes": [dataclasses.asdict(outcome) for outcome in outcomes]}
    pathlib.Path(path).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
