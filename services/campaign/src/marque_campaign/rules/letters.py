"""Letters: the rows of a file, addresses in the order of the country's custom, return codes, and what a return says. Pure."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marque_campaign.rules.codes import ALPHABET
from marque_campaign.rules.ledger import ACCEPTED, BOUNCED, UNKNOWN, Verdict
from marque_campaign.rules.templates import Message

MAKING, READY, PRINTED, EXPIRED = range(1, 5)
"""States of a file, as the contract numbers them."""
STATE_NAMES = ("", "MAKING", "READY", "PRINTED", "EXPIRED")
MOST_LETTERS, PIECE = 10_000, 100
"""Letters of a file where nobody says how many, and of a piece of it."""
LETTER_FILE, FILE_EXPIRED = "LETTER_FILE", "LETTER_FILE_EXPIRED"
"""Why a line is where it is: its letter stands in a file; nobody said what became of the file."""
ENDS = {PRINTED: Verdict(ACCEPTED), EXPIRED: Verdict(UNKNOWN, FILE_EXPIRED)}
"""What the end of a file makes of its lines."""

ADDRESSEE_UNKNOWN, MOVED, ADDRESS_WRONG, DECEASED, REFUSED, UNCLAIMED = range(1, 7)
_RETURNS = {
    ADDRESSEE_UNKNOWN: Verdict(BOUNCED, "ADDRESSEE_UNKNOWN", address_gone=True),
    MOVED: Verdict(BOUNCED, "MOVED", address_gone=True),
    ADDRESS_WRONG: Verdict(BOUNCED, "ADDRESS_WRONG", address_gone=True),
    DECEASED: Verdict(BOUNCED, "DECEASED", address_gone=True),
    REFUSED: Verdict(BOUNCED, "REFUSED"),
    UNCLAIMED: Verdict(BOUNCED, "UNCLAIMED"),
}

ADDRESS_LINES = 8
COLUMNS = (
    "letter_id", "name", *(f"address_{place}" for place in range(1, ADDRESS_LINES + 1)), "postal_code", "country_code",
    "language", "subject", "body", "campaign_code", "return_code",
)  # fmt: skip
_DELTA = ("letter_id", "return_code", "reason")
_MARK = "\ufeff".encode()
# Written from the largest part to the smallest, in one run.
_LARGE_FIRST = frozenset({"CN", "HK", "JP", "KR", "MO", "TW"})
# The postal code stands after the place, with the province between; on a line of its own.
_CODE_LAST, _CODE_BELOW = frozenset({"AU", "BR", "CA", "IN", "MX", "NZ", "US"}), frozenset({"GB", "IE", "SG"})
_CODE_LENGTH = 28
_SPACES = re.compile(r"[\s\-\u2010-\u2015]+")


@dataclass(frozen=True, slots=True)
class Postal:
    """A postal address as the gate gives it for one letter."""

    country_code: str
    province: str
    city: str
    district: str
    lines: tuple[str, ...]
    postal_code: str

    @property
    def is_complete(self) -> bool:
        """Whether a letter can find there: a street or house, and a place."""
        return bool(self.lines and (self.city or self.province or self.postal_code))

    @property
    def key(self) -> str:
        """What tells it from other addresses, by which it is known that nothing arrives there."""
        parts = (self.country_code, self.province, self.city, self.district, *self.lines, self.postal_code)
        return "\n".join(" ".join(unicodedata.normalize("NFKC", one).casefold().split()) for one in parts)


def of_return(reason: int) -> Verdict:
    """Returns what a letter that came back makes of its line. Raises KeyError."""
    return _RETURNS[reason]


def address_lines(address: Postal) -> list[str]:
    """Returns the lines of an address without the name and the country, in the order of the country's custom; at most ADDRESS_LINES."""
    province, city = address.province, address.city if address.city != address.province else ""
    if address.country_code in _LARGE_FIRST:
        parts = [province, city, address.district]
        gap = "" if all(not one.isascii() for one in parts if one) else " "
        found = [gap.join(one for one in parts if one), *address.lines]
    elif address.country_code in _CODE_LAST:
        place = _joined(", ", city or province, _joined(" ", province if city else "", address.postal_code))
        found = [*address.lines, address.district, place]
    elif address.country_code in _CODE_BELOW:
        found = [*address.lines, address.district, city, province, address.postal_code]
    else:
        found = [*address.lines, address.district, _joined(" ", address.postal_code, city), province]
    return [one for one in found if one][:ADDRESS_LINES]


