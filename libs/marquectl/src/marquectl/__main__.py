"""Starts the command."""

from __future__ import annotations

import marquectl.commands  # noqa: F401 - adds the commands to the app
from marquectl.app import app


def main() -> None:
    """Runs `marquectl`."""
    app(prog_name="marquectl")


if __name__ == "__main__":
    main()
