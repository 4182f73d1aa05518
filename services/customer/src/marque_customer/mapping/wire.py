"""Pieces of the protobuf wire format, for messages that are made by the thousand or are stored ready.

A message is the sequence of its fields, and its parts may be put one behind the other:
https://protobuf.dev/programming-guides/encoding/. Numbers of fields come from the contract.
"""

from __future__ import annotations

from typing import Any

_DELIMITED = 2


def varint(value: int) -> bytes:
    """Returns a number of no sign as the wire format writes it."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


_LENGTHS = [varint(length) for length in range(1024)]


def tag(message: Any, name: str) -> bytes:
    """Returns what stands before the length of a text or of a part of a message type."""
    return varint(message.DESCRIPTOR.fields_by_name[name].number << 3 | _DELIMITED)


def part(before: bytes, data: bytes) -> bytes:
    """Returns a part with its tag and length."""
    size = len(data)
    return before + (_LENGTHS[size] if size < 1024 else varint(size)) + data


def text(before: bytes, value: str) -> bytes:
    """Returns a text with its tag and length; nothing for an empty one."""
    return part(before, value.encode()) if value else b""
