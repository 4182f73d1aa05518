"""A real PostgreSQL on the loopback address, from the wheel's programs, without a container."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack import launch, ports
from devstack.binaries import RunAs, postgres_bin, run_as
from devstack.secretfiles import read_json, write_private

SUPERUSER = "postgres"
EXTENSIONS = ("pg_trgm", "btree_gist", "citext", "unaccent")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_LEFTOVER_PATIENCE = 15.0

_SETTINGS: dict[str, str] = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Nothing personal in a log: no statement, no parameter, no DETAIL line (it quotes the values of a broken
    # constraint).
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Passwords are 24 random bytes, which nobody guesses; thousands of rounds were half of what a connection costs its client.
    "scram_iterations": "1",
}


class PostgresFailed(RuntimeError):
    """PostgreSQL did not start, or refused an administrative command; the message carries its own words."""


class EmbeddedPostgres:
    """One PostgreSQL cluster in `data_dir`, listening on 127.0.0.1:`port` with passwords (SCRAM).

    Used in two ways: `start()`/`stop()` (or `with`) in tests, and `prepare()`, `command()`, `ready()` under the
    supervisor. Start it from a thread that outlives it (see `launch.dying_with_parent`). `durable=False` trades crash
    safety for speed: tests only. Passwords, one per role, are generated once and kept in `passwords` (0600, default
    beside the data folder).
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        durable: bool = True,
        statistics: bool = False,
        settings: Mapping[str, str] | None = None,
        passwords: Path | None = None,
        log_file: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._given_port = port
        self.port = port if port is not None else ports.free_port()
        self.passwords = (passwords or self.data_dir.with_name(f"{self.data_dir.name}-passwords.json")).absolute()
        self.log_file = log_file or self.data_dir.with_name(f"{self.data_dir.name}.log")
        # A copy by files waits for two checkpoints, which take time where they reach the disk, and a fraction of it where they do not.
        self._cloning = "wal_log" if durable else "file_copy"
        preload = {"shared_preload_libraries": "pg_stat_statements"} if statistics else {}
        self._settings = {**_SETTINGS, **({} if durable else _FAST), **preload, **(settings or {})}
        self._run_as: RunAs | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._password_guard = threading.Lock()

    def prepare(self) -> None:
        """Makes the data folder when it is new, and survives what a killed predecessor left behind.

        Raises PostgresFailed when the folder is in use or cannot be made.
        """
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._run_as = run_as(self.data_dir)
        if (self.data_dir / "PG_VERSION").exists():
            if SUPERUSER not in read_json(self.passwords):
                raise PostgresFailed(
                    f"{self.passwords} is missing, so {self.data_dir} cannot be opened: restore it, or reset the state"
                )
            self._clear_leftovers()
        else:
            self._initdb(self._run_as)

    def command(self) -> list[str]:
        """The postmaster's command line; SIGINT (also when the parent dies) is its fast shutdown. Needs `prepare()`
        before.
        """
        if self._run_as is None:
            raise PostgresFailed("call prepare() before command()")
        flags = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        postgres = [str(postgres_bin() / "postgres"), "-D", str(self.data_dir), "-p", str(self.port), *flags]
        return self._run_as.dying_with_parent(postgres, "INT")

    def start(self, deadline: float = 30.0) -> None:
        """Prepares, starts and waits until connections are accepted; raises PostgresFailed with the log's end
        otherwise.
        """
        self.prepare()
        self._process = launch.spawn(self.command(), self.log_file)
        end = time.monotonic() + deadline
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() >= end:
                self.stop()
                raise PostgresFailed(f"PostgreSQL did not start:\n{launch.tail(self.log_file)}")
            time.sleep(0.01)

    def stop(self, grace: float = 20.0) -> None:
        """Stops fast (open transactions are rolled back); does nothing when not started."""
        if self._process is not None:
            launch.terminate(self._process, signal.SIGINT, grace)
            self._process = None
        if self._given_port is None:
            ports.release(self.port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it was started by `start()`."""
        return self._process.pid if self._process is not None else None

    def ready(self) -> bool:
        """Tells whether the postmaster accepts connections: line 8 of its pid file says so and the port answers."""
        try:
            lines = (self.data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready" and ports.is_listening(ports.LOOPBACK, self.port)

    def password(self, role: str) -> str:
        """The role's password, generated on first use. Raises ValueError for a name that is no plain identifier."""
        _identifier(role)
        with self._password_guard:
            known = read_json(self.passwords)
            if role not in known:
                known[role] = os.urandom(24).hex()
                write_private(self.passwords, json.dumps(known, indent=1, sort_keys=True))
            return str(known[role])

    def dsn(self, database: str = SUPERUSER, user: str = SUPERUSER) -> str:
        """`postgresql://user:password@127.0.0.1:port/database`."""
        return f"postgresql://{_identifier(user)}:{self.password(user)}@{ports.LOOPBACK}:{self.port}/{_identifier(database)}"

    def create_role_and_database(self, name: str) -> str:
        """Makes role and database `name` unless they exist, with EXTENSIONS inside; returns the role's DSN.

        Only this role (and the superuser) may connect: one service cannot read another's tables.
        """
        _identifier(name)  # checked, so that it can be written into SQL, which has no parameters for names
        self.administer(
            f"""SELECT 'CREATE ROLE "{name}"' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec
            ALTER ROLE "{name}" LOGIN PASSWORD '{self.password(name)}';
            SELECT 'CREATE DATABASE "{name}" OWNER "{name}" STRATEGY wal_log'
            WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec
            REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;
            \\connect "{name}"
            """  # noqa: S608
            + "".join(f"CREATE EXTENSION IF NOT EXISTS {one};\n" for one in EXTENSIONS)
        )
        return self.dsn(name, name)

    def clone_database(self, template: str, name: str) -> str:
        """Copies a database that nobody is connected to, owner included; returns the DSN for that owner."""
        _identifier(template)
        _identifier(name)
        owner = self.administer(
            f"""SELECT max(pg_get_userbyid(datdba)::text) AS owner FROM pg_database WHERE datname = '{template}' \\gset
            \\if :{{?owner}}
            CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {self._cloning} OWNER :"owner";
            REVOKE ALL ON DATABASE "{name}" FROM PUBLIC;
            \\echo :owner
            \\endif
            """  # noqa: S608
        ).strip()
        if not owner:
            raise PostgresFailed(f"database {template} does not exist")
        return self.dsn(name, owner)

    def drop_database(self, name: str) -> None:
        """Drops a database if it exists, ending its connections."""
        self.administer(f'DROP DATABASE IF EXISTS "{_identifier(name)}" WITH (FORCE);')

    def administer(self, sql: str, database: str = SUPERUSER) -> str:
        """Runs SQL as superuser through psql (statement by statement); returns its unaligned output, raises
        PostgresFailed with its error.
        """
        environment = {
            **os.environ,
            "PGPASSWORD": self.password(SUPERUSER),
            "PGOPTIONS": "--client-min-messages=warning",
        }
        argv = [
            str(postgres_bin() / "psql"),
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            ports.LOOPBACK,
            "-p",
            str(self.port),
        ]
        argv += ["-U", SUPERUSER, "-d", _identifier(database)]
        # By standard input: a password must not show in the process list.
        done = subprocess.run(argv, input=sql, text=True, capture_output=True, env=environment, check=False, timeout=60)
        if done.returncode != 0:
            raise PostgresFailed(f"PostgreSQL refused: {done.stderr.strip()}")
        return done.stdout

    def _initdb(self, user: RunAs) -> None:
        """initdb into a folder beside, then rename: a start killed half-way leaves no half cluster."""
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise PostgresFailed(f"{self.data_dir} is neither empty nor a PostgreSQL data folder")
        fresh = self.data_dir.with_name(f"{self.data_dir.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=self.data_dir.parent, prefix=".pw-") as secret:
            secret.write(self.password(SUPERUSER))
            secret.flush()
            for path in (fresh, Path(secret.name)):
                os.chown(path, user.uid, user.gid)
            argv = [str(postgres_bin() / "initdb"), "-D", str(fresh), "-U", SUPERUSER, f"--pwfile={secret.name}"]
            argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
            done = subprocess.run([*user.prefix, *argv], capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise PostgresFailed(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        if self.data_dir.exists():
            self.data_dir.rmdir()
        fresh.rename(self.data_dir)

    def _clear_leftovers(self) -> None:
        """Waits for a predecessor that is still stopping, then drops its pid file.

        PostgreSQL itself refuses to start when the number in a stale file now belongs to any other living process,
        which is common in containers; whose it is can be told by the working folder, which for every PostgreSQL
        process is the data folder.
        """
        if not Path("/proc/self/cwd").exists():
            return
        end = time.monotonic() + _LEFTOVER_PATIENCE
        while self._inhabitants():
            if time.monotonic() >= end:
                raise PostgresFailed(f"another PostgreSQL runs in {self.data_dir} (process {self._inhabitants()[0]})")
            time.sleep(0.05)
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _inhabitants(self) -> list[int]:
        """Processes that work in the data folder, or (where a container hides that) were started for it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            # Processes come and go while we look, and those of other users are not ours to see.
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                started = words[0].endswith(b"/postgres") and os.fsencode(self.data_dir) in words
                if started or os.readlink(entry / "cwd") == str(self.data_dir):
                    found.append(int(entry.name))
        return found


def _identifier(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no plain lower-case SQL identifier")
    return name
