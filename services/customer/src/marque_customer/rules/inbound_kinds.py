"""What kind of case somebody's words make: a complaint where words of danger or of complaining say so, else a question.

The words are data (inbound_words.csv, this team's own list), for English and Chinese. What is denied just before it does not count: `no
complaint`, `没有投诉`. Whoever is in doubt takes it for a complaint: its clock is the shorter one, and a clerk changes the kind. Signs
of danger themselves are the complaint service's to find: it reads every description by a longer list.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib import resources

from marque.complaint.v1 import case_types_pb2
from tradekit import han

COMPLAINT, INQUIRY = int(case_types_pb2.CASE_KIND_COMPLAINT), int(case_types_pb2.CASE_KIND_INQUIRY)
NO_WORDS = "NO_SUCH_WORDS"
_MOST = 20_000  # characters that are looked at
_REACH = 24  # characters before a word in which its denial is looked for
_DENIED = re.compile(
    r"(?:\b(?:no|not|without|never|isn.?t|wasn.?t|don.?t|didn.?t|avoid)\W+(?:\w+\W+){0,2}|(?:没有|没|未|无|不是|不会|避免)[^，,、。！？]{0,4})$",
    re.IGNORECASE,
)


@cache
def _words() -> tuple[tuple[str, re.Pattern[str]], ...]:
    text = (resources.files("marque_customer.rules") / "inbound_words.csv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines()[1:], quoting=csv.QUOTE_NONE)
    return tuple((row[0], re.compile(",".join(row[2:]), re.IGNORECASE)) for row in rows if row)


def kind_of(*texts: str) -> tuple[int, str]:
    """Returns the kind of case (CaseKind) that some texts make, and the reason: `SAFETY_WORDS`, `COMPLAINT_WORDS` or `NO_SUCH_WORDS`."""
    said = "\n".join(texts)[:_MOST]
    folded = said if said.isascii() else han.simplify(said)
    for reason, pattern in _words():
        if any(not _denied(folded, match.start()) for match in pattern.finditer(folded)):
            return COMPLAINT, reason
    return INQUIRY, NO_WORDS


def _denied(text: str, place: int) -> bool:
    return _DENIED.search(text[max(0, place - _REACH) : place]) is not None