def _joined(gap: str, *parts: str) -> str:
    return gap.join(one for one in parts if one)


def row(send_id: uuid.UUID, campaign_id: uuid.UUID, name: str, address: Postal, message: Message) -> bytes:
    """Returns the row of a letter: CSV in UTF-8, every field in quotes, ended by CR LF; line breaks of the body are LF."""
    lines = address_lines(address)
    lines += [""] * (ADDRESS_LINES - len(lines))
    body = message.text.replace("\r\n", "\n").replace("\r", "\n")
    fields = (str(send_id), _tidy(name), *map(_tidy, lines), _tidy(address.postal_code), address.country_code, message.language,
              message.subject, body, campaign_code(campaign_id), return_code(send_id))  # fmt: skip
    return _csv([fields])


def read_row(content: bytes) -> dict[str, str]:
    """Returns what `row` wrote, by column, without what is empty."""
    (fields,) = csv.reader(io.StringIO(content.decode(), newline=""))
    return {name: value for name, value in zip(COLUMNS, fields, strict=True) if value}


def heading(*, mark: bool) -> bytes:
    """Returns the first row of a file, and before it the byte order mark where it is wanted."""
    return (_MARK if mark else b"") + _csv([COLUMNS])


def delta(pulled: Iterable[tuple[uuid.UUID, str]]) -> bytes:
    """Returns the delta of a file, given letters and why they were pulled."""
    return _csv([_DELTA, *((str(send_id), return_code(send_id), reason) for send_id, reason in pulled)])


def pieces(letters: int) -> int:
    """Returns in how many pieces a file of so many letters is read."""
    return max(1, -(-letters // PIECE))


def campaign_code(campaign_id: uuid.UUID) -> str:
    """Returns a short code of a campaign, for whoever sorts what was printed."""
    return _digits(campaign_id.int)[-8:]


def return_code(send_id: uuid.UUID) -> str:
    """Returns the code by which a letter that came back is known: in groups of four, of letters and digits that are not taken for one
    another, with one that tells where a character was misread.
    """
    digits = _digits(send_id.int)
    whole = digits + _check(digits)
    return "-".join(whole[at : at + 4] for at in range(0, len(whole), 4))


def letter_of(text: str) -> uuid.UUID | None:
    """Returns the line that somebody names by its id or its return code; None for what can be neither."""
    bare = _SPACES.sub("", text).upper()
    if len(bare) == 32:
        try:
            return uuid.UUID(bare)
        except ValueError:
            return None
    if len(bare) != _CODE_LENGTH + 1 or any(one not in ALPHABET for one in bare) or _check(bare[:-1]) != bare[-1]:
        return None
    number = 0
    for one in bare[:-1]:
        number = number * len(ALPHABET) + ALPHABET.index(one)
    return uuid.UUID(int=number) if number < 1 << 128 else None


def _digits(number: int) -> str:
    found = []
    for _ in range(_CODE_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        found.append(ALPHABET[place])
    return "".join(reversed(found))


def _check(digits: str) -> str:
    """The sum of the digits, every second one twice: one that is wrong, or two neighbours that changed places, make another."""
    return ALPHABET[sum((1 + place % 2) * ALPHABET.index(one) for place, one in enumerate(digits)) % len(ALPHABET)]


def _tidy(text: str) -> str:
    """What people said of themselves as one line, without control characters, and never a formula for who opens the file as a table."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split()).lstrip("=+-@ ")


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    made = io.StringIO()
    csv.writer(made, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return made.getvalue().encode()
