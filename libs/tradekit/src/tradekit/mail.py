"""Reads a mail as it came over the wire: who wrote it, what it says, whether a machine sent it, and whether a lead document is in it.

Made for strangers' mail. What a sender can choose is bounded before it is read: bytes, headers, depth and number of parts, text. Encodings
are taken from a list; one that is named and not in it, or that does not fit, is guessed. Attachments are named, never opened.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parseaddr, parsedate_to_datetime
from enum import StrEnum
from html.parser import HTMLParser

MAX_BYTES = 3 * 1024 * 1024
MAX_HEADERS = 128 * 1024  # bytes before the first empty line
MAX_NESTED = 40  # words that may open a part within a part: each of them costs at every line
MAX_PARTS = 100
MAX_DASHES = 2000  # lines that begin as the border of a part does, which the parser takes one by one
MAX_TEXT = 10_000
_MAX_HTML = 50_000
_MAX_VALUE = 1000
_MAX_ID = 250
_CHARSETS = re.compile(
    r"(us-)?ascii|utf-?8|utf-16(le|be)?|iso-8859-\d{1,2}|latin-?1|windows-125\d|cp125\d|gb2312|gbk|gb18030|big5|"
    r"euc-(kr|jp)|shift_jis|iso-2022-(jp|kr)|koi8-[ru]"
)
_GUESSES = ("utf-8", "gb18030", "latin-1")
_TRACKING = re.compile(r"\[#([A-Z2-7]{13})\]")
_MACHINES = re.compile(r"^(mailer-daemon|postmaster|no-?reply|do-?not-?reply|bounces?)([+._-].*)?$")
_BREAKS = frozenset(("p", "br", "div", "tr", "li", "h1", "h2", "h3", "blockquote"))
_UNSEEN = frozenset(("script", "style", "head", "title", "template"))


class MailErrorReason(StrEnum):
    """Why nothing is read of a mail."""

    TOO_LARGE = "MAIL_TOO_LARGE"
    FORBIDDEN = "MAIL_FORBIDDEN"
    UNREADABLE = "MAIL_UNREADABLE"


class MailError(ValueError):
    """A mail of which nothing is read."""

    def __init__(self, reason: MailErrorReason, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class Automatic(StrEnum):
    """What shows that no person wrote a mail; to none of these is ever answered."""

    NONE = ""
    LOOP = "LOOP"
    BOUNCE = "BOUNCE"
    AUTO_REPLY = "AUTO_REPLY"
    BULK = "BULK"
    MACHINE = "MACHINE"


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail that was read.

    `key` is its Message-ID, or a digest of it where it has none; `sent_time` is UTC, None where none is readable; `tracking_code` is the
    last of ours in the subject; `lead_document` is an ADF document in it; `attachments` are names (type where one has no name).
    """

    key: str
    address: str
    name: str
    subject: str
    text: str
    sent_time: datetime | None
    automatic: Automatic
    tracking_code: str
    lead_document: bytes
    attachments: tuple[str, ...]


def mark(code: str) -> str:
    """Returns how a tracking code (13 letters of base32) stands in a subject."""
    return f"[#{code}]"


def read(raw: bytes, own_addresses: frozenset[str] = frozenset()) -> Mail:
    """Reads a mail; `own_addresses` are ours, lower-case, from which no customer writes. Raises MailError."""
    _check(raw)
    try:
        return _read(raw, own_addresses)
    except RecursionError:  # comments in an address nest as parts do
        raise MailError(MailErrorReason.FORBIDDEN, "The mail is nested too deeply.") from None
    except MailError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, MessageError):
        # The parser of the standard library raises these on some broken structures, where it promises to note a defect.
        raise MailError(MailErrorReason.UNREADABLE, "The structure of the mail cannot be read.") from None


def _read(raw: bytes, own_addresses: frozenset[str]) -> Mail:
    message = BytesParser(policy=compat32).parsebytes(raw)
    parts = list(_leaves(message))
    if not any(True for _ in message.raw_items()):
        raise MailError(MailErrorReason.UNREADABLE, "A mail begins with its headers.")
    name, address = _sender(message)
    subject = _header(message, "subject")
    codes = _TRACKING.findall(subject)
    return Mail(
        key=_key(message, raw),
        address=address,
        name=name,
        subject=subject[:200],
        text=_text(parts),
        sent_time=_sent(message),
        automatic=_automatic(message, address, own_addresses),
        tracking_code=codes[-1] if codes else "",
        lead_document=_lead_document(parts),
        attachments=tuple(_attached(part) for part in parts if _is_attached(part))[:20],
    )


def _check(raw: bytes) -> None:
    if len(raw) > MAX_BYTES:
        raise MailError(MailErrorReason.TOO_LARGE, f"The mail is larger than {MAX_BYTES} bytes.")
    head = min((at for end in (b"\r\n\r\n", b"\n\n") if (at := raw.find(end)) >= 0), default=len(raw))
    if head > MAX_HEADERS:
        raise MailError(MailErrorReason.FORBIDDEN, "The headers of the mail are too long.")
    lower = raw.lower()
    if lower.count(b"boundary") > MAX_NESTED or lower.count(b"message/") > MAX_NESTED:
        raise MailError(MailErrorReason.FORBIDDEN, "The mail is nested too deeply.")
    if b"boundary" in lower and raw.count(b"\n--") > MAX_DASHES:
        raise MailError(MailErrorReason.FORBIDDEN, "The mail has too many parts.")


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something themselves; a mail within a mail is one part, and not looked into."""
    waiting, count = [message], 0
    while waiting:
        part = waiting.pop(0)
        count += 1
        if count > MAX_PARTS:
            raise MailError(MailErrorReason.FORBIDDEN, "The mail has too many parts.")
        if part.is_multipart() and part.get_content_maintype() != "message":
            waiting = [*part.get_payload(), *waiting]  # of text it would decode by whatever charset the sender names
        else:
            yield part


def _header(message: Message, name: str) -> str:
    """A header as a person reads it, on one line; empty where it is absent."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
    return _decoded(str(raw))


