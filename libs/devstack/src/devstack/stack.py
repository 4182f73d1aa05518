"""The whole platform on one machine: PostgreSQL, NATS, the development issuer, every service, the gateway last."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from devstack import ports
from devstack.contract import DATABASE_OVERRIDE, GATEWAY, Addresses, clean_environment, discovered_services, has_module
from devstack.layout import Layout, PortBook
from devstack.nats import EmbeddedNats
from devstack.post import POST, SENDERS, PostOffice
from devstack.postgres import EmbeddedPostgres
from devstack.processes import Pause, ProcessSpec, Supervisor
from devstack.readiness import http_ready
from devstack.secretfiles import write_private
from devstack.traces import TRACES, TraceStore, built_page

USUAL_HTTP_PORT = 8080
USUAL_GRPC_PORT = 9090


class DevStack:
    """Wires the platform for one state folder (`layout.make()` before).

    `services`: names to run, default all that are installed. A service whose MARQUE_DATABASE_URL_<SERVICE> is in
    `environ` uses that database; PostgreSQL starts only for the rest. MARQUE_NATS_URL and MARQUE_ISSUER_URL replace
    the embedded ones likewise. `workers` names services of which another process runs the loops beside the serving
    one, as a second replica would. `postgres_settings` are added to the embedded PostgreSQL's, `pause` is the
    supervisor's. `traces` keeps what the doors were asked for in a store, for `/ops/traces`; `post` takes what is
    sent to people and keeps it. Raises ValueError outside development, PortTaken for a given door that is in use.
    """

    def __init__(
        self,
        layout: Layout,
        environ: Mapping[str, str],
        *,
        services: Iterable[str] | None = None,
        http_port: int | None = None,
        grpc_port: int | None = None,
        workers: Iterable[str] = (),
        postgres_settings: Mapping[str, str] | None = None,
        pause: Pause | None = None,
        traces: bool = False,
        post: bool = False,
    ) -> None:
        if environ.get("MARQUE_ENVIRONMENT", "development") != "development":
            raise ValueError(f"devstack is for development, but MARQUE_ENVIRONMENT is {environ['MARQUE_ENVIRONMENT']}")
        self.layout = layout
        self.services = list(services) if services is not None else discovered_services()
        for name in self.services:
            if not has_module(f"marque_{name}", "__main__"):
                raise ValueError(f"service {name} cannot be started: there is no module marque_{name}.__main__")
        self._environ = environ
        self._workers = tuple(workers)
        self._postgres_settings = postgres_settings
        self._book = PortBook(layout)
        self._traces = TraceStore(layout, self._book) if traces and TraceStore.installed() else None
        self._post = PostOffice(layout, self._book) if post and set(SENDERS) & set(self.services) else None
        self.postgres = self._make_postgres()
        self.nats = self._make_nats()
        self.issuer_port = None if environ.get("MARQUE_ISSUER_URL") else self._book.port("issuer")
        self.addresses = self._make_addresses(http_port, grpc_port)
        told = {} if pause is None else {"pause": pause}
        self.supervisor = Supervisor(self._specs(), layout.logs, layout.status_file, layout.warden_lock, **told)

    async def start(self) -> None:
        """Returns when every service is ready; raises StartFailed, with nothing left running, when one is not."""
        write_private(self.layout.operator_file, json.dumps(self.addresses.for_operator(), indent=1))
        try:
            await self.supervisor.start()
        except BaseException:
            self._book.release()
            raise

    async def stop(self) -> None:
        """Stops everything, the gateway first; gives the ports back."""
        await self.supervisor.stop()
        self._book.release()

    def describe(self) -> dict[str, Any]:
        """Addresses for people and for the status file (no secrets)."""
        return {
            "http": self.addresses.http_url,
            "grpc": self.addresses.grpc_address,
            "issuer": self.addresses.issuer_url,
            "traces": f"{self.addresses.http_url}/ops/traces" if self._traces and self.addresses.http_url else None,
            "post": self._post.url if self._post else None,
            "nats": self.addresses.nats_url if self.nats is not None else "given by MARQUE_NATS_URL",
            "postgres": f"{ports.LOOPBACK}:{self.postgres.port}"
            if self.postgres is not None
            else "given by MARQUE_DATABASE_URL_<SERVICE>",
        }

    def operator_environment(self) -> dict[str, str]:
        """The environment for `marquectl` against this stack."""
        told = {"MARQUE_STATE": str(self.layout.root), **self.addresses.for_operator()}
        return {**clean_environment(self._environ), **told}

    def _with_database(self) -> list[str]:
        return [name for name in self.services if name != GATEWAY]

    def _given_database(self, name: str) -> str | None:
        return self._environ.get(f"{DATABASE_OVERRIDE}{name.upper()}") or None

    def _make_postgres(self) -> EmbeddedPostgres | None:
        if all(self._given_database(name) for name in self._with_database()) and self._with_database():
            return None
        return EmbeddedPostgres(
            self.layout.postgres,
            self._book.port("postgres"),
            statistics=True,
            settings=self._postgres_settings,
            passwords=self.layout.postgres_passwords,
            log_file=self.layout.logs / "postgres.log",
        )

    def _make_nats(self) -> EmbeddedNats | None:
        if self._environ.get("MARQUE_NATS_URL"):
            return None
        return EmbeddedNats(self.layout.nats / "store", self._book.port("nats"), self._book.port("nats.monitor"))

    def _make_addresses(self, http_port: int | None, grpc_port: int | None) -> Addresses:
        grpc = {name: self._book.port(f"grpc.{name}") for name in self.services if name != GATEWAY}
        http = None
        if GATEWAY in self.services:
            http = self._book.door("http", http_port, USUAL_HTTP_PORT)
            grpc[GATEWAY] = self._book.door("grpc", grpc_port, USUAL_GRPC_PORT)
        return Addresses(
            nats_url=self.nats.url if self.nats is not None else self._environ["MARQUE_NATS_URL"],
            issuer_url=f"http://{ports.LOOPBACK}:{self.issuer_port}"
            if self.issuer_port
            else self._environ["MARQUE_ISSUER_URL"],
            databases={name: self._database(name) for name in self._with_database()},
            grpc_ports=grpc,
            health_ports={name: self._book.port(f"health.{name}") for name in self.services},
            http_port=http,
            secret_files={name: self.layout.client_secret_file(name) for name in (*self.services, "marquectl")},
            audit_keys=self.layout.audit_keys(),
            sealing_keys=self.layout.sealing_keys(),
            linking_folder=self.layout.root / "linking",
            otlp_url=self._traces.otlp_url if self._traces else None,
            traces_url=self._traces.url if self._traces else None,
            ops_ui=built_page(),
        )

    def _database(self, name: str) -> str:
        given = self._given_database(name)
        if given is not None:
            return given
        assert self.postgres is not None
        return self.postgres.dsn(name, name)

    def _specs(self) -> list[ProcessSpec]:
        specs = self._infrastructure()
        infrastructure = tuple(spec.name for spec in specs if spec.name not in (TRACES, POST))  # nobody waits for those
        for name in self._with_database():
            specs += self._service(name, infrastructure)
        if GATEWAY in self.services:
            specs.append(self._serve(GATEWAY, (*infrastructure, *self._with_database())))
        return specs

    def _infrastructure(self) -> list[ProcessSpec]:
        specs = []
        if (postgres := self.postgres) is not None:
            # Its command sets the death signal itself, after the switch of user.
            specs.append(
                ProcessSpec(
                    "postgres",
                    postgres.command,
                    ready=postgres.ready,
                    prepare=postgres.prepare,
                    stop_signal=signal.SIGINT,
                    death_signal=None,
                )
            )
        if (nats := self.nats) is not None:
            specs.append(ProcessSpec("nats", nats.command, ready=nats.ready, prepare=nats.prepare, death_signal=None))
        if self.issuer_port is not None:
            told = {
                "MARQUE_STATE": str(self.layout.root),
                "MARQUE_ISSUER_PORT": str(self.issuer_port),
                "MARQUE_ENVIRONMENT": "development",
            }
            specs.append(
                ProcessSpec(
                    "issuer",
                    [sys.executable, "-m", "devstack.issuer_app"],
                    env={**clean_environment(self._environ), **told},
                    ready=http_ready(self.issuer_port, "/.well-known/openid-configuration"),
                )
            )
        if self._traces is not None:
            specs.append(self._traces.spec(clean_environment(self._environ)))
        if self._post is not None:
            specs.append(self._post.spec(clean_environment(self._environ)))
        return specs

    def _service(self, name: str, infrastructure: tuple[str, ...]) -> list[ProcessSpec]:
        embedded = self.postgres if self._given_database(name) is None else None
        step = f"{name}.migrate"
        migrate = ProcessSpec(
            step,
            [sys.executable, "-m", f"marque_{name}", "migrate"],
            env=self._environment(name),
            depends_on=tuple(needed for needed in infrastructure if needed != "issuer"),
            prepare=(lambda: embedded.create_role_and_database(name)) if embedded is not None else None,
            one_shot=True,
            start_deadline=180,
        )
        needs = (*infrastructure, step)
        return [migrate, self._serve(name, needs), *([self._work(name, needs)] if name in self._workers else [])]

    def _work(self, name: str, depends_on: tuple[str, ...]) -> ProcessSpec:
        port = self._book.port(f"health.{name}.work")
        return ProcessSpec(
            f"{name}.work",
            [sys.executable, "-m", f"marque_{name}", "work"],
            env={**self._environment(name), "MARQUE_HEALTH_PORT": str(port)},
            ready=http_ready(port),
            depends_on=depends_on,
            start_deadline=120,
        )

    def _serve(self, name: str, depends_on: tuple[str, ...]) -> ProcessSpec:
        return ProcessSpec(
            name,
            [sys.executable, "-m", f"marque_{name}", "serve"],
            env=self._environment(name),
            ready=http_ready(self.addresses.health_ports[name]),
            depends_on=depends_on,
            start_deadline=120,
        )

    def _environment(self, name: str) -> dict[str, str]:
        folder = str(self.layout.root / "objects")  # files that people send
        told = {"PYTHONUNBUFFERED": "1", "MARQUE_OBJECTS_FOLDER": folder, **self.addresses.for_service(name)}
        if self._post is not None:
            told |= self._post.for_sender(name, self.addresses.http_url)
        return {**clean_environment(self._environ), **told}
