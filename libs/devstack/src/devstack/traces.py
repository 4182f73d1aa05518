"""The process that keeps traces of what just happened (libs/sight), for the gateway's `/ops/traces`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from devstack import ports
from devstack.contract import has_module
from devstack.layout import Layout, PortBook
from devstack.processes import ProcessSpec
from devstack.readiness import http_ready

TRACES = "traces"
SWITCH = "MARQUE_TRACES"
_PAGE = Path("ops") / "ui" / "dist"


def wanted(environ: Mapping[str, str]) -> bool:
    """Tells whether traces are kept: unless MARQUE_TRACES says `off`, or spans go to a collector that was given."""
    return environ.get(SWITCH, "") != "off" and not environ.get("MARQUE_OTLP_ENDPOINT")


def built_page() -> Path:
    """Where the page stands once it is built (`make ops-ui`), seen from the project's folder."""
    return Path.cwd() / _PAGE


class TraceStore:
    """Where it listens, and how it is started."""

    def __init__(self, layout: Layout, book: PortBook) -> None:
        self._layout = layout
        self._otlp, self._http = book.port("traces.otlp"), book.port("traces.http")

    @staticmethod
    def installed() -> bool:
        """Tells whether the package is here."""
        return has_module("sight", "traces")

    @property
    def otlp_url(self) -> str:
        """Where spans are sent, by gRPC."""
        return f"http://{ports.LOOPBACK}:{self._otlp}"

    @property
    def url(self) -> str:
        """Where it answers as Tempo does."""
        return f"http://{ports.LOOPBACK}:{self._http}"

    def spec(self, environ: Mapping[str, str]) -> ProcessSpec:
        """How the supervisor runs it."""
        told = {
            "MARQUE_TRACES_FOLDER": str(self._layout.root / "traces"),
            "MARQUE_TRACES_LOGS": str(self._layout.logs),
            "MARQUE_TRACES_OTLP_PORT": str(self._otlp),
            "MARQUE_TRACES_HTTP_PORT": str(self._http),
        }
        return ProcessSpec(
            TRACES,
            [sys.executable, "-m", "sight.traces"],
            env={**environ, **told},
            ready=http_ready(self._http, "/ready"),
        )
