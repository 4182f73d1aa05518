"""`marquectl duplicates start|show`: finding people who are held twice, among all customers."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict

from marquectl.addresses import Addresses
from marquectl.app import app, run
from marquectl.contract import method
from marquectl.display import console
from marquectl.door import Caller, Door
from marquectl.errors import FAILED

_SERVICE = "customer.v1.DuplicateRunService"
_WAITING, _RUNNING, _DONE = 1, 2, 3
_EVERY = 1.0  # seconds between looks at a run
_ASKER = Caller(roles="oem.admin")
duplicates = typer.Typer(no_args_is_help=True, help="Customers who are held twice.")
app.add_typer(duplicates, name="duplicates")


@duplicates.command()
def start(wait: Annotated[bool, typer.Option("--wait", help="Wait until the run has ended.")] = False) -> None:
    """Starts a run over all customers, or tells of the one that is under way. Sure pairs are merged, doubtful ones queued.

    Exit status: 0, and with --wait 1 where the run failed.
    """
    run(_start(wait))


@duplicates.command()
def show(run_id: Annotated[str, typer.Argument(help="The id that `start` printed.")]) -> None:
    """Tells how far a run has come."""
    run(_show(run_id))


async def _start(wait: bool) -> int:
    async with Door(Addresses.find(), _ASKER) as door:
        found = await _ask(door, "FindDuplicates")
        while wait and found.state in (_WAITING, _RUNNING):
            await asyncio.sleep(_EVERY)
            found = await _ask(door, "GetDuplicateRun", run_id=found.run_id)
    _print(found)
    return FAILED if wait and found.state != _DONE else 0


async def _show(run_id: str) -> None:
    async with Door(Addresses.find(), _ASKER) as door:
        _print(await _ask(door, "GetDuplicateRun", run_id=run_id))


async def _ask(door: Door, name: str, **fields: Any) -> Any:
    path = f"{_SERVICE}/{name}"
    return await door.call(path, method(path).input(**fields))


def _print(found: Any) -> None:
    for name, value in MessageToDict(found, preserving_proto_field_name=True).items():
        console.print(f"{name}: {value}", highlight=False)
