"""`devstack run|up|down|reset|status|logs`: the platform on one machine, without a container."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from devstack import control, runner
from devstack.layout import Layout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="devstack", description="Marque on one machine: PostgreSQL, NATS and every service."
    )
    parser.add_argument("--state", type=Path, help="state folder (default: MARQUE_STATE, else .marque)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start everything and stay in the foreground until Ctrl-C")
    commands.add_parser("up", help="start everything in the background; return when it is ready")
    commands.add_parser("down", help="stop everything; return when it is gone")
    commands.add_parser("reset", help="stop everything and remove all data, without asking")
    status = commands.add_parser("status", help="what runs (exit status 0 ready, 1 not ready, 3 down)")
    status.add_argument("--json", action="store_true", help="as JSON")
    logs = commands.add_parser("logs", help="the end of the logs")
    logs.add_argument("names", nargs="*", help="processes (default: all)")
    logs.add_argument("-n", "--lines", type=int, default=20, help="lines of each log")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as they grow")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns its exit status."""
    asked = _parser().parse_args(arguments)
    layout = Layout(asked.state) if asked.state is not None else Layout.from_environment(os.environ)
    try:
        match asked.command:
            case "run":
                return runner.run(layout, os.environ)
            case "up":
                return control.up(layout)
            case "down":
                return control.down(layout)
            case "reset":
                return control.reset(layout)
            case "status":
                return control.status(layout, as_json=asked.json)
            case _:
                return control.logs(layout, asked.names, asked.lines, follow=asked.follow)
    except (OSError, ValueError) as error:
        print(f"devstack: {error}", file=sys.stderr)
        return runner.FAILED


if __name__ == "__main__":
    sys.exit(main())
