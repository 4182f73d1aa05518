"""A mail server outside, as far as reading goes: IMAP4rev1 (RFC 3501) over a real socket, with UIDs, UIDVALIDITY and folders of bytes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Self

_COMMAND = re.compile(rb"(\S+) (UID )?(\S+) ?(.*)\r\n", re.DOTALL)


@dataclass
class MailServer:
    """One account with one folder. `mails` are UID → mail; the body of `hang_at` is never sent; `fetched` are the bodies asked for."""

    user: str = "marque"
    password: str = "secret"  # noqa: S105 - of a server that lives as long as a test
    uid_validity: int = 1
    mails: dict[int, bytes] = field(default_factory=dict)
    hang_at: int = 0
    fetched: list[int] = field(default_factory=list)
    port: int = 0

    async def start(self) -> Self:
        """Listens on a free port of this machine."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        """Ends."""
        self._server.close()

    def add(self, message: bytes) -> int:
        """Puts a mail into the folder; returns its UID."""
        uid = max(self.mails, default=0) + 1
        self.mails[uid] = message
        return uid

    def renumber(self) -> None:
        """Gives all UIDs anew, as a restored server does."""
        self.uid_validity += 1
        self.mails = {uid + 100: message for uid, message in self.mails.items()}

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK IMAP4rev1 ready\r\n")
        try:
            while (line := await reader.readline()) and (found := _COMMAND.fullmatch(line)) is not None:
                tag, _, name, rest = found.groups()
                writer.write(await self._answer(name.upper(), rest))
                writer.write(tag + (b" OK done\r\n" if self._allowed(name.upper(), rest) else b" NO refused\r\n"))
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _allowed(self, name: bytes, rest: bytes) -> bool:
        return name != b"LOGIN" or rest.replace(b'"', b"") == f"{self.user} {self.password}".encode()

    async def _answer(self, name: bytes, rest: bytes) -> bytes:
        if name == b"CAPABILITY":
            return b"* CAPABILITY IMAP4rev1\r\n"
        if name in (b"EXAMINE", b"SELECT"):
            return b"* %d EXISTS\r\n* OK [UIDVALIDITY %d] as ever\r\n" % (len(self.mails), self.uid_validity)
        if name == b"SEARCH":
            begin = int(rest.split(b" ")[-1].split(b":")[0])
            # As servers do: the star is the last mail, whether its UID is above the beginning or not.
            wanted = [uid for uid in sorted(self.mails) if uid >= begin] or sorted(self.mails)[-1:]
            return b"* SEARCH" + b"".join(b" %d" % uid for uid in wanted) + b"\r\n"
        if name == b"FETCH":
            return await self._fetch(int(rest.split(b" ")[0]), b"BODY" in rest)
        return b""

    async def _fetch(self, uid: int, whole: bool) -> bytes:
        message = self.mails[uid]
        head = b"* %d FETCH (UID %d " % (sorted(self.mails).index(uid) + 1, uid)
        if not whole:
            return head + b"RFC822.SIZE %d)\r\n" % len(message)
        self.fetched.append(uid)
        if uid == self.hang_at:
            await asyncio.Event().wait()
        return head + b"BODY[] {%d}\r\n" % len(message) + message + b")\r\n"
