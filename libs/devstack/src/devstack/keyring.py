"""The development issuer's signing keys: one signs, retired ones stay published until their last token has expired."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from devstack.secretfiles import read_json, write_private

ALGORITHM = "ES256"
Clock = Callable[[], float]


@dataclass(frozen=True)
class _Entry:
    key: ECKey
    retired_at: float | None  # Unix seconds


class KeyRing:
    """ES256 keys, kept in `path` (0600) or, without one, in memory. `keep_for`: seconds that a retired key stays
    published.
    """

    def __init__(self, path: Path | None = None, *, keep_for: float = 3600, clock: Clock = time.time) -> None:
        self._path = path
        self._keep_for = keep_for
        self._clock = clock
        self._guard = threading.Lock()
        self._entries = self._load()
        if not self._entries:
            self.rotate()

    @property
    def current(self) -> ECKey:
        """The key that signs now."""
        return self._entries[-1].key

    def rotate(self) -> ECKey:
        """Makes a new signing key, retires the present one, forgets those whose tokens have all expired; returns the
        new key.
        """
        with self._guard:
            now = self._clock()
            kept = [_Entry(one.key, one.retired_at if one.retired_at is not None else now) for one in self._published()]
            self._entries = [*kept, _Entry(_new_key(), None)]
            self._save()
            return self.current

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The public key set (RFC 7517): the signing key and the retired ones that may still have living tokens."""
        return {"keys": [dict(one.key.as_dict(private=False)) for one in self._published()]}

    def _published(self) -> list[_Entry]:
        now = self._clock()
        return [one for one in self._entries if one.retired_at is None or now < one.retired_at + self._keep_for]

    def _load(self) -> list[_Entry]:
        stored = read_json(self._path).get("keys", []) if self._path is not None else []
        return [_Entry(ECKey.import_key(one["jwk"]), one["retired_at"]) for one in stored]

    def _save(self) -> None:
        if self._path is not None:
            keys = [{"jwk": one.key.as_dict(private=True), "retired_at": one.retired_at} for one in self._entries]
            write_private(self._path, json.dumps({"keys": keys}))


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": uuid.uuid4().hex, "use": "sig", "alg": ALGORITHM}, private=True)
