"""What a service is told by its environment: one page, the same for the embedded platform, a test and a chart."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack import ports
from devstack.issuer import AUDIENCE

GATEWAY = "gateway"
DOMAIN_SERVICES = ("network", "customer", "vehicle", "campaign", "complaint", "survey")
DATABASE_OVERRIDE = "MARQUE_DATABASE_URL_"


def has_module(package: str, module: str) -> bool:
    """Tells whether `package.module` could be imported; looks at files only and runs none of the package's code."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        if (Path(folder) / f"{module}.py").is_file() or (Path(folder) / module / "__init__.py").is_file():
            return True
    return False


def discovered_services() -> list[str]:
    """The services that are installed and can be started (`python -m marque_<name>`), the gateway last."""
    return [name for name in (*DOMAIN_SERVICES, GATEWAY) if has_module(f"marque_{name}", "__main__")]


@dataclass(frozen=True)
class Addresses:
    """Where everything listens. Ports by service name; URLs without a trailing slash."""

    nats_url: str
    issuer_url: str
    databases: Mapping[str, str]
    grpc_ports: Mapping[str, int]
    health_ports: Mapping[str, int]
    http_port: int | None = None
    secret_files: Mapping[str, Path] = field(default_factory=dict)
    audit_keys: Path | None = None
    sealing_keys: Path | None = None
    linking_folder: Path | None = None
    otlp_url: str | None = None
    traces_url: str | None = None
    ops_ui: Path | None = None

    def peers(self) -> str:
        """MARQUE_PEERS: JSON of domain service → host:port of its gRPC server."""
        domain = {name: port for name, port in self.grpc_ports.items() if name != GATEWAY}
        return json.dumps({name: f"{ports.LOOPBACK}:{port}" for name, port in domain.items()})

    def shared(self) -> dict[str, str]:
        """What every process of the platform is told."""
        return {
            "MARQUE_ENVIRONMENT": "development",
            "MARQUE_NATS_URL": self.nats_url,
            "MARQUE_ISSUER_URL": self.issuer_url,
            "MARQUE_AUDIENCE": AUDIENCE,
            "MARQUE_PEERS": self.peers(),
        }

    def for_service(self, name: str) -> dict[str, str]:
        """The contract of one service; the gateway has MARQUE_HTTP_PORT and no database."""
        told = {
            **self.shared(),
            "MARQUE_GRPC_PORT": str(self.grpc_ports[name]),
            "MARQUE_HEALTH_PORT": str(self.health_ports[name]),
            "MARQUE_CLIENT_ID": name,
            "MARQUE_CLIENT_SECRET_FILE": str(self.secret_files[name]),
        }
        if name in self.databases:
            told["MARQUE_DATABASE_URL"] = self.databases[name]
            if self.audit_keys is not None:
                told["MARQUE_AUDIT_KEYS"] = str(self.audit_keys)
            if self.sealing_keys is not None:
                told["MARQUE_SEALING_KEYS"] = str(self.sealing_keys)
            if name == "customer" and self.linking_folder is not None:
                told["MARQUE_LINKING_FOLDER"] = str(self.linking_folder)
        if name == GATEWAY and self.http_port is not None:
            told["MARQUE_HTTP_PORT"] = str(self.http_port)
        return {**told, **self._for_traces(name)}

    def _for_traces(self, name: str) -> dict[str, str]:
        """Traces begin at the doors, where all are recorded; what a service begins by itself (polls, sweeps) is not."""
        if self.otlp_url is None:
            return {}
        door = name == GATEWAY
        told = {"MARQUE_OTLP_ENDPOINT": self.otlp_url, "MARQUE_TRACE_SAMPLE_RATIO": "1" if door else "0"}
        if door and self.traces_url is not None:
            told["MARQUE_TRACES_URL"] = self.traces_url
        if door and self.ops_ui is not None:
            told["MARQUE_OPS_UI"] = str(self.ops_ui)
        return told

    def for_operator(self) -> dict[str, str]:
        """What `marquectl` is told: the doors, and the databases by service."""
        told = {
            **self.shared(),
            "MARQUE_CLIENT_ID": "marquectl",
            "MARQUE_CLIENT_SECRET_FILE": str(self.secret_files["marquectl"]),
        }
        told |= {f"{DATABASE_OVERRIDE}{name.upper()}": url for name, url in self.databases.items()}
        told |= {
            name: address
            for name, address in (("MARQUE_HTTP_URL", self.http_url), ("MARQUE_GRPC_ADDRESS", self.grpc_address))
            if address
        }
        return told

    @property
    def http_url(self) -> str | None:
        """The gateway's HTTP door, None without a gateway."""
        return f"http://{ports.LOOPBACK}:{self.http_port}" if self.http_port is not None else None

    @property
    def grpc_address(self) -> str | None:
        """The gateway's gRPC door, None without a gateway."""
        return f"{ports.LOOPBACK}:{self.grpc_ports[GATEWAY]}" if GATEWAY in self.grpc_ports else None


def clean_environment(environ: Mapping[str, str], names: Iterable[str] = ()) -> dict[str, str]:
    """The caller's environment without what the contract sets itself, so that no service sees another's database."""
    contract = {
        "MARQUE_DATABASE_URL", "MARQUE_GRPC_PORT", "MARQUE_HTTP_PORT", "MARQUE_HEALTH_PORT", "MARQUE_CLIENT_ID",
        "MARQUE_CLIENT_SECRET_FILE", "MARQUE_PEERS", *names,
    }  # fmt: skip
    return {
        name: value
        for name, value in environ.items()
        if name not in contract and not name.startswith(DATABASE_OVERRIDE)
    }
