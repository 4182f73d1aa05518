"""What is printed when the platform is ready: where it is, how to get in, what to try."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from devstack.layout import Layout


def text(layout: Layout) -> str:
    """The banner, from the status file and what the sample data left in the state folder."""
    status = layout.status()
    addresses = status.get("addresses", {})
    rows: list[tuple[str, Any]] = []
    if addresses.get("http"):
        rows += [("HTTP door", addresses["http"]), ("API documents", f"{addresses['http']}/docs")]
    if addresses.get("traces"):
        rows.append(("traces", f"{addresses['traces']} (with {_marquectl()} token --role ops)"))
    if addresses.get("post"):
        rows.append(("post", f"{addresses['post']} (mails and text messages that were sent: to nobody)"))
    rows += [("gRPC door", addresses.get("grpc")), ("token issuer", addresses.get("issuer"))]
    rows += [("PostgreSQL", addresses.get("postgres")), ("NATS", addresses.get("nats")), ("logs", layout.logs)]
    people = layout.people()
    rows.append(("a token", f"{_marquectl()} token {next(iter(people), '--role oem.agent')}"))
    lines = [f"Marque is ready after {status.get('elapsed_seconds', '?')} s."]
    lines += [f"  {name:<14} {value}" for name, value in rows if value]
    if people:
        lines.append("Demo people:")
        lines += [f"  {key:<14} {' '.join(person.get('roles', []))}" for key, person in people.items()]
    try_file = layout.run / "try.txt"
    if try_file.exists():
        lines.append("Try:")
        lines += [f"  {line}" for line in try_file.read_text(encoding="utf-8").splitlines()[:4]]
    return "\n".join(lines)


def _marquectl() -> str:
    """The command as it can be typed here, whether or not its folder is on the path."""
    beside = Path(sys.executable).with_name("marquectl")
    try:
        return str(beside.relative_to(Path.cwd()))
    except ValueError:
        return str(beside)
