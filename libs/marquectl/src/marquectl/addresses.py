"""Where the doors are: told by the environment, else by what devstack left in the state folder, else the usual ports."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from marquectl.errors import UsageError

DEFAULT_STATE = ".marque"
USUAL_GRPC = "127.0.0.1:9090"
USUAL_HTTP = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Addresses:
    """The public doors and the token issuer.

    `grpc` is host:port of the gateway's gRPC door, `http` and `issuer` are URLs without a trailing slash (`issuer` empty where none is
    known); `token` is a ready token that is used instead of asking the issuer (MARQUE_TOKEN).
    """

    grpc: str = USUAL_GRPC
    http: str = USUAL_HTTP
    issuer: str = ""
    state: Path = Path(DEFAULT_STATE)
    token: str = ""

    @classmethod
    def find(cls, environ: Mapping[str, str] = os.environ) -> Addresses:
        """Reads MARQUE_GRPC_ADDRESS, MARQUE_HTTP_URL, MARQUE_ISSUER_URL and MARQUE_TOKEN, then `<state>/run/operator.json`.

        Raises UsageError where that file cannot be read.
        """
        state = Path(environ.get("MARQUE_STATE") or DEFAULT_STATE).absolute()
        told = {**_left_by_devstack(state), **{name: value for name, value in environ.items() if value}}
        return cls(
            grpc=told.get("MARQUE_GRPC_ADDRESS", USUAL_GRPC),
            http=told.get("MARQUE_HTTP_URL", USUAL_HTTP).rstrip("/"),
            issuer=told.get("MARQUE_ISSUER_URL", "").rstrip("/"),
            state=state,
            token=environ.get("MARQUE_TOKEN", ""),
        )

    @property
    def run(self) -> Path:
        """The folder of what a running platform tells about itself."""
        return self.state / "run"


def _left_by_devstack(state: Path) -> dict[str, str]:
    path = state / "run" / "operator.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({type(error).__name__}); start the platform again") from None
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}
