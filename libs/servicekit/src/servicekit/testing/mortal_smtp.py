"""A mail server outside that dies: each of its connections at the verb that comes next on a list, and lives when the list is over."""

from __future__ import annotations

import asyncio
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, syntax
from devstack.ports import free_port

CONNECT, EHLO, MAIL, RCPT, DATA, AMID, DOT, QUIT = "connect", "EHLO", "MAIL", "RCPT", "DATA", "amid", "dot", "QUIT"
VERBS = (CONNECT, EHLO, MAIL, RCPT, DATA, AMID, DOT, QUIT)
"""At which a connection breaks, without an answer: `AMID` is amid the mail, `DOT` when all of it is there, `QUIT` once it was taken."""
LEFT = frozenset({AMID, DOT})
"""Where nobody can know whether the mail was taken."""


class MortalController(Controller):
    """The server in a thread of its own; `deaths` is used up from its beginning."""

    def __init__(self, handler: Any) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=free_port())
        self.deaths: list[str] = []
        self._open: set[Any] = set()

    def die(self, *verbs: str) -> None:
        """Breaks all connections, and the next ones at these verbs."""
        self.deaths[:] = verbs
        for transport in list(self._open):
            self.loop.call_soon_threadsafe(transport.abort)

    def factory(self) -> SMTP:
        """Returns what serves one connection."""
        return _Mortal(self.handler, self.deaths, self._open)


class _Mortal(SMTP):
    def __init__(self, handler: Any, deaths: list[str], connections: set[Any]) -> None:
        super().__init__(handler, loop=asyncio.get_running_loop())
        self._deaths = deaths
        self._connections = connections
        self._death = ""

    def connection_made(self, transport: Any) -> None:
        self._death = self._deaths.pop(0) if self._deaths else ""
        if self._death == CONNECT:
            transport.abort()
        else:
            self._connections.add(transport)
            super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self.transport)
        if self._death != CONNECT:
            super().connection_lost(error)

    def _dies(self, verb: str) -> bool:
        transport: Any = self.transport
        if self._death != verb or transport is None:
            return False
        transport.abort()
        return True

    async def smtp_EHLO(self, hostname: str) -> None:
        if not self._dies(EHLO):
            await super().smtp_EHLO(hostname)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not self._dies(MAIL):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not self._dies(RCPT):
            await super().smtp_RCPT(arg)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:
        if self._dies(DATA):
            return
        if self._death in LEFT:
            await self.push("354 go on")
            line = await self._reader.readline()
            while self._death == DOT and line not in (b".\r\n", b""):
                line = await self._reader.readline()
            self._dies(self._death)
            return
        await super().smtp_DATA(arg)
        self._dies(QUIT)
