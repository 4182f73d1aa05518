"""How the supervisor tells that a child can be used: small blocking probes, run off the event loop."""

from __future__ import annotations

import http.client
from collections.abc import Callable

from devstack import ports

Ready = Callable[[], bool]


def http_ready(port: int, path: str = "/readyz") -> Ready:
    """A probe that is true while GET http://127.0.0.1:port/path answers 200."""

    def probe() -> bool:
        connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    return probe
