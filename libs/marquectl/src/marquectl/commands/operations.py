"""`marquectl dead-letters list|replay`, `republish`, `resend` and `health`: the services' operations RPCs."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import orjson
import typer
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

from marquectl.addresses import Addresses
from marquectl.app import app, run
from marquectl.contract import SERVICES, method
from marquectl.display import console
from marquectl.door import Caller, Door
from marquectl.errors import FAILED, CommandError, UsageError

OPERATOR = Caller(roles="ops")
STALLED = 60.0  # seconds without a new snapshot after which a republication is left to itself
dead_letters = typer.Typer(no_args_is_help=True, help="Events that a consumer could not apply.")
app.add_typer(dead_letters, name="dead-letters")

Service = Annotated[list[str] | None, typer.Option(help="A service; several times for several; all where left out.")]
Consumer = Annotated[str, typer.Option(help="Only those of this consumer.")]


def rpc(service: str, name: str) -> str:
    """The name of an operations RPC of a service."""
    return f"{service}.v1.{service.title()}OperationsService/{name}"


def chosen(services: list[str] | None) -> list[str]:
    """The services that were asked for, all where none was. Raises UsageError."""
    if stray := sorted(set(services or ()) - set(SERVICES)):
        raise UsageError(f"there is no service {', '.join(stray)} (known: {', '.join(SERVICES)})")
    return services or list(SERVICES)


@dead_letters.command("list")
def list_(service: Service = None, consumer: Consumer = "") -> None:
    """Lists what waits for an operator, oldest first."""
    run(_list(service, consumer))


async def _list(services: list[str] | None, consumer: str) -> None:
    waiting = 0
    async with Door(Addresses.find(), OPERATOR) as door:
        for service in chosen(services):
            name = rpc(service, "ListDeadLetters")
            async for letter in door.pages(name, "dead_letters", method(name).input(consumer=consumer)):
                waiting += 1
                told = (letter.create_time.ToJsonString(), letter.consumer, letter.event_type, letter.aggregate_key)
                print(service, letter.dead_letter_id, *told, letter.reason, sep="\t")
    console.print(f"{waiting} wait" if waiting else "nothing waits")


@dead_letters.command()
def replay(
    dead_letter: Annotated[list[str] | None, typer.Argument(help="Dead letters by id; with one --service.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    service: Service = None,
    consumer: Consumer = "",
) -> None:
    """Applies parked events again. Exit status 1 where some failed again."""
    ids = dead_letter or []
    if bool(ids) == everything or (ids and len(service or ()) != 1):
        raise typer.BadParameter("give either --all, or ids together with their --service")
    run(_replay(service, ids, consumer))


async def _replay(services: list[str] | None, ids: list[str], consumer: str) -> int:
    applied, failed = 0, []
    async with Door(Addresses.find(), OPERATOR) as door:
        for service in chosen(services):
            async for result in _replayed(door, service, ids, consumer):
                applied += result.applied
                if not result.applied:
                    failed.append(f"{service}\t{result.dead_letter_id}\t{result.reason}")
    print(f"{applied} applied, {len(failed)} failed again", *failed, sep="\n")
    return FAILED if failed else 0


async def _replayed(door: Door, service: str, ids: list[str], consumer: str) -> Any:
    """Asks again while a call still applies something: one that fails anew keeps waiting, and would be asked for ever."""
    name, all_of = rpc(service, "ReplayDeadLetters"), not ids
    last: dict[str, Any] = {}
    while True:
        request = method(name).input(
            dead_letter_ids=ids, all=all_of, consumer=consumer if all_of else "", request_id=str(uuid.uuid4())
        )
        answer = await door.call(name, request, timeout=120.0)
        for result in answer.results:
            if result.applied:
                yield result
            last[result.dead_letter_id] = result
        if not all_of or not answer.waiting or not any(result.applied for result in answer.results):
            break
    for result in last.values():
        if not result.applied:
            yield result


@app.command()
def republish(
    service: Annotated[str, typer.Argument(help="The service whose state is said again.")],
    aggregate: Annotated[str, typer.Option(help="Only this aggregate, for example customer.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until it is done.")] = True,
) -> None:
    """Lets a service say its state again as snapshot events, for consumers that rebuild; exit status 1 where it stalls."""
    run(_republish(service, aggregate, wait))


async def _republish(service: str, aggregate: str, wait: bool) -> int:
    chosen([service])
    name, asking = rpc(service, "Republish"), rpc(service, "GetRepublish")
    async with Door(Addresses.find(), OPERATOR) as door:
        found = await door.call(name, method(name).input(aggregate=aggregate, request_id=str(uuid.uuid4())))
        said, moved = found.snapshots, time.monotonic()
        while wait and not found.HasField("end_time") and time.monotonic() - moved < STALLED:
            await asyncio.sleep(0.5)
            found = await door.call(asking, method(asking).input(republish_id=found.republish_id))
            if found.snapshots != said:
                said, moved = found.snapshots, time.monotonic()
    state = "done" if found.HasField("end_time") else "under way"
    print(f"{found.republish_id}: {state}, {found.snapshots} snapshots of {', '.join(found.aggregates)}")
    return FAILED if wait and not found.HasField("end_time") else 0


@app.command()
def resend(
    since: Annotated[datetime, typer.Option(help="The moment (UTC) of the state that the broker was restored from.")],
    service: Service = None,
) -> None:
    """Sends events to the broker again that it had acknowledged and lost: after a restore of its store, or an empty start."""
    run(_resend(since.replace(tzinfo=UTC), service))


async def _resend(since: datetime, services: list[str] | None) -> int:
    async with Door(Addresses.find(), OPERATOR) as door:
        for service in chosen(services):
            name = rpc(service, "ResendEvents")
            request, events, more = method(name).input(), 0, True
            request.publish_start_time.FromDatetime(since)
            while more:
                request.request_id = str(uuid.uuid4())
                answer = await door.call(name, request, timeout=60.0)
                request.publish_end_time.CopyFrom(answer.publish_end_time)
                events, more = events + answer.events, answer.more
            print(f"{service}: {events} events are sent again")
    return 0


@app.command()
def health(as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False) -> None:
    """Asks the HTTP door and every service how they are. Exit status 1 where one is not well."""
    run(_health(as_json))


async def _health(as_json: bool) -> int:
    addresses = Addresses.find()
    http = await _http_door(addresses)
    async with Door(addresses, OPERATOR, attempts=1) as door:
        states = [await _state(door, service) for service in SERVICES]
    if as_json:
        print(*map(Part.as_json, [http, *states]), sep="\n")
    else:
        _show(addresses, http, states)
    return 0 if all(part.well for part in (http, *states)) else FAILED


class Part:
    """What a part of the platform said, or why it said nothing."""

    def __init__(self, name: str, state: Any = None, trouble: str = "") -> None:
        self.name = name
        self.state = state
        self.trouble = trouble

    @property
    def well(self) -> bool:
        """Whether it answers and reaches its broker."""
        return not self.trouble and (self.state is None or self.state.broker_reachable)

    def as_json(self) -> str:
        """One line of JSON."""
        state = MessageToDict(self.state, preserving_proto_field_name=True) if self.state is not None else {}
        return orjson.dumps({"name": self.name, "well": self.well, "trouble": self.trouble, **state}).decode()


async def _http_door(addresses: Addresses) -> Part:
    try:
        async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
            answer = await client.get(f"{addresses.http}/readyz")
    except httpx.HTTPError as error:
        return Part("gateway", trouble=f"does not answer ({type(error).__name__})")
    # A gateway that keeps its readiness on another port answers 404 here, and is there all the same.
    return Part("gateway", trouble=f"answers {answer.status_code}" if answer.is_server_error else "")


async def _state(door: Door, service: str) -> Part:
    name = rpc(service, "GetState")
    try:
        return Part(service, await door.call(name, method(name).input(), timeout=5.0))
    except CommandError as error:
        return Part(service, trouble=error.message.partition("\n")[0])


def _show(addresses: Addresses, http: Part, states: list[Part]) -> None:
    table = Table("service", "state", "outbox", "consumers behind", "dead letters", "overdue", "schema", box=None)
    for part in states:
        if part.state is None:
            continue
        state = part.state
        behind = sum(consumer.pending + consumer.unacknowledged for consumer in state.consumers)
        counts = (state.outbox.waiting, behind, state.dead_letters, sum(work.overdue for work in state.due_work))
        said = "well" if part.well else "does not reach its broker"
        table.add_row(part.name, said, *map(str, counts), state.schema_revision)
    print(f"gateway: {http.trouble or f'answers at {addresses.http}, gRPC at {addresses.grpc}'}")
    if table.row_count:
        Console(width=120).print(table)
    for part in states:
        if part.trouble:
            print(f"{part.name}: {part.trouble}")
