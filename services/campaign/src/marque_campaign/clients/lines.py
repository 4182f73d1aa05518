"""Connections to one address over HTTP that are kept, each for one request at a time.

The library's pool looks at every connection it has before and after each request, and its client prepares for cookies, redirects and logins
that a provider of messages never has: together as dear as the request itself.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping

import httpx

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=20.0)
_AGENT = "marque-campaign"


class Lines:
    """Posts to `url`, as many at once as callers ask for. Redirects are answers like others. Safe to share between tasks of one loop."""

    def __init__(self, url: str, seconds: float) -> None:
        self._url = httpx.URL(url)
        self._extensions = {"timeout": httpx.Timeout(seconds).as_dict()}
        self._proxy = _proxy_of(self._url)
        self._trust = httpx.create_ssl_context() if self._url.scheme == "https" else False
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def close(self) -> None:
        """Closes what is kept."""
        while self._free:
            await self._free.pop().aclose()

    async def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """Returns the answer, read to its end. Raises httpx.HTTPError."""
        line = self._free.pop() if self._free else self._new()
        try:
            request = httpx.Request(
                "POST", self._url, headers={"user-agent": _AGENT, **headers}, content=body, extensions=self._extensions
            )
            answer = await line.handle_async_request(request)
            try:
                await answer.aread()
            finally:
                await answer.aclose()
        except BaseException:
            await line.aclose()
            raise
        self._free.append(line)
        return answer

    def _new(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._trust, limits=_ONE, proxy=self._proxy)


def _proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment names for an address, as the library's client would find it."""
    if urllib.request.proxy_bypass(url.host):
        return None
    told = urllib.request.getproxies()
    return told.get(url.scheme) or told.get("all")
