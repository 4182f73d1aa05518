"""Mails handed to a server by SMTP (RFC 5321): connections are kept, and no domain gets more at once or in a minute than it bears.

A mail is out of our hands once its text begins to leave: what breaks after that may have arrived, and nobody can ask. What breaks before,
up to the server's word that it is ready for the text, has surely not left.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import aiosmtplib

from servicekit.mail.letters import domain_of

_IDLE_SECONDS = 20.0  # servers close what is silent for long; below that a kept connection is worth trying
_MOST_DOMAINS = 10_000  # of which the last minute is remembered
_DATA = b"DATA\r\n"


@dataclass(frozen=True, slots=True)
class DomainLimit:
    """How many mails to one domain are under way at once, and how many begin in a minute; 0 for as many as come."""

    at_once: int = 0
    per_minute: int = 0


@dataclass(frozen=True, slots=True)
class Server:
    """Where mails are handed over. `limits` by domain, `*` for all others; they hold for one process."""

    host: str
    port: int = 25
    start_tls: bool = False
    username: str = ""
    password: str = ""
    timeout: float = 20.0
    connections: int = 16
    limits: Mapping[str, DomainLimit] = field(default_factory=dict)


class MailNotTaken(Exception):
    """The mail was not taken and may be later; surely nothing left. `seconds`: not before."""

    def __init__(self, why: str, seconds: float = 0.0) -> None:
        super().__init__(why)
        self.why, self.seconds = why, seconds


class MailRefused(Exception):
    """The server will never take this mail. `status` is its enhanced status (RFC 3463) such as `5.1.1`, empty where it gave none."""

    def __init__(self, why: str, status: str = "") -> None:
        super().__init__(why)
        self.why, self.status = why, status


class MailOutcomeUnknown(Exception):
    """The connection broke after the mail began to leave and before the server's word."""


class Postman:
    """Hands mails to one server. Safe to share between tasks of one loop."""

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._room = asyncio.Semaphore(server.connections)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []
        self._under_way: Counter[str] = Counter()
        self._begun: OrderedDict[str, list[float]] = OrderedDict()

    async def close(self) -> None:
        """Closes the connections that are kept."""
        while self._idle:
            self._idle.pop()[0].close()

    async def send(self, sender: str, address: str, mail: bytes, begin: Callable[[], object] = lambda: None) -> None:
        """Hands a mail over. `begin` is called directly before its text leaves; what it raises comes through, and nothing left.

        Raises MailNotTaken, MailRefused, MailOutcomeUnknown.
        """
        domain = domain_of(address)
        self._admit(domain)
        self._under_way[domain] += 1
        try:
            async with self._room:
                await self._deliver(sender, address, mail, begin)
        finally:
            self._under_way[domain] -= 1
            if not self._under_way[domain]:
                del self._under_way[domain]

    def _admit(self, domain: str) -> None:
        """Takes a place of the domain's minute. Raises MailNotTaken where there is none."""
        limit = self._server.limits.get(domain) or self._server.limits.get("*") or DomainLimit()
        if limit.at_once and self._under_way[domain] >= limit.at_once:
            raise MailNotTaken("DOMAIN_BUSY", 0.5)
        if not limit.per_minute:
            return
        now = self._clock()
        begun = self._begun.setdefault(domain, [])
        begun[:] = [moment for moment in begun if moment > now - 60.0]
        if len(begun) >= limit.per_minute:
            raise MailNotTaken("DOMAIN_RATE", begun[0] + 60.0 - now)
        begun.append(now)
        self._begun.move_to_end(domain)
        if len(self._begun) > _MOST_DOMAINS:
            self._begun.popitem(last=False)

    async def _deliver(self, sender: str, address: str, mail: bytes, begin: Callable[[], object]) -> None:
        client = await self._addressed(sender, address)
        leaving = _Leaving(client, begin)
        try:
            await client.data(mail)
        except BaseException as error:
            fault = leaving.fault(error)
            if isinstance(error, aiosmtplib.SMTPResponseException) and _lives(error):
                leaving.over()
                self._keep(client)
            else:
                client.close()
            if fault is not None:
                raise fault from None
        else:
            leaving.over()
            self._keep(client)

    async def _addressed(self, sender: str, address: str) -> aiosmtplib.SMTP:
        """Returns a connection that took the addresses: a kept one, or a new one where that has died meanwhile."""
        while True:
            kept = self._kept()
            client = kept or await self._connected()
            try:
                await client.mail(sender)
                await client.rcpt(address)
                return client
            except aiosmtplib.SMTPResponseException as error:
                if _lives(error):
                    await self._reset(client)
                    raise _answer(error) from None
                client.close()
                if kept is None:
                    raise _answer(error) from None
            except UnicodeError:
                client.close()
                raise MailRefused("ADDRESS_UNREADABLE") from None
            except (aiosmtplib.SMTPException, OSError) as error:
                client.close()
                if kept is None:
                    raise MailNotTaken(type(error).__name__) from None
            except BaseException:
                client.close()
                raise

    async def _connected(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.timeout,
            start_tls=server.start_tls or None,
            username=server.username or None,
            password=server.password or None,
        )
        try:
            await client.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            client.close()
            raise MailNotTaken(type(error).__name__) from None
        return client

    def _kept(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and self._clock() - since < _IDLE_SECONDS:
                return client
            client.close()
        return None

    def _keep(self, client: aiosmtplib.SMTP) -> None:
        self._idle.append((client, self._clock()))

    async def _reset(self, client: aiosmtplib.SMTP) -> None:
        """Makes a connection ready for another mail after a refused address."""
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError):
            client.close()
        else:
            self._keep(client)


