"""Identifiers: UUID version 7 (RFC 9562), as text, so that keys sort by the moment of their making."""

from __future__ import annotations

import os
import struct
import time
import uuid

_POOL_BYTES = 4096  # random bits are drawn for many ids at once: a system call for each costs more than the rest
_RANDOM_BITS = (1 << 62) - 1
_VARIANT = 0b10 << 62
_PAIR = struct.Struct(">QQ").pack

_last_ms = 0
_sequence = 0
_pool = b""
_taken = 0


def new_id() -> str:
    """Returns a new UUIDv7 as 36 lower-case characters; ids of one process are strictly increasing."""
    digits = f"{_next():032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_uuid() -> uuid.UUID:
    """Returns a new UUIDv7: 48 bits of Unix milliseconds, 12 bits of sequence within the millisecond, 62 random bits."""
    return uuid.UUID(int=_next())


def new_block(count: int) -> list[bytes]:
    """Returns new UUIDv7s in their sixteen bytes, for rows that are made by the thousand."""
    drawn = struct.unpack(f">{count}Q", os.urandom(8 * count))
    return [_PAIR(_tick(), _VARIANT | (bits & _RANDOM_BITS)) for bits in drawn]


def text_of(value: bytes) -> str:
    """Returns sixteen bytes as the 36 lower-case characters of a UUID."""
    digits = value.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _next() -> int:
    global _pool, _taken
    if _taken >= len(_pool):
        _pool, _taken = os.urandom(_POOL_BYTES), 0
    drawn = int.from_bytes(_pool[_taken : _taken + 8], "big")
    _taken += 8
    return (_tick() << 64) | _VARIANT | (drawn & _RANDOM_BITS)


def _tick() -> int:
    """Returns the upper 64 bits of the next id: they alone keep the order."""
    global _last_ms, _sequence
    now = time.time_ns() // 1_000_000
    if now > _last_ms:
        _last_ms, _sequence = now, 0
    else:  # the same millisecond, or a clock that stepped back: go on from the last id
        _sequence += 1
        if _sequence > 0xFFF:
            _last_ms, _sequence = _last_ms + 1, 0
    return (_last_ms << 16) | (0x7 << 12) | _sequence


def _forget_pool() -> None:
    global _pool
    _pool = b""  # a forked child must not draw the same bits as its parent


os.register_at_fork(after_in_child=_forget_pool)


def is_uuid(text: str) -> bool:
    """Tells whether `text` is a UUID in its 36 character form."""
    try:
        return len(text) == 36 and str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
