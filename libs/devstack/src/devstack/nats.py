"""A real NATS server with JetStream on the loopback address, alone or as a cluster of three."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack import launch, ports
from devstack.binaries import nats_server
from devstack.readiness import http_ready

MAX_PAYLOAD = 1024 * 1024  # bytes


class NatsFailed(RuntimeError):
    """The NATS server did not become healthy; the message carries the end of its log."""


class EmbeddedNats:
    """One NATS server whose streams live in `store_dir`; no authentication, because it listens on 127.0.0.1 only.

    `start()`/`stop()` (or `with`) in tests; `prepare()`, `command()`, `ready()` under the supervisor. Start it from a
    thread that outlives it (see `launch.dying_with_parent`).
    """

    def __init__(
        self,
        store_dir: Path,
        port: int | None = None,
        monitor_port: int | None = None,
        *,
        name: str = "marque",
        cluster: str = "",
        log_file: Path | None = None,
    ) -> None:
        self.store_dir = store_dir.absolute()
        self._own_ports: list[int] = []
        self.port = port if port is not None else self._own_port()
        self.monitor_port = monitor_port if monitor_port is not None else self._own_port()
        self.name = name
        self.config_file = self.store_dir.with_name(f"{self.store_dir.name}.conf")
        self.log_file = log_file or self.store_dir.with_name(f"{self.store_dir.name}.log")
        self._cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`nats://127.0.0.1:port`."""
        return f"nats://{ports.LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The server's process id while it was started by `start()`."""
        return self._process.pid if self._process is not None else None

    def prepare(self) -> None:
        """Writes the server's configuration and makes its folder."""
        self.store_dir.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(
            f'server_name: "{self.name}"\n'
            f'listen: "{ports.LOOPBACK}:{self.port}"\n'
            f'http: "{ports.LOOPBACK}:{self.monitor_port}"\n'
            f"max_payload: {MAX_PAYLOAD}\n"
            f'jetstream {{ store_dir: "{self.store_dir}" }}\n'
            f"{self._cluster}",
            encoding="utf-8",
        )

    def command(self) -> list[str]:
        """The server's command line; it ends with the thread that started it. Needs `prepare()` before."""
        return launch.dying_with_parent([str(nats_server()), "--config", str(self.config_file)], "TERM")

    def ready(self) -> bool:
        """Tells whether the server, JetStream and (in a cluster) its leader are healthy: /healthz answers 200."""
        return http_ready(self.monitor_port, "/healthz")()

    def spawn(self) -> None:
        """Prepares and starts without waiting."""
        self.prepare()
        self._process = launch.spawn(self.command(), self.log_file)

    def wait_ready(self, deadline: float = 30.0) -> None:
        """Returns when healthy; stops the server and raises NatsFailed when it exits or after `deadline` seconds."""
        end = time.monotonic() + deadline
        while not self.ready():
            gone = self._process is None or self._process.poll() is not None
            if gone or time.monotonic() >= end:
                self.stop()
                raise NatsFailed(f"NATS server {self.name} did not become healthy:\n{launch.tail(self.log_file)}")
            time.sleep(0.02)

    def start(self, deadline: float = 30.0) -> None:
        """Starts and waits until healthy."""
        self.spawn()
        self.wait_ready(deadline)

    def halt(self, stop_signal: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> None:
        """Ends the process but keeps the ports, so that the same server can start again."""
        if self._process is not None:
            launch.terminate(self._process, stop_signal, grace)
            self._process = None

    def stop(self) -> None:
        """Ends the process and gives its ports back; does nothing when not started."""
        self.halt()
        for port in self._own_ports:
            ports.release(port)

    def _own_port(self) -> int:
        port = ports.free_port()
        self._own_ports.append(port)
        return port

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class EmbeddedNatsCluster:
    """`n` NATS servers under `base_dir` that form one JetStream cluster, so that R3 streams and the loss of a node
    can be tried.
    """

    def __init__(self, base_dir: Path, n: int = 3) -> None:
        self._route_ports = [ports.free_port() for _ in range(n)]
        routes = ", ".join(f'"nats://{ports.LOOPBACK}:{port}"' for port in self._route_ports)
        base_dir.mkdir(parents=True, exist_ok=True)
        self.nodes = [
            EmbeddedNats(
                base_dir / f"n{index}",
                name=f"n{index}",
                cluster=f'cluster {{ name: marque, listen: "{ports.LOOPBACK}:{port}", routes: [{routes}] }}\n',
            )
            for index, port in enumerate(self._route_ports)
        ]

    @property
    def urls(self) -> list[str]:
        """One `nats://` address per node, for a client's list of servers."""
        return [node.url for node in self.nodes]

    def start(self, deadline: float = 60.0) -> None:
        """Starts all nodes and waits until each is healthy (a meta leader is elected)."""
        try:
            for node in self.nodes:
                node.spawn()
            for node in self.nodes:
                node.wait_ready(deadline)
        except NatsFailed:
            self.stop()
            raise

    def kill(self, index: int) -> None:
        """kill -9 of one node; its port stays reserved for `restart`."""
        self.nodes[index].halt(signal.SIGKILL)

    def restart(self, index: int, deadline: float = 60.0) -> None:
        """Starts a killed node again with its files and waits until it has caught up."""
        self.nodes[index].start(deadline)

    def stop(self) -> None:
        """Ends every node and gives all ports back."""
        for node in self.nodes:
            node.stop()
        for port in self._route_ports:
            ports.release(port)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
