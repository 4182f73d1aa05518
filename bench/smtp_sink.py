"""A mail server that takes every mail and keeps none: `python -m bench.smtp_sink PORT`, until its input ends.

A process of its own, so that its cost is not in the figures.
"""

from __future__ import annotations

import sys
from typing import Any

from aiosmtpd.controller import Controller


class Sink:
    """Takes what comes."""

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Forgets the mail."""
        return "250 OK"


if __name__ == "__main__":
    controller = Controller(Sink(), hostname="127.0.0.1", port=int(sys.argv[1]))
    controller.start()
    print("ready", flush=True)
    sys.stdin.read()
    controller.stop()
