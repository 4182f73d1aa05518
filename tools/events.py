"""Writes docs/events.md from the contracts: every event, what it tells, who hears it. `--check` fails when the page is not up to date."""

from __future__ import annotations

import importlib
import sys
from importlib import resources
from pathlib import Path

from google.protobuf import descriptor_pb2
from servicekit import contract
from servicekit.service import make_kit
from servicekit.settings import ServiceSettings

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "events.md"
SERVICES = sorted({path.parts[-4] for path in ROOT.glob("services/*/src/marque_*/subscribers*")})
_MESSAGE, _FIELD = 4, 2  # field numbers in descriptor.proto: a file's messages, a message's fields
HEAD = """# Events

Made from the contracts by `make proto`; do not edit. An event's name is the protobuf message, the CloudEvents type and the NATS
subject. Events notify: they carry ids and facts, never names, addresses, phones or free text. Snapshots are published by
`marquectl republish` only; triggers do not hear them.
"""


def comments() -> dict[str, str]:
    """Returns the comments of messages and their fields by full name."""
    files = descriptor_pb2.FileDescriptorSet.FromString((resources.files("marque") / "image.binpb").read_bytes())
    found: dict[str, str] = {}
    for file in files.file:
        for location in file.source_code_info.location:
            path, text = location.path, " ".join(location.leading_comments.split())
            if len(path) == 2 and path[0] == _MESSAGE:
                found[f"{file.package}.{file.message_type[path[1]].name}"] = text
            elif len(path) == 4 and path[0] == _MESSAGE and path[2] == _FIELD:
                message = file.message_type[path[1]]
                found[f"{file.package}.{message.name}.{message.field[path[3]].name}"] = text
    return found


def listeners() -> dict[str, dict[str, None]]:
    """Returns the services that hear each event type, in order, from their own wiring."""
    found: dict[str, dict[str, None]] = {}
    for name in SERVICES:
        service = importlib.import_module(f"marque_{name}.service").build(
            make_kit(ServiceSettings(database_url="postgresql://u:p@h/d"), name)
        )
        for subscription in service.subscriptions:
            for event in subscription.types:
                found.setdefault(event, {})[name] = None
    return found


def page() -> str:
    """Returns the page."""
    texts, heard = comments(), listeners()
    lines = [HEAD]
    by_owner: dict[str, list[contract.EventType]] = {}
    for event in contract.events():
        by_owner.setdefault(event.owner, []).append(event)
    for owner, events in sorted(by_owner.items()):
        lines.append(f"## {owner}: stream MARQUE_{owner.upper()}\n")
        for event in events:
            hearing = ", ".join(heard.get(event.name, ())) or "nobody yet"
            lines.append(f"### {event.name}\n\n{texts.get(event.name, '')} Key: `{event.key}`. Heard by: {hearing}.\n")
            lines.append("| field | |\n|---|---|")
            fields = event.message.DESCRIPTOR.fields
            lines.extend(f"| `{field.name}` | {texts.get(f'{event.name}.{field.name}', '')} |" for field in fields)
            lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Writes the page, or checks it."""
    text = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != text:
            raise SystemExit("docs/events.md is not up to date: run `make proto`")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
