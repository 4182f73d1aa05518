"""The Ed25519 keys that sign anchors: a folder of PEM files, as `openssl genpkey -algorithm ed25519 -out 2026-11.pem` writes them.

A file's name without `.pem` is the key's id. The key that signs is the one that is named, else the last by name, so that keys named by
date rotate by adding a file. A key that is retired may be replaced by its public half (`openssl pkey -pubout`): it verifies for ever and
signs no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_SUFFIX = ".pem"


class AuditKeysUnusable(ValueError):
    """The folder of keys cannot be used; the message names file and reason and nothing of a key."""


@dataclass(frozen=True)
class AuditKeys:
    """Keys by id; `current` signs (empty: there is none to sign with)."""

    public: dict[str, Ed25519PublicKey] = field(default_factory=dict)
    private: dict[str, Ed25519PrivateKey] = field(default_factory=dict, repr=False)
    current: str = ""

    @classmethod
    def read(cls, folder: Path | None, current: str = "") -> AuditKeys:
        """Reads a folder of keys. Raises AuditKeysUnusable for a file that holds no Ed25519 key, or where `current` is none that signs."""
        keys = cls()
        for path in sorted(folder.glob(f"*{_SUFFIX}")) if folder is not None else ():
            _read(path, keys)
        chosen = current or max(keys.private, default="")
        if chosen and chosen not in keys.private:
            raise AuditKeysUnusable(f"there is no private audit key {chosen}{_SUFFIX}")
        return cls(keys.public, keys.private, chosen)

    def sign(self, body: bytes) -> bytes:
        """Signs with the current key."""
        return self.private[self.current].sign(body)

    def holds(self, key_id: str, signature: bytes, body: bytes) -> bool:
        """Tells whether a signature is that key's; one of an unknown key never is."""
        key = self.public.get(key_id)
        if key is None:
            return False
        try:
            key.verify(signature, body)
        except InvalidSignature:
            return False
        return True


def _read(path: Path, keys: AuditKeys) -> None:
    raw = path.read_bytes()
    try:
        if b"PRIVATE KEY" in raw:
            private = load_pem_private_key(raw, None)
            if not isinstance(private, Ed25519PrivateKey):
                raise ValueError
            keys.private[path.stem], keys.public[path.stem] = private, private.public_key()
            return
        public = load_pem_public_key(raw)
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError
    except (ValueError, TypeError):
        raise AuditKeysUnusable(f"{path.name} holds no Ed25519 key in PEM without a password") from None
    keys.public[path.stem] = public


def new_key_pem() -> str:
    """Returns a new private key as PEM, for development and tests."""
    made = Ed25519PrivateKey.generate()
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
