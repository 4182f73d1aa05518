"""The state folder (`.marque/`, or MARQUE_STATE): what lies where, and the stable ports of everything in it."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devstack import ports
from devstack.secretfiles import kept_secret, read_json, write_private

DEFAULT_STATE = ".marque"
_CLIENT_SUFFIX = ".client"


class PortTaken(RuntimeError):
    """A port that was asked for by name is in use."""


class Layout:
    """Paths under one state folder. Everything in it belongs to devstack and is removed by `devstack reset`."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.postgres = self.root / "pg"
        self.nats = self.root / "nats"
        self.logs = self.root / "logs"
        self.secrets = self.root / "secrets"
        self.issuer = self.root / "issuer"
        self.run = self.root / "run"
        self.status_file = self.root / "status.json"
        self.supervisor_lock = self.run / "supervisor.lock"
        self.warden_lock = self.run / "warden.lock"
        self.postgres_passwords = self.secrets / "postgres.json"
        self.operator_file = self.run / "operator.json"
        self.sample_marker = self.run / "sample.done"
        self.marker = self.root / ".devstack"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Layout:
        """MARQUE_STATE, else `.marque` in the working folder."""
        return cls(Path(environ.get("MARQUE_STATE") or DEFAULT_STATE))

    def make(self) -> None:
        """Makes the folders. The root stays passable (0711), because PostgreSQL may run as another user below it;
        secrets are 0700.
        """
        if self.root.exists() and not self.marker.exists() and any(self.root.iterdir()):
            raise ValueError(f"{self.root} is not empty and was not made by devstack; choose another MARQUE_STATE")
        self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.marker.touch()
        for folder in (self.nats, self.logs, self.secrets, self.issuer, self.run):
            folder.mkdir(mode=0o700, exist_ok=True)

    def client_secret_file(self, client_id: str) -> Path:
        """The file with a service's client secret, generated on first use."""
        path = self.secrets / f"{client_id}{_CLIENT_SUFFIX}"
        kept_secret(path)
        return path

    def audit_keys(self) -> Path:
        """The folder with the key that signs audit trails, generated on first use."""
        folder = self.secrets / "audit"
        if not any(folder.glob("*.pem")):
            made = Ed25519PrivateKey.generate()
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            write_private(folder / "development-1.pem", pem.decode())
        return folder

    def sealing_keys(self) -> Path:
        """The folder with the key that seals sensitive columns, generated on first use: outside the database and its backups."""
        folder = self.secrets / "sealing"
        if not any(folder.glob("*.key")):
            write_private(folder / "development-1.key", base64.b64encode(os.urandom(32)).decode() + "\n")
        return folder

    def client_secrets(self) -> dict[str, str]:
        """Client id → secret of every service known so far."""
        return {path.stem: kept_secret(path) for path in sorted(self.secrets.glob(f"*{_CLIENT_SUFFIX}"))}

    def people(self) -> dict[str, Any]:
        """The demo people that the sample data wrote: persona key → claims (see `issuer.Issuer`); empty without
        sample data.
        """
        return read_json(self.run / "people.json")

    def status(self) -> dict[str, Any]:
        """What the supervisor last wrote about itself; empty before the first start."""
        return read_json(self.status_file)


class PortBook:
    """Ports by name, the same on every start as long as they are free; `<state>/run/ports.json`."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.run / "ports.json"
        self._known: dict[str, Any] = read_json(self._path)
        self._reserved: list[int] = []

    def port(self, name: str) -> int:
        """Reserves the port that `name` had before, or a free one."""
        known = self._known.get(name)
        return self._note(name, ports.free_port(int(known) if known else None))

    def door(self, name: str, given: int | None, usual: int) -> int:
        """A front door's port: the one `given` (PortTaken when in use), else the usual one, else what it had before,
        else a free one.
        """
        if given is not None:
            if not ports.reserve(given):
                raise PortTaken(f"port {given} for the {name} door is in use; give another or none")
            return self._hold(given)
        if ports.reserve(usual):
            return self._hold(usual)
        return self.port(name)

    def _note(self, name: str, port: int) -> int:
        if self._known.get(name) != port:
            self._known[name] = port
            write_private(self._path, json.dumps(self._known, indent=1, sort_keys=True))
        return self._hold(port)

    def _hold(self, port: int) -> int:
        self._reserved.append(port)
        return port

    def release(self) -> None:
        """Gives every port back; what was noted is taken up again at the next start."""
        for port in self._reserved:
            ports.release(port)
        self._reserved.clear()
