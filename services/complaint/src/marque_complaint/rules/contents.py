"""What a file is, by its content alone: a name says what somebody wants it to be. Pure.

The list is short on purpose: pictures, films, recordings, PDF and plain text. Whatever a reader might run (HTML, SVG, scripts, office files
with macros, archives, programs) is of no type here. The marks are those of the formats' own descriptions.
"""

from __future__ import annotations

import codecs
import re

HEAD = 4096
"""Bytes from the beginning that tell the type."""
TEXT = "text/plain"
_MARKS: tuple[tuple[str, int, bytes], ...] = (
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/gif", 0, b"GIF87a"),
    ("image/gif", 0, b"GIF89a"),
    ("application/pdf", 0, b"%PDF-"),
    ("audio/mpeg", 0, b"ID3"),
    ("audio/mpeg", 0, b"\xff\xfb"),
)
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}
_BRANDS = {
    b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic",
    b"isom": "video/mp4", b"iso2": "video/mp4", b"mp41": "video/mp4", b"mp42": "video/mp4", b"avc1": "video/mp4", b"M4V ": "video/mp4",
}  # fmt: skip
_MARKUP = re.compile(r"<\s*(!doctype|html|script|svg|iframe|body|head|\?xml|\?php|object|embed)|^#!", re.IGNORECASE)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


class Reading:
    """Looks at a content as it comes, a piece at a time."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_text = True
        self._before = ""

    def take(self, piece: bytes) -> None:
        """Looks at the next piece."""
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
        if self._is_text:
            self._look(piece, last=False)

    def content_type(self) -> str:
        """Returns the type of what was read to its end; empty for none that is taken."""
        if found := _marked(self._head):
            return found
        if self._is_text:
            self._look(b"", last=True)
        return TEXT if self._is_text and self._head else ""

    def _look(self, piece: bytes, *, last: bool) -> None:
        try:
            text = self._decoder.decode(piece, last)
        except UnicodeDecodeError:
            self._is_text = False
            return
        seen = self._before + text  # a mark may lie across two pieces
        self._is_text = not (_NOT_TEXT.search(text) or _MARKUP.search(seen))
        self._before = seen[-20:]


def _marked(head: bytes) -> str:
    for kind, place, mark in _MARKS:
        if head[place : place + len(mark)] == mark:
            return kind
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "")
    return ""


def tidy_name(name: str) -> str:
    """Returns a file's name without folders, controls, and marks that turn the direction of writing."""
    bare = re.split(r"[/\\]", name)[-1]
    bare = "".join(char for char in bare if char.isprintable() and not 0x202A <= ord(char) <= 0x2069).strip(" .")
    return bare[:200] or "file"
