"""From bytes to text, whatever the document says of itself: what it declares is often wrong, what the bytes are is seldom in doubt."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""", re.IGNORECASE)
# GB 2312 as it is written: two bytes from A1 up, one after the other. A lone high byte between Latin letters is Latin-1.
_GB_PAIRS = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*")
# XML 1.0 knows no control characters but these; a database knows no NUL.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f￾￿\ud800-\udfff]")
_TEXT_CODECS = (
    "utf-8",
    "gb18030",
    "gbk",
    "gb2312",
    "big5",
    "iso-8859-1",
    "windows-1252",
    "latin-1",
    "us-ascii",
    "utf-16",
)


def decode(data: bytes, charset: str = "") -> str:
    """Returns the text of a document; `charset` is what the transport named. Bytes that mean nothing become U+FFFD."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return _clean(data.decode(name, "replace").lstrip("﻿"))
    head = data[:4]
    if head[:2] == b"<\x00" or head[:2] == b"\x00<":
        return _clean(data.decode("utf-16-le" if head[0] else "utf-16-be", "replace"))
    declared = _DECLARED.search(data[:400])
    names = ["utf-8", charset, declared[1].decode() if declared else "", *(["gb18030"] if _is_gb(data) else [])]
    for name in names:
        if (text := _strictly(data, name)) is not None:
            return _clean(text)
    return _clean(data.decode("windows-1252", "replace"))


def _is_gb(data: bytes) -> bool:
    return _GB_PAIRS.fullmatch(data) is not None


def _strictly(data: bytes, name: str) -> str | None:
    """Decodes by a codec for text that we know, or not at all: a name from outside may be of a codec that is none for text."""
    try:
        known = codecs.lookup(name).name if name else ""
        if known not in {codecs.lookup(codec).name for codec in _TEXT_CODECS}:
            return None
        return data.decode(known)
    except (LookupError, ValueError):
        return None


def _clean(text: str) -> str:
    return _CONTROLS.sub("", text)
