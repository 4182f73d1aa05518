"""DKIM signatures (RFC 6376; for Ed25519 RFC 8463), made by OpenSSL: a library that raises to powers in plain Python signs ten a second.

Canonicalisation is relaxed for headers and body (sections 3.4.2 and 3.4.4). Every header that is named is named once more than the mail
has it (section 8.15): nobody on the way can add a second one, nor one that we left out, under our signature. Pure.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_SIGNED = (
    b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
_SHORTEST_RSA = 1024  # bits: what is shorter no receiver accepts (RFC 8301, 3.2)
_SPACES = re.compile(rb"[ \t]+")
_BEFORE_BREAK = re.compile(rb"[ \t]+(?=\r\n)")
_FOLD = b"\r\n "
_LINE = 72


class Signer:
    """Signs for a domain. `key` is PEM, RSA or Ed25519; the public half stands at `<selector>._domainkey.<domain>`.

    Raises ValueError for another kind of key, or one too short. A signature is a pure sum and may be made in any thread.
    """

    def __init__(self, key: bytes, selector: str, domain: str, clock: Callable[[], float] = time.time) -> None:
        self._key = load_pem_private_key(key, password=None)
        if not isinstance(self._key, RSAPrivateKey | Ed25519PrivateKey):
            raise ValueError("mails are signed by an RSA or an Ed25519 key")
        if isinstance(self._key, RSAPrivateKey) and self._key.key_size < _SHORTEST_RSA:
            raise ValueError(f"an RSA key of at least {_SHORTEST_RSA} bits signs mails")
        self._name = b"rsa-sha256" if isinstance(self._key, RSAPrivateKey) else b"ed25519-sha256"
        self._selector = selector.encode()
        self._domain = domain.encode()
        self._clock = clock

    def sign(self, message: bytes) -> bytes:
        """Returns a mail, whose lines end with CRLF, with its signature. It covers where to unsubscribe, as RFC 8058 asks."""
        head, _, body = message.partition(b"\r\n\r\n")
        headers = _headers(head)
        named = [name for name, _ in headers if name in _SIGNED] + list(_SIGNED)
        field = self._field(named, base64.b64encode(sha256(relaxed_body(body)).digest()))
        hashed = b"".join(_selected(headers, named)) + relaxed_header(b"dkim-signature", field).removesuffix(b"\r\n")
        signature = base64.b64encode(self._signature(hashed))
        parts = [signature[at : at + _LINE] for at in range(0, len(signature), _LINE)]
        return b"DKIM-Signature:" + field + _FOLD.join(parts) + b"\r\n" + message

    def _field(self, named: Sequence[bytes], body_hash: bytes) -> bytes:
        """The value of the header up to the signature, in folded lines."""
        tags = (
            b" v=1; a=%s; c=relaxed/relaxed; d=%s; s=%s;" % (self._name, self._domain, self._selector),
            b"t=%d; bh=%s;" % (int(self._clock()), body_hash),
            b"h=" + b":".join(named[:9]),
            *(b":" + b":".join(named[at : at + 9]) for at in range(9, len(named), 9)),
        )
        return _FOLD.join(tags) + b";" + _FOLD + b"b="

    def _signature(self, hashed: bytes) -> bytes:
        if isinstance(self._key, RSAPrivateKey):
            return self._key.sign(hashed, PKCS1v15(), SHA256())
        assert isinstance(self._key, Ed25519PrivateKey)
        return self._key.sign(sha256(hashed).digest())


def relaxed_body(body: bytes) -> bytes:
    """Returns a body as it is hashed: white space at the ends of lines and empty lines at the end do not count."""
    lines = _BEFORE_BREAK.sub(b"", _SPACES.sub(b" ", body if body.endswith(b"\r\n") else body + b"\r\n"))
    end = len(lines)
    while lines.endswith(b"\r\n", 0, end):
        end -= 2
    return lines[:end] + b"\r\n" if end else b""


def relaxed_header(name: bytes, value: bytes) -> bytes:
    """Returns a header as it is signed."""
    return name + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip() + b"\r\n"


def _headers(head: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a mail with small names, folded values and in their order."""
    found: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t") and found:
            name, value = found.pop()
            found.append((name, value + b"\r\n" + line))
        elif line:
            name, _, value = line.partition(b":")
            found.append((name.strip().lower(), value))
    return found


def _selected(headers: Sequence[tuple[bytes, bytes]], named: Sequence[bytes]) -> list[bytes]:
    """The headers that are signed, each time the last one of its name that is left; one that is not there is signed as nothing."""
    left: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        left.setdefault(name, []).append(value)
    return [relaxed_header(name, left[name].pop()) for name in named if left.get(name)]