class _Leaving:
    """Sees when the text of a mail begins to leave: the library says DATA, waits for the server, and writes the text, in one.

    The server may take long to be ready, so `begin` is called between the two.
    """

    def __init__(self, client: aiosmtplib.SMTP, begin: Callable[[], object]) -> None:
        self._protocol = cast(Any, client.protocol)
        self._begin = begin
        self._begun = False
        self._late: BaseException | None = None
        if self._protocol is not None:
            self._write = self._protocol.write
            self._protocol.write = self._watched

    def over(self) -> None:
        """Looks no more: the connection is kept for another mail."""
        del self._protocol.write

    def fault(self, error: BaseException) -> BaseException | None:
        """Returns what an error of the library makes of the mail; None where the server took it, with an odd word."""
        if error is self._late or not isinstance(error, aiosmtplib.SMTPException | OSError):
            return error
        if isinstance(error, aiosmtplib.SMTPResponseException):
            if not self._begun or 400 <= error.code < 600:
                return _answer(error)
            return None if 200 <= error.code < 300 else MailOutcomeUnknown()
        return MailOutcomeUnknown() if self._begun else MailNotTaken(type(error).__name__)

    def _watched(self, data: bytes) -> None:
        if data != _DATA:
            try:
                self._begin()
            except BaseException as late:
                self._late = late
                raise
            self._begun = True
        self._write(data)


def _lives(error: aiosmtplib.SMTPResponseException) -> bool:
    """Tells whether the server goes on after an answer: 421 says that it does not, and the library makes -1 of a lost connection."""
    return error.code > 0 and error.code != 421


def _answer(error: aiosmtplib.SMTPResponseException) -> Exception:
    """What an answer that is no yes makes of a mail."""
    if 500 <= error.code < 600:
        first = error.message.split(" ", 1)[0]
        status = first if first.count(".") == 2 and first.replace(".", "").isdigit() else ""
        return MailRefused(f"SMTP_{error.code}", status)
    return MailNotTaken(f"SMTP_{error.code}" if error.code > 0 else "CONNECTION_LOST")
