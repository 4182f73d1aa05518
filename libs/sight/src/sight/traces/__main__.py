"""`python -m sight.traces`: takes spans on MARQUE_TRACES_OTLP_PORT, answers as Tempo on MARQUE_TRACES_HTTP_PORT; both on loopback.

Kept in MARQUE_TRACES_FOLDER; log lines are found in MARQUE_TRACES_LOGS.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server

from sight.traces.app import make_app
from sight.traces.otlp import Receiver
from sight.traces.store import Store

LOOPBACK = "127.0.0.1"


async def serve(folder: Path, otlp_port: int, http_port: int, logs: Path | None) -> None:
    """Runs until SIGTERM or SIGINT."""
    folder.mkdir(parents=True, exist_ok=True)
    store = Store(folder / "traces.sqlite")
    receiver = Receiver(store)
    await receiver.start(f"{LOOPBACK}:{otlp_port}")
    app = make_app(store, logs)
    server = Server(
        app, address=LOOPBACK, port=http_port, interface=Interfaces.ASGI, websockets=False, log_enabled=False
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve()
    finally:
        await receiver.stop()
        store.close()


def main(environ: Mapping[str, str]) -> None:
    """Reads the environment; exits with a clear message where something is missing."""
    try:
        folder, logs = Path(environ["MARQUE_TRACES_FOLDER"]), environ.get("MARQUE_TRACES_LOGS")
        ports = int(environ["MARQUE_TRACES_OTLP_PORT"]), int(environ["MARQUE_TRACES_HTTP_PORT"])
    except KeyError as missing:
        sys.exit(f"sight.traces: {missing.args[0]} must be set")
    asyncio.run(serve(folder, *ports, Path(logs) if logs else None))


if __name__ == "__main__":
    main(os.environ)
