"""The second net under log lines: what looks like a phone number or an e-mail address becomes ``[redacted]``.

The first net is not to write such things at all (``logs``). This one rather takes a harmless number than lets a phone
number through; ids in the form of a UUID or of 32 hex digits stay readable.
"""

from __future__ import annotations

import re

REDACTED = "[redacted]"
_SEPARATORS = r"[\s()./\\_\-\u00ad\u2010-\u2015\u2212\u30fb\uff08\uff09\uff0d\u200b-\u200f\ufeff]{0,3}"
_PERSONAL = re.compile(
    rf"""
    (?P<keep> (?<![0-9A-Za-z]) (?: [0-9a-f]{{8}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{4}}-[0-9a-f]{{12}}
              | (?=[0-9]*[a-f]) [0-9a-f]{{32}} ) (?![0-9A-Za-z]) )
  | [^\s@\uff20<>"'(),;:=]{{1,64}} [@\uff20] [^\s@\uff20<>"'(),;]{{1,255}}
  | [+\uff0b]? \d (?: {_SEPARATORS} \d ){{6,}}
    """,
    re.VERBOSE,
)


def redact(text: str) -> str:
    """``text`` without runs of seven or more digits (however they are grouped, in any script) and without addresses."""
    return _PERSONAL.sub(lambda match: match["keep"] or REDACTED, text)
