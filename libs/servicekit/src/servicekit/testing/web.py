"""HTTP clients of what listens on loopback without TLS."""

from __future__ import annotations

import ssl
from typing import Any

import httpx

# httpx reads all certificates of the system for each client, 22 ms of computing; here nobody shows one.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client(base_url: str = "", **given: Any) -> httpx.AsyncClient:
    """Returns an HTTP client that trusts no certificate; `given` as `httpx.AsyncClient` takes it."""
    return httpx.AsyncClient(base_url=base_url, verify=_NO_CERTIFICATES, **given)
