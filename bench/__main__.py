"""`python -m bench [names…] [--quick] [--json FILE]`: our figures beside their yardsticks, in one run."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Awaitable, Sequence
from pathlib import Path

import uvloop

from bench import benches, report
from bench.report import Failure, Figure
from bench.world import World

OWN_WORLD = ("growth",)  # needs a table that nobody filled before


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Reads the command line; ends the program with a message for a name that is no bench."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures beside their yardsticks, in one run.")
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"benches to run, all without any: {', '.join(benches.NAMES)}"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="smaller tables, fewer and shorter rounds: minutes instead of a quarter of an hour",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures as JSON too")
    found = parser.parse_args(argv)
    unknown = [name for name in found.names if name not in benches.NAMES]
    if unknown:
        parser.error(f"no such bench: {', '.join(unknown)} (there are: {', '.join(benches.NAMES)})")
    return found


async def measure(names: Sequence[str], *, quick: bool) -> tuple[list[Figure], list[Failure]]:
    """Runs benches one after the other; one that fails is told and does not end the others."""
    figures: list[Figure] = []
    failures: list[Failure] = []
    shared = [name for name in names if name in benches.ON_WORLD and name not in OWN_WORLD]
    for group in (shared, *([name] for name in names if name in OWN_WORLD)):
        if not group:
            continue
        try:
            async with World(quick=quick) as world:
                await world.start()
                for name in group:
                    await _one(name, benches.ON_WORLD[name](world), figures, failures)
        except Exception as error:
            _lost(", ".join(group), error, failures)
    for name in names:
        if name in benches.ALONE:
            await _one(name, benches.ALONE[name](quick), figures, failures)
    return figures, failures


async def _one(name: str, work: Awaitable[list[Figure]], figures: list[Figure], failures: list[Failure]) -> None:
    print(f"{name} …", file=sys.stderr, flush=True)
    try:
        figures += await work
    except Exception as error:
        _lost(name, error, failures)


def _lost(name: str, error: Exception, failures: list[Failure]) -> None:
    traceback.print_exception(error, file=sys.stderr)
    failures.append(Failure(name, " ".join(f"{type(error).__name__}: {error}".split())[:300]))


def main(argv: Sequence[str]) -> int:
    """Returns 0 when every bench could be run, 1 otherwise; a target that was missed is told, it is no failure of the run."""
    asked = arguments(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended, as by Ctrl-C
    figures, failures = uvloop.run(measure(asked.names or benches.NAMES, quick=asked.quick))
    if figures or failures:
        print(report.table(figures, failures))
        print("\n" + ", ".join(f"{name} {value}" for name, value in report.machine().items()))
    if asked.json:
        asked.json.write_text(report.document(figures, failures, asked.quick), encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