def _decoded(raw: str) -> str:
    text = " ".join(raw[: 4 * _MAX_VALUE].split())
    try:
        parts = decode_header(text)
    except (ValueError, LookupError, MessageError):  # broken base64 in an encoded word
        parts = [(text, None)]
    found = "".join(part if isinstance(part, str) else _characters(part, charset or "") for part, charset in parts)
    # Bytes that were no ASCII stand in the text as surrogates.
    if any("\udc80" <= char <= "\udcff" for char in found):
        found = _characters(found.encode("utf-8", "surrogateescape"), "")
    return " ".join(found.replace("\0", "").split())[:_MAX_VALUE]


def _characters(data: bytes, charset: str) -> str:
    named = charset.strip().lower()
    wanted = "gb18030" if named in ("gb2312", "gbk") else named
    for name in (*((wanted,) if _CHARSETS.fullmatch(named) else ()), *_GUESSES):
        try:
            return data.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    raise AssertionError("every byte is a character of latin-1")


def _sender(message: Message) -> tuple[str, str]:
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == "from"), "")
    name, address = parseaddr(" ".join(raw[:_MAX_VALUE].split()))
    plain = "".join(char for char in address if " " < char < "\x7f")
    return _decoded(name).strip("\"' ")[:200], plain.lower()[:254]


def _key(message: Message, raw: bytes) -> str:
    named = _header(message, "message-id").replace(" ", "")
    if 3 <= len(named) <= _MAX_ID:
        return named
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _sent(message: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(_header(message, "date"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _automatic(message: Message, address: str, own: frozenset[str]) -> Automatic:
    """By RFC 3834 (Auto-Submitted), RFC 3464 (reports), RFC 2919 (lists) and the custom of mail systems."""

    def said(name: str) -> str:
        return _header(message, name).lower()

    if address in own or said("x-marque-loop"):
        return Automatic.LOOP
    returned = next((str(value).strip() for key, value in message.raw_items() if key.lower() == "return-path"), "")
    if message.get_content_type() == "multipart/report" or returned == "<>":
        return Automatic.BOUNCE
    if said("auto-submitted").partition(";")[0].strip() not in ("", "no"):
        return Automatic.AUTO_REPLY
    if said("x-autoreply") or said("x-autorespond") or said("precedence") == "auto_reply":
        return Automatic.AUTO_REPLY
    if said("list-id") or said("list-unsubscribe") or said("precedence") in ("bulk", "list", "junk"):
        return Automatic.BULK
    if not address or _MACHINES.match(address.partition("@")[0]):
        return Automatic.MACHINE
    return Automatic.NONE


def _is_attached(part: Message) -> bool:
    return part.get_content_maintype() != "text" or part.get_content_disposition() == "attachment"


def _attached(part: Message) -> str:
    try:
        named = part.get_filename()
    except (ValueError, TypeError, LookupError):  # a broken encoding of the name
        named = None
    return _decoded(named or part.get_content_type())[:100]


def _payload(part: Message) -> bytes:
    try:
        held = part.get_payload(decode=True)
    except (ValueError, TypeError, LookupError):
        return b""
    return held if isinstance(held, bytes) else b""


def _body(part: Message) -> str:
    try:
        named = part.get_content_charset("") or ""
    except (ValueError, TypeError, LookupError):
        named = ""
    return _characters(_payload(part), named).replace("\0", "")


def _text(parts: list[Message]) -> str:
    """The first plain text, else the first HTML without its marks."""
    shown = [part for part in parts if not _is_attached(part)]
    for kind in ("text/plain", "text/html"):
        for part in shown:
            if part.get_content_type() == kind:
                text = _body(part)
                found = _without_marks(text) if kind == "text/html" else text
                lines = (line.rstrip() for line in found.replace("\r\n", "\n").split("\n"))
                if whole := re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip():
                    return whole[:MAX_TEXT]
    return ""


class _Words(HTMLParser):
    """Collects what a reader of HTML sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in _UNSEEN
        if tag in _BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(self._hidden - (tag in _UNSEEN), 0)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(" ".join(data.split()) + " " if data.strip() else "")


def _without_marks(text: str) -> str:
    words = _Words()
    try:
        words.feed(text[:_MAX_HTML])
    except (AssertionError, ValueError):  # marks that the parser cannot make out
        return re.sub(r"<[^<>]{0,1000}>", " ", text[:_MAX_HTML])
    return "".join(words.found)


def _lead_document(parts: list[Message]) -> bytes:
    """An ADF document, by its type or by its first words; lead providers mail it as the text, or as an attachment of any type."""
    for part in parts:
        data = _payload(part)
        start = data[:2000].lower().lstrip(b"\xef\xbb\xbf \t\r\n")
        if part.get_content_type() == "application/x-adf+xml" or start.startswith((b"<?adf", b"<adf")):
            return data
        if start.startswith(b"<?xml") and b"<adf" in start:
            return data
    return b""
