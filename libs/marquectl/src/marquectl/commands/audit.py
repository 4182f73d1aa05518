"""`marquectl audit verify`: whether the services' audit trails stand as they were written."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from marque.type.v1 import audit_pb2 as pb

from marquectl.addresses import Addresses
from marquectl.app import app, run
from marquectl.commands.operations import OPERATOR, Service, chosen, rpc
from marquectl.contract import method
from marquectl.door import Door
from marquectl.errors import FAILED, UsageError

audit = typer.Typer(no_args_is_help=True, help="The audit trails of the services.")
app.add_typer(audit, name="audit")

Known = dict[str, dict[str, Any]]  # service → segment, anchor as hex
_CALL_SECONDS = 180.0


@dataclass
class Trail:
    """What was found of one service's trail, over all calls that it took."""

    service: str
    segments: int = 0
    dropped: int = 0
    records: int = 0
    waiting: int = 0
    segment: int = 0
    anchor: bytes = b""
    faults: list[Any] = field(default_factory=list)
    more: bool = False

    @property
    def intact(self) -> bool:
        """Whether no fault was found."""
        return not self.faults

    def add(self, answer: Any) -> None:
        """Adds what a call found."""
        self.segments += answer.segments
        self.dropped += answer.dropped_segments
        self.records += answer.records
        self.waiting = answer.waiting_records
        if answer.last_segment:
            self.segment, self.anchor = answer.last_segment, answer.last_anchor
        self.faults += answer.faults
        self.more = self.more or answer.more_faults

    def lines(self) -> list[str]:
        """The report."""
        told = "intact" if self.intact else f"NOT INTACT, {len(self.faults)}{' and more' if self.more else ''} faults"
        counts = (
            f"{self.segments} segments ({self.dropped} dropped by age), {self.records} records, {self.waiting} waiting"
        )
        return [f"{self.service}: {told}: {counts}", *(f"  {_described(fault)}" for fault in self.faults)]


@audit.command()
def verify(
    service: Service = None,
    witness: Annotated[
        Path | None,
        typer.Option(
            help="A file, kept away from the platform's databases, that holds the newest anchors of the last verification: they must "
            "still be there. It is made at the first use, and renewed when all is intact."
        ),
    ] = None,
) -> None:
    """Looks for changed, missing and added records. Exit status 1 where a trail is not intact."""
    run(_verify(service, witness))


async def _verify(services: list[str] | None, witness: Path | None) -> int:
    known = _read(witness)
    async with Door(Addresses.find(), OPERATOR) as door:
        trails = [await verified(door, name, known.get(name)) for name in chosen(services)]
    for trail in trails:
        print(*trail.lines(), sep="\n")
    if not all(trail.intact for trail in trails):
        return FAILED
    if witness is not None:
        fresh = {
            trail.service: {"segment": trail.segment, "anchor": trail.anchor.hex()} for trail in trails if trail.segment
        }
        witness.write_text(json.dumps({**known, **fresh}, indent=1) + "\n", encoding="utf-8")
    return 0


async def verified(door: Door, service: str, known: dict[str, Any] | None) -> Trail:
    """Reads one service's trail to its end. Raises DoorError."""
    name, trail = rpc(service, "VerifyAuditTrail"), Trail(service)
    request = method(name).input()
    if known:
        request.known_segment, request.known_anchor = known["segment"], bytes.fromhex(known["anchor"])
    while True:
        answer = await door.call(name, request, timeout=_CALL_SECONDS)
        trail.add(answer)
        if not answer.next_segment:
            return trail
        request = method(name).input(first_segment=answer.next_segment)


def _described(fault: Any) -> str:
    kind = pb.AuditFaultKind.Name(fault.kind).removeprefix("AUDIT_FAULT_KIND_").lower().replace("_", " ")
    places = {"segment": fault.segment, "position": fault.position, "record": fault.audit_id}
    return ", ".join([kind, *(f"{name} {value}" for name, value in places.items() if value)])


def _read(witness: Path | None) -> Known:
    if witness is None or not witness.exists():
        return {}
    try:
        found: Known = json.loads(witness.read_text(encoding="utf-8"))
        for entry in found.values():
            int(entry["segment"]), bytes.fromhex(entry["anchor"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise UsageError(f"{witness} is not a file of anchors that this command wrote") from None
    return found
