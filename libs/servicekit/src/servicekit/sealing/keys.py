"""The keys that wrap data keys and hash what is searched: a folder of files, outside every database and its backups.

A file `<id>.key` holds 32 random bytes as base64 (`openssl rand -base64 32 > 2026-11.key`). Its name is the key's id, which stands in front
of whatever it sealed. The current key is the one that is named, else the last by name, so that keys named by date rotate by adding a file.
From each file two keys are derived, one to wrap and one to hash: whoever learns the one knows nothing of the other.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from servicekit.errors import FailedPrecondition

KEY_BYTES = 32
_SUFFIX = ".key"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class SealingKeysUnusable(ValueError):
    """The folder of keys cannot be used; the message names file and reason and nothing of a key."""


class SealingKeyMissing(FailedPrecondition):
    """What is sealed cannot be written or read: its key is not here, or was destroyed."""

    reason = "SEALING_KEY_MISSING"
    message = "The sealing key {key_id} is not here: this field can neither be read nor written."


@dataclass(frozen=True)
class SealingKey:
    """One key: what it wraps data keys with, and what it hashes with."""

    wrapping: bytes = field(repr=False)
    hashing: bytes = field(repr=False)

    @classmethod
    def derived(cls, secret: bytes) -> SealingKey:
        """Returns both keys of a file's secret."""
        return cls(_derived(secret, b"marque wrap v1"), _derived(secret, b"marque hash v1"))


@dataclass(frozen=True)
class Keyring:
    """Keys by id; `current` seals and hashes what is written (empty: there is none, and nothing can be sealed)."""

    keys: dict[str, SealingKey] = field(default_factory=dict, repr=False)
    current: str = ""

    @classmethod
    def read(cls, folder: Path | None, current: str = "") -> Keyring:
        """Reads a folder of keys. Raises SealingKeysUnusable for a file that holds no key, or where `current` is none of them."""
        paths = sorted(folder.glob(f"*{_SUFFIX}")) if folder is not None else []
        keys = {path.name.removesuffix(_SUFFIX): _read(path) for path in paths}
        chosen = current or max(keys, default="")
        if chosen and chosen not in keys:
            raise SealingKeysUnusable(f"there is no sealing key {chosen}{_SUFFIX}")
        return cls(keys, chosen)

    def one(self, key_id: str) -> SealingKey:
        """Returns a key. Raises SealingKeyMissing."""
        found = self.keys.get(key_id)
        if found is None:
            raise SealingKeyMissing(key_id=key_id or "(none is set)")
        return found


def make_key(folder: Path, key_id: str) -> Path:
    """Writes a new key, readable by its owner alone, and returns its file; one that is there stays. Raises SealingKeysUnusable."""
    if not _ID.fullmatch(key_id):
        raise SealingKeysUnusable("a key's id has 1 to 64 letters, digits, dots, underscores and hyphens")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{key_id}{_SUFFIX}"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return path


def _read(path: Path) -> SealingKey:
    if not _ID.fullmatch(path.name.removesuffix(_SUFFIX)):
        raise SealingKeysUnusable(f"{path.name} is no name of a key")
    try:
        secret = base64.b64decode(path.read_bytes().strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != KEY_BYTES:
        raise SealingKeysUnusable(f"{path.name} does not hold {KEY_BYTES} bytes as base64")
    return SealingKey.derived(secret)


def _derived(secret: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(secret)
