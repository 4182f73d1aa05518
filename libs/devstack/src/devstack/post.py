"""The post office of `make run`: a process that takes every mail and text message and keeps it, so that nothing leaves the machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack import ports
from devstack.layout import Layout, PortBook
from devstack.processes import ProcessSpec
from devstack.readiness import http_ready
from devstack.secretfiles import kept_secret

POST = "post"
SENDERS = ("campaign", "survey")
_GIVEN = ("MARQUE_SMTP_HOST", "MARQUE_PROVIDERS")


def wanted(environ: Mapping[str, str]) -> bool:
    """Tells whether there is one: unless a mail server or providers were given, or MARQUE_POST says `off`."""
    return environ.get("MARQUE_POST", "") != "off" and not any(environ.get(name) for name in _GIVEN)


class PostOffice:
    """Where it listens, how it is started, and what those who send are told of it."""

    def __init__(self, layout: Layout, book: PortBook) -> None:
        self._layout = layout
        self._smtp, self._http = book.port("post.smtp"), book.port("post.http")

    @property
    def url(self) -> str:
        """Where people read what was sent."""
        return f"http://{ports.LOOPBACK}:{self._http}"

    @property
    def folder(self) -> Path:
        """Where it lies: `mails/*.eml` and `messages/*.json`."""
        return self._layout.root / POST

    def for_sender(self, name: str, public_url: str | None) -> dict[str, str]:
        """What a service is told that sends; nothing for others. `public_url` is where people reach the gateway."""
        if name not in SENDERS:
            return {}
        told = {"MARQUE_SMTP_HOST": ports.LOOPBACK, "MARQUE_SMTP_PORT": str(self._smtp)}
        told |= {"MARQUE_PUBLIC_URL": public_url} if public_url else {}
        if name == "campaign":
            provider = {"url": f"{self.url}/messages", "secret_file": str(self._secret()), "repeatable": True}
            told["MARQUE_PROVIDERS"] = json.dumps(dict.fromkeys(("SMS", "MESSAGING", "PUSH"), provider))
        return told

    def spec(self, environ: Mapping[str, str]) -> ProcessSpec:
        """How the supervisor runs it."""
        told = {
            "MARQUE_POST_FOLDER": str(self.folder),
            "MARQUE_POST_SECRET_FILE": str(self._secret()),
            "MARQUE_POST_SMTP_PORT": str(self._smtp),
            "MARQUE_POST_HTTP_PORT": str(self._http),
        }
        return ProcessSpec(
            POST,
            [sys.executable, "-m", "devstack.post_app"],
            env={**environ, **told},
            ready=http_ready(self._http),
        )

    def _secret(self) -> Path:
        path = self._layout.secrets / "post.secret"
        kept_secret(path)
        return path
