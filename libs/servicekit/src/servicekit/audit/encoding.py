"""What is hashed and signed: one unambiguous byte string for a record, an anchor, a drop.

Every part has a fixed length or is preceded by it, in a fixed order, so that no two different things have the same bytes. Moments are
microseconds since 1970 in UTC, which is what PostgreSQL keeps. The order of the columns is part of the format: a column that is added to
`audit_records` later needs a new format beside this one, never a change of it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

RECORD_COLUMNS = (
    *("audit_id", "transaction", "create_time", "principal", "roles", "method", "action"),
    *("resource_type", "resource_id", "resource_ids", "fields", "trace_id"),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HEAD = struct.Struct(">qQq")
_LETTERS = bytes.maketrans(b"0123456789abcdef", b"abcdefghijklmnop")


def micros(moment: datetime) -> int:
    """Returns microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def text(value: str) -> bytes:
    """Returns a text with its length before it."""
    raw = value.encode()
    return len(raw).to_bytes(4, "big") + raw


def texts(values: Iterable[str]) -> bytes:
    """Returns a list of texts with its length before it."""
    parts = [text(value) for value in values]
    return len(parts).to_bytes(4, "big") + b"".join(parts)


def record(row: Mapping[str, Any], position: int) -> bytes:
    """Returns the bytes of a record at its place. `row` has RECORD_COLUMNS; `transaction` is the number as text."""
    return b"".join(
        (
            _HEAD.pack(position, int(row["transaction"]), micros(row["create_time"])),
            row["audit_id"].bytes,
            text(row["principal"]),
            text(row["roles"]),
            text(row["method"]),
            text(row["action"]),
            text(row["resource_type"]),
            text(row["resource_id"]),
            texts(row["resource_ids"]),
            texts(row["fields"]),
            text(row["trace_id"]),
        )
    )


def genesis(service: str, chain_id: UUID) -> bytes:
    """Returns the hash before the first record: no chain can stand for another service's."""
    return hashlib.sha256(b"marque.audit.genesis.v1" + text(service) + chain_id.bytes).digest()


def link(before: bytes, row: Mapping[str, Any], position: int) -> bytes:
    """Returns the hash of the chain up to and with a record."""
    return hashlib.sha256(before + record(row, position)).digest()


@dataclass(frozen=True, slots=True)
class Anchor:
    """What is signed when a segment is closed. Hashes are SHA-256; `previous_hash` is that of the anchor before, empty for the first."""

    chain_id: UUID
    segment: int
    first_position: int
    last_position: int
    start_hash: bytes
    head_hash: bytes
    open_time: datetime
    close_time: datetime
    previous_hash: bytes
    key_id: str

    def body(self, service: str) -> bytes:
        """Returns the signed bytes."""
        numbers = (
            self.segment,
            self.first_position,
            self.last_position,
            micros(self.open_time),
            micros(self.close_time),
        )
        hashes = (self.start_hash, self.head_hash, self.previous_hash)
        return b"".join(
            (
                b"marque.audit.anchor.v1",
                text(service),
                self.chain_id.bytes,
                struct.pack(">5q", *numbers),
                *(len(value).to_bytes(4, "big") + value for value in hashes),
                text(self.key_id),
            )
        )


def anchor_hash(body: bytes, signature: bytes) -> bytes:
    """Returns the hash by which the next anchor, and everybody who wrote it down, knows an anchor."""
    return hashlib.sha256(body + signature).digest()


def drop_body(anchor: bytes, drop_time: datetime, days: int, key_id: str) -> bytes:
    """Returns the signed bytes of the statement that a segment's records were dropped; `anchor` is the hash of its anchor."""
    return b"marque.audit.drop.v1" + anchor + struct.pack(">qq", micros(drop_time), days) + text(key_id)


def fingerprint(digest: bytes) -> str:
    """Returns a hash in the letters a–p, which no log takes for a phone number."""
    return digest.hex().encode().translate(_LETTERS).decode()
