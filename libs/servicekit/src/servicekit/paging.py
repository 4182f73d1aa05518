"""Keyset paging with opaque tokens (AIP-158).

A token holds where the last page ended and a digest of the request's filters and order, so that a token cannot be used with another
question. Tokens hold keys only; they are not secret and not signed: a forged one can reach nothing that a filter could not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from google.protobuf.message import Message

from servicekit.errors import InvalidArgument

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
_BIGINT = 2**63
_Row = TypeVar("_Row")

_NOT_PART_OF_THE_QUESTION = frozenset({"page_size", "page_token"})


@dataclass(frozen=True, slots=True)
class Page:
    """One page asked for: how many rows, the key after which it starts (`None`: from the start), the question's digest."""

    size: int
    after: tuple[Any, ...] | None
    digest: str

    def token(self, key: Sequence[Any]) -> str:
        """Returns the token of the page after `key` (the values of the sort columns of the last row)."""
        body = orjson.dumps([self.digest, [_plain(value) for value in key]])
        return base64.urlsafe_b64encode(body).rstrip(b"=").decode()

    def cut(self, rows: Sequence[_Row], key: Callable[[_Row], Sequence[Any]]) -> tuple[Sequence[_Row], str]:
        """Takes up to `size + 1` rows, returns those of the page and the next token (empty at the end).

        `key(row)` gives the values of a row's sort columns.
        """
        if len(rows) <= self.size:
            return rows, ""
        shown = rows[: self.size]
        return shown, self.token(key(shown[-1]))


def page_of(request: Message, *, default_size: int = DEFAULT_PAGE_SIZE, max_size: int = MAX_PAGE_SIZE) -> Page:
    """Reads `page_size` and `page_token` of a list request.

    Sizes above the limit are cut to it; a token that is damaged or belongs to another question is an InvalidArgument.
    """
    digest = _digest(request)
    size = min(request.page_size or default_size, max_size)  # type: ignore[attr-defined]
    token: str = request.page_token  # type: ignore[attr-defined]
    if not token:
        return Page(size, None, digest)
    try:
        stamp, after = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if not isinstance(after, list) or not isinstance(stamp, str):
            raise ValueError
        values = tuple(_value(item) for item in after)
    except (ValueError, TypeError, KeyError, binascii.Error):
        raise _bad_token("the token is damaged") from None
    if stamp != digest:
        raise _bad_token("the token belongs to a request with other filters or another order")
    return Page(size, values, digest)


def page_key(page: Page, *readers: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """Returns the token's key, each value read by its reader (`uuid.UUID`, `date.fromisoformat`, …).

    A token comes from outside: a value that its reader refuses is an InvalidArgument.
    """
    if page.after is None:
        return None
    try:
        return tuple(reader(value) for reader, value in zip(readers, page.after, strict=True))
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise _bad_token("the token is damaged") from None


def moment(value: Any) -> datetime:
    """The reader of a moment in a token."""
    if not isinstance(value, datetime):
        raise TypeError
    return value


def _digest(request: Message) -> str:
    question = type(request)()
    question.CopyFrom(request)
    for name in _NOT_PART_OF_THE_QUESTION:
        question.ClearField(name)
    data = request.DESCRIPTOR.full_name.encode() + question.SerializeToString(deterministic=True)
    return hashlib.sha256(data).hexdigest()[:16]


def _plain(value: Any) -> Any:
    return {"t": value.isoformat()} if isinstance(value, datetime) else value


def _value(item: Any) -> Any:
    if isinstance(item, dict):
        moment = datetime.fromisoformat(item["t"])
        if moment.tzinfo is None or not 1 < moment.year < 9999:  # in UTC it must still be a moment
            raise ValueError
        return moment
    if isinstance(item, int) and not -_BIGINT <= item < _BIGINT:  # the database has no such number
        raise ValueError
    if isinstance(item, str) and "\x00" in item:
        raise ValueError
    if item is not None and not isinstance(item, str | int | float):
        raise ValueError
    return item


def _bad_token(why: str) -> InvalidArgument:
    return InvalidArgument.of("page_token", "PAGE_TOKEN_INVALID", f"The page token is not valid: {why}.")
