"""The platform as `make up` runs it: every process its own, under devstack's supervisor, whose pauses a test guides.

Everything that is not a one-time step is a victim, so that a service which is added to the platform is killed here without a word.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from devstack import ports
from devstack.contract import GATEWAY
from devstack.layout import Layout
from devstack.stack import DevStack

from servicekit.testing import web
from servicekit.testing.asking import Asking
from servicekit.testing.platform import until

BACKEND = "postgres backend"  # one of PostgreSQL's own processes, after whose death it begins anew for everybody
_LIMITS = {"MARQUE_PRINCIPAL_RATE": "1000000", "MARQUE_ADDRESS_RATE": "1000000"}
_QUIET = {"MARQUE_LOG_LEVEL": "WARNING", "MARQUE_TRACE_SAMPLE_RATIO": "0.01"}
# What a killed process wrote, the kernel still has: only a power cut asks for fsync, and this one is about kills. All else is durable.
_POSTGRES = {"fsync": "off"}
_SHORTEST, _LONGEST = 0.05, 0.4  # seconds until a victim is started again: a kubelet is slower, a race is found sooner


class Stack:
    """A platform of its own in `folder`; `workers` and `environ` are DevStack's. `seed` decides how soon a victim is started again."""

    def __init__(
        self, folder: Path, seed: int = 0, *, workers: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.layout = Layout(folder / "state")
        self.layout.make()
        self.kills: Counter[str] = Counter()
        self.starting: Counter[str] = Counter()
        self._random = random.Random(seed)  # noqa: S311 - repeatable, hides nothing
        self._held: dict[str, asyncio.Event] = {}
        self._frozen: set[int] = set()
        self._asking = Asking()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MARQUE_")}
        told = {**inherited, **_LIMITS, **_QUIET, **(environ or {})}
        self._doors = [ports.free_port(), ports.free_port()]
        for port in self._doors:
            ports.release(port)
        self.dev = DevStack(
            self.layout,
            told,
            http_port=self._doors[0],
            grpc_port=self._doors[1],
            workers=workers,
            postgres_settings=_POSTGRES,
            pause=self._pause,
        )
        self.children = self.dev.supervisor.children
        self.services = [name for name in self.dev.services if name != GATEWAY]

    async def __aenter__(self) -> Stack:
        await self.dev.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for name in [*self._held]:
            self.release(name)
        self.thaw()
        self._asking.close()
        await self.dev.stop()

    @property
    def victims(self) -> list[str]:
        """The processes that live until they are stopped."""
        return [name for name, child in self.children.items() if not child.spec.one_shot]

    def kill(self, name: str) -> bool:
        """kill -9; tells whether there was a process. Its next one comes by itself."""
        if name == BACKEND:
            return self._kill_backend()
        child = self.children[name]
        if child.pid is None or not _signal(child.pid, signal.SIGKILL):
            return False
        self.kills[name] += 1
        self.starting[name] += not child.is_ready
        return True

    async def hold(self, name: str, *, gently: bool = True) -> None:
        """Stops a process and keeps it down until `release`."""
        child = self.children[name]
        self._held.setdefault(name, asyncio.Event()).clear()
        if child.pid is not None:
            _signal(child.pid, child.spec.stop_signal if gently else signal.SIGKILL)

        async def down() -> bool:
            return child.pid is None

        await until(down, 30, f"{name} does not end")

    def release(self, name: str) -> None:
        """Lets a held process start again."""
        self._held.pop(name, asyncio.Event()).set()

    def freeze(self, name: str) -> None:
        """SIGSTOP for a process and its children: it is there, takes connections, and answers nothing."""
        pid = self.children[name].pid
        for one in [pid, *_children(pid)] if pid is not None else []:
            if _signal(one, signal.SIGSTOP):
                self._frozen.add(one)

    def thaw(self) -> None:
        """Lets everything that is frozen go on."""
        while self._frozen:
            _signal(self._frozen.pop(), signal.SIGCONT)

    async def settled(self, seconds: float = 120.0) -> None:
        """Returns when every process says that it is ready."""

        async def ready() -> bool:
            if not all(self.children[name].is_ready for name in self.victims):
                return False
            return all(
                [await asyncio.to_thread(self.children[name].spec.ready or (lambda: True)) for name in self.victims]
            )

        await until(ready, seconds, "the platform is not whole again")

    async def readiness(self, name: str) -> tuple[int, dict[str, Any]]:
        """What a process answers at /readyz: status and body; (0, {}) where it does not answer within three seconds."""
        try:
            async with web.client(timeout=3.0) as client:
                answer = await client.get(f"http://127.0.0.1:{self.dev.addresses.health_ports[name]}/readyz")
        except httpx.HTTPError:
            return 0, {}
        return answer.status_code, answer.json()

    async def sql(self, service: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Runs a query in a service's database, past the service."""
        return await self._asking.fetch(self.dev.addresses.databases[service], query, *arguments)

    def remains(self) -> list[int]:
        """Processes that still belong to this platform, told by its folder in their command or environment."""
        mark, me = os.fsencode(self.layout.root), os.getpid()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:  # it went meanwhile
                continue
            if mark in words and int(entry.name) != me:
                found.append(int(entry.name))
        return found

    def listening(self) -> list[int]:
        """Ports of this platform on which something still listens."""
        told = self.dev.addresses
        used = [*told.grpc_ports.values(), *told.health_ports.values(), *self._doors]
        used += [one.port for one in (self.dev.postgres, self.dev.nats) if one is not None]
        return [port for port in used if ports.is_listening(ports.LOOPBACK, port)]

    def _kill_backend(self) -> bool:
        child = self.children.get("postgres")
        found = _children(child.pid) if child is not None and child.pid is not None else []
        if not found or not _signal(self._random.choice(found), signal.SIGKILL):
            return False
        self.kills[BACKEND] += 1
        return True

    async def _pause(self, name: str, seconds: float) -> None:
        await asyncio.sleep(self._random.uniform(_SHORTEST, _LONGEST))
        while (held := self._held.get(name)) is not None:
            await held.wait()


def _signal(pid: int, number: signal.Signals) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _children(pid: int) -> list[int]:
    try:
        words = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(word) for word in words.split()]
