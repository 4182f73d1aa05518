"""A mail as it goes over the wire: its headers and its parts. Pure."""

from __future__ import annotations

import re
from base64 import b64encode, encodebytes
from binascii import b2a_qp
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.policy import SMTP
from email.utils import formatdate
from functools import lru_cache
from secrets import token_hex

# A relay that cannot carry eight bits would write the mail anew, and break its signature.
_WIRE = SMTP.clone(cte_type="7bit")
_LINE_END = b"\r\n"
_LINE, _LONGEST = 76, 900
_WORD = 39  # bytes of an encoded word: its line stays below 76
# Headers and bodies that go as they are: printable ASCII, in lines that every server takes (RFC 5322, 2.1.1).
_PLAIN = re.compile(r"[!-~](?:[ -~]*[!-~])?\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\Z")
_CARRIED = re.compile(rb"(?:[\t -~]{0,78}\n)*")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
ONE_CLICK = "List-Unsubscribe=One-Click"


class Unmailable(Exception):
    """No mail can be made of it: an address that no mail server takes, or a header that breaks off."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to one address. `unsubscribe` is the https address at which one POST ends such mails (RFC 8058), empty for none."""

    sender: str
    address: str
    subject: str
    text: str
    message_id: str
    html: str = ""
    unsubscribe: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def compose(letter: Letter) -> bytes:
    """Returns the mail, not yet signed. Raises Unmailable.

    The library's own writer takes 2 ms a mail, most of it for folding headers that need none; it is asked only for those that do.
    """
    try:
        head = [
            _address("From", letter.sender),
            _address("To", letter.address),
            _subject(letter.subject),
            b"Date: " + formatdate(usegmt=True).encode(),
            _header("Message-ID", f"<{letter.message_id}>"),
            b"Auto-Submitted: auto-generated",
        ]
        if letter.unsubscribe:
            head.append(_header("List-Unsubscribe", f"<{letter.unsubscribe}>"))
            head.append(b"List-Unsubscribe-Post: " + ONE_CLICK.encode())
        head += [_header(name, value) for name, value in letter.headers.items()]
        head.append(b"MIME-Version: 1.0")
        text = _part("plain", letter.text)
        if not letter.html:
            return _LINE_END.join(head) + _LINE_END + text
        line = b"=_" + token_hex(16).encode()  # neither of the encodings can hold it
        head.append(b'Content-Type: multipart/alternative; boundary="' + line + b'"\r\n')
        parts = (b"--" + line + _LINE_END + part for part in (text, _part("html", letter.html)))
        return _LINE_END.join((*head, *parts)) + b"--" + line + b"--\r\n"
    except (ValueError, IndexError) as error:  # a line break in a header, or an address that cannot be read
        raise Unmailable(type(error).__name__) from None


def _header(name: str, value: str) -> bytes:
    if _PLAIN.match(value) and (len(name) + len(value) < _LINE or (" " not in value and len(value) < _LONGEST)):
        return f"{name}: {value}".encode("ascii")
    return _folded(name, value)


def _subject(value: str) -> bytes:
    """The subject, which differs from mail to mail: beyond ASCII as encoded words of whole characters (RFC 2047)."""
    if "\r" in value or "\n" in value:
        raise ValueError("a header is one line")
    if value.isascii():
        return _header("Subject", value) if value else b"Subject:"
    words: list[bytes] = [b""]
    for character in value:
        one = character.encode("utf-8")
        if len(words[-1]) + len(one) > _WORD:
            words.append(b"")
        words[-1] += one
    return b"Subject: " + b"\r\n ".join(b"=?utf-8?b?" + b64encode(word) + b"?=" for word in words)


def _address(name: str, value: str) -> bytes:
    return f"{name}: {value}".encode("ascii") if _ADDRESS.match(value) else _folded(name, value)


@lru_cache(maxsize=1024)
def _folded(name: str, value: str) -> bytes:
    """A header that is long, or says more than ASCII, as the library writes it; all mails of a campaign share most of them."""
    header = _WIRE.header_store_parse(name, value)
    return _WIRE.fold_binary(*header).removesuffix(_LINE_END)


def _part(kind: str, content: str) -> bytes:
    """A part of a mail, with its own headers: as it is where every relay carries that, else encoded."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    body = lines.encode("utf-8")
    if body.isascii() and _CARRIED.fullmatch(body):
        encoding = b"7bit"
    elif sum(map(len, _BEYOND_ASCII.findall(body))) * 6 > len(body):
        encoding, body = b"base64", encodebytes(body.replace(b"\n", _LINE_END))
    else:
        encoding, body = b"quoted-printable", b2a_qp(body, istext=True)
    head = b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: %s\r\n\r\n' % (
        kind.encode(),
        encoding,
    )
    return head + body.replace(b"\n", _LINE_END)


def domain_of(address: str) -> str:
    """Returns the domain of an address, in lower case."""
    return address.rpartition("@")[2].rstrip(">").lower()
