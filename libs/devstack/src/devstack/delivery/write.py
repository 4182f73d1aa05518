"""Writes what the charts say of each service: thin charts, and the lists of the umbrella. Everything else in charts/ is by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from servicekit.messaging import accounts

from devstack.delivery.fleet import Member

VERSION = "0.1.0"
GRPC, HEALTH, HTTP, GATEWAY_GRPC = 9000, 9100, 8080, 9090
_PARTS = Path(__file__).parent / "parts"
_HEAD = "# Written by `make chart-files` from the services' code; edit there (libs/devstack/src/devstack/delivery).\n"


def files(fleet: Sequence[Member]) -> Mapping[str, str]:
    """Returns path below charts/ → text of every file that is written and not edited."""
    found = {f"{member.name}/{name}": text for member in fleet for name, text in _thin(member, fleet).items()}
    return found | _umbrella(fleet)


def _thin(member: Member, fleet: Sequence[Member]) -> dict[str, str]:
    body = '{{ include "marque-service.all" . }}\n'
    if member.is_gateway:
        body += '{{ include "marque-service.routes" . }}\n'
    return {
        "Chart.yaml": _HEAD + _chart(f"marque-{member.name}", f"The {member.name} service of Marque", ["service"]),
        "values.yaml": _HEAD + _values(member, fleet),
        "values.schema.json": _schema(member.name),
        "templates/service.yaml": body,
    }


def _chart(name: str, description: str, needs: Sequence[str]) -> str:
    lines = [
        "apiVersion: v2",
        f"name: {name}",
        f"description: {description}",
        "type: application",
        f"version: {VERSION}",
        f'appVersion: "{VERSION}"',
        'kubeVersion: ">=1.33.0-0"',
        "dependencies:",
    ]
    for need in needs:
        lines += [
            f"  - name: marque-{need}",
            f'    version: "{VERSION}"',
            f'    repository: "file://../{need}"',
        ]
        if need != "service":
            lines += [f"    alias: {need}", f"    condition: global.enabled.{need}"]
    return "\n".join(lines) + "\n"


def _values(member: Member, fleet: Sequence[Member]) -> str:
    ports = {"grpc": GATEWAY_GRPC, "http": HTTP} if member.is_gateway else {"grpc": GRPC}
    ports |= {"peers": GRPC, "health": HEALTH}
    head = [
        f"service: {member.name}",
        f'schemaRevision: "{member.revision}" # the newest migration in the image; empty: it has no database',
        f"calls: [{', '.join(member.calls)}]",
        f"callers: [{', '.join(member.callers)}]",
        "ports: {" + ", ".join(f"{name}: {port}" for name, port in ports.items()) + "}",
    ]
    body = _part("service.yaml").replace("@WORK@", "" if member.is_gateway else _part("work.yaml"))
    if member.is_gateway:
        body += _part("routes.yaml")
    return "\n".join(head) + "\n" + body + globals_text(fleet)


def globals_text(fleet: Sequence[Member]) -> str:
    """Returns the values that all charts share, with their comments."""
    return _part("global.yaml").replace("@ENABLED@", ", ".join(f"{member.name}: true" for member in fleet))


def _schema(service: str) -> str:
    text = _part("service.schema.json").replace("@SERVICE@", service).replace("@GLOBAL@", _part("global.schema.json"))
    return json.dumps(json.loads(text), indent=2) + "\n"


def _umbrella(fleet: Sequence[Member]) -> dict[str, str]:
    names = [member.name for member in fleet]
    schema = json.loads(_part("marque.schema.json").replace("@GLOBAL@", _part("global.schema.json")))
    schema["properties"] |= {name: {"type": "object"} for name in names}
    return {
        "marque/Chart.yaml": _HEAD + _chart("marque", "Marque, the customer-relationship platform", names),
        "marque/values.yaml": _HEAD + globals_text(fleet) + _part("marque.yaml"),
        "marque/values.schema.json": json.dumps(schema, indent=2) + "\n",
        "marque/files/broker.json": json.dumps(broker_users(fleet), indent=1) + "\n",
    }


def broker_users(fleet: Sequence[Member]) -> dict[str, Any]:
    """Returns what each user of the broker may do, as nats-server's `permissions`."""
    domain = [member.name for member in fleet if not member.is_gateway]
    found: dict[str, Any] = {"migrate": accounts.of_migration()}
    for member in fleet:
        heard = [(one.source, one.consumer) for one in member.hears]
        found[member.name] = (
            accounts.of_gateway(domain) if member.is_gateway else accounts.of_service(member.name, heard)
        )
    return found


def _part(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")
