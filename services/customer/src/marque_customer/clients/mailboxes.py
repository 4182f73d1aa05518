"""Mailboxes outside, read over IMAP4rev1 (RFC 3501): which there are, and what is new in one.

Nothing is changed there: the folder is opened for reading only and mails keep their marks, so that a mail program beside us sees what it
saw before. Where we stand is known by UIDVALIDITY and UID alone.
"""

from __future__ import annotations

import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

LARGEST = 3 << 20  # bytes, as ReceiveMail takes
_SECONDS = 20.0
_UID, _SIZE = re.compile(rb"UID (\d+)"), re.compile(rb"RFC822\.SIZE (\d+)")
Failure = (imaplib.IMAP4.error, OSError, socket.timeout, ValueError)


class Mailbox(BaseModel):
    """One mailbox: where it is, who we are there, and what is made of its mails. The password stands in a file of its own.

    `security`: `tls` from the first byte, `starttls`, or `none` (for a server on this machine only).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,189}$")
    host: str = Field(min_length=1)
    port: int = Field(993, gt=0, lt=65536)
    security: Literal["tls", "starttls", "none"] = "tls"
    ca_file: Path | None = None
    user: str = Field(min_length=1)
    password_file: Path
    folder: str = "INBOX"
    intent: Literal["", "lead", "case"] = ""
    dealer_code: str = ""


class Arrived(NamedTuple):
    """A mail: its UID, and itself; empty where it is larger than what is taken."""

    uid: int
    message: bytes


class News(NamedTuple):
    """What is new in a mailbox; `uid_validity` tells whether UIDs still mean what they meant. `more`: there is more than was fetched."""

    uid_validity: int
    mails: list[Arrived]
    more: bool


def mailboxes_of(file: Path | None) -> list[Mailbox]:
    """Returns the mailboxes that a file names; none without a file. Raises ValueError and OSError for one that cannot be used."""
    if file is None:
        return []
    found = TypeAdapter(list[Mailbox]).validate_json(file.read_bytes())
    if len({one.address.lower() for one in found}) < len(found):
        raise ValueError("a mailbox is named twice")
    return found


def fetch(mailbox: Mailbox, uid_validity: int, last_uid: int, most: int) -> News:
    """Returns up to `most` mails behind `last_uid`, the oldest first; all of them where the UIDs were given anew since `uid_validity`.

    Blocks: it belongs into a thread. Raises one of `Failure` where the server does not answer as the protocol says.
    """
    with _opened(mailbox) as server:
        answered, _ = server.select(_quoted(mailbox.folder), readonly=True)
        if answered != "OK":
            raise imaplib.IMAP4.error("the folder cannot be opened")
        now = int(server.response("UIDVALIDITY")[1][0] or b"0")
        begin = last_uid + 1 if now == uid_validity else 1
        # `n:*` names the last mail even where its UID is below n, so what is not new is sorted out.
        _, found = server.uid("SEARCH", f"UID {begin}:*")
        new = sorted({int(uid) for uid in (found[0] or b"").split() if int(uid) >= begin})
        return News(now, [Arrived(uid, _message(server, uid)) for uid in new[:most]], len(new) > most)


@contextmanager
def _opened(mailbox: Mailbox) -> Iterator[imaplib.IMAP4]:
    context = ssl.create_default_context(cafile=str(mailbox.ca_file) if mailbox.ca_file else None)
    server: imaplib.IMAP4
    if mailbox.security == "tls":
        server = imaplib.IMAP4_SSL(mailbox.host, mailbox.port, ssl_context=context, timeout=_SECONDS)
    else:
        server = imaplib.IMAP4(mailbox.host, mailbox.port, timeout=_SECONDS)
    try:
        if mailbox.security == "starttls":
            server.starttls(context)
        server.login(mailbox.user, mailbox.password_file.read_text(encoding="utf-8").strip())
        yield server
    finally:
        server.shutdown()


def _message(server: imaplib.IMAP4, uid: int) -> bytes:
    """Fetches a mail without marking it as read; the size is asked first, so that no giant comes into memory."""
    _, sized = server.uid("FETCH", str(uid), "(RFC822.SIZE)")
    size = next((_SIZE.search(line) for line in sized if isinstance(line, bytes) and _is(line, uid)), None)
    if size is None or int(size[1]) > LARGEST:
        return b""
    _, parts = server.uid("FETCH", str(uid), "(BODY.PEEK[])")
    return next((part[1] for part in parts if isinstance(part, tuple) and _is(part[0], uid)), b"")


def _is(line: bytes, uid: int) -> bool:
    found = _UID.search(line)
    return found is not None and int(found[1]) == uid


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
