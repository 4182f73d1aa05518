"""The way to the broker: a user of one's own, its word read from a file at every (re)connection, the server's certificate checked."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servicekit.messaging import accounts


@dataclass(frozen=True)
class BrokerAccess:
    """Who speaks to the broker. Without a user the broker asks for none, as the one of a developer's machine."""

    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None

    def options(self) -> dict[str, Any]:
        """What `nats.connect` is told."""
        told: dict[str, Any] = {}
        if self.user:
            told |= {"user": self.user, "inbox_prefix": accounts.inbox(self.user)}
        if self.user and self.password_file is not None:
            told["password"] = _reading(self.password_file)
        if self.ca_file is not None:
            told["tls"] = ssl.create_default_context(cafile=str(self.ca_file))
        return told


def _reading(file: Path) -> Callable[[], str]:
    """A word that was changed counts from the next connection on: nobody has to start anything again."""
    return lambda: file.read_text(encoding="utf-8").strip()
