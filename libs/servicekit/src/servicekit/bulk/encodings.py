"""In which encoding a text file is written: UTF-8 (with or without its mark) or GB 18030, judged by all of its lines."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from typing import BinaryIO

from servicekit.bulk.errors import FileUnreadable

UTF8, GB18030 = "utf-8", "gb18030"
_PIECE = 1024 * 1024
_HEAD = 1024


@dataclass(frozen=True, slots=True)
class Encoding:
    """A codec's name, and whether some line of the file does not keep it."""

    codec: str
    faulty: bool


def sniff(file: BinaryIO) -> Encoding:
    """Returns a file's encoding and leaves it at its first byte after the mark.

    Raises FileUnreadable for UTF-16 and UTF-32, which are not read here, marked or not.

    A line of GB 18030 is hardly ever valid UTF-8 by chance, the other way round it often is: so GB 18030 is taken only where it reads
    more lines than UTF-8 does. Single broken lines then do not turn the whole file into nonsense; they are faulty rows.
    """
    file.seek(0)
    start = file.read(_HEAD)
    wide = start.count(0) * 4 > len(start)  # names of columns are mostly ASCII, and of two bytes then every other is 0
    if wide or start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise FileUnreadable("IMPORT_ENCODING_UNKNOWN")
    marked = start.startswith(codecs.BOM_UTF8)
    begin = len(codecs.BOM_UTF8) if marked else 0
    file.seek(begin)
    utf8 = gb18030 = lines = 0
    while line := file.readline(_PIECE):
        if not line.isascii():
            lines += 1
            utf8 += _reads(line, UTF8)
            gb18030 += _reads(line, GB18030)
    file.seek(begin)
    if not marked and gb18030 > utf8:
        return Encoding(GB18030, gb18030 < lines)
    return Encoding(UTF8, utf8 < lines)


def _reads(line: bytes, codec: str) -> bool:
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
