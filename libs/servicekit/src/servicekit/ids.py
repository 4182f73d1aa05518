"""Identifiers: UUID version 7 (RFC 9562), as text, so that keys sort by the moment of their making."""

from __future__ import annotations

import os
import time
import uuid

_last_ms = 0
_sequence = 0


def new_id() -> str:
    """Returns a new UUIDv7 as 36 lower-case characters; ids of one process are strictly increasing."""
    return str(new_uuid())


def new_uuid() -> uuid.UUID:
    """Returns a new UUIDv7: 48 bits of Unix milliseconds, 12 bits of sequence within the millisecond, 62 random bits."""
    global _last_ms, _sequence
    now = time.time_ns() // 1_000_000
    if now > _last_ms:
        _last_ms, _sequence = now, int.from_bytes(os.urandom(1), "big")
    else:  # the same millisecond, or a clock that stepped back: go on from the last id
        _sequence += 1
        if _sequence > 0xFFF:
            _last_ms, _sequence = _last_ms + 1, 0
    random_bits = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return uuid.UUID(int=(_last_ms << 80) | (0x7 << 76) | (_sequence << 64) | (0b10 << 62) | random_bits)


def is_uuid(text: str) -> bool:
    """Tells whether `text` is a UUID in its 36 character form."""
    try:
        return len(text) == 36 and str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
