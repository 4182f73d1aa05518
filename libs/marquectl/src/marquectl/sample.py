"""The sample step: whether it is needed, doing it, and telling the issuer and the banner of the demo people."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from marquectl.addresses import DEFAULT_STATE, Addresses
from marquectl.contract import method
from marquectl.door import Door
from marquectl.loading import Loader, Watch
from marquectl.world import World, make_world
from marquectl.world.personas import commands, people

DEFAULT_SIZE = 2_000


@dataclass(frozen=True)
class Note:
    """What stands in `<state>/run/sample.json`: which world was begun here, and whether all of it is in."""

    seed: int
    size: int
    finished: bool

    @classmethod
    def read(cls, run: Path) -> Note | None:
        """The note of a state folder; None where there is none or it cannot be read."""
        try:
            return cls(**json.loads((run / "sample.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, run: Path) -> None:
        """Replaces the note."""
        _replace(run / "sample.json", json.dumps(asdict(self)))


async def make_sample(
    door: Door, addresses: Addresses, *, size: int, seed: int, if_empty: bool, watch: Watch
) -> World | None:
    """Makes the sample world and writes people.json and try.txt; returns it, or None where `if_empty` finds other data.

    A world that was begun here and not finished is finished, with its own size and seed. Raises CommandError.
    """
    note = Note.read(addresses.run)
    if if_empty:
        if note is not None and not note.finished:
            seed, size = note.seed, note.size
        elif not await _is_empty(door):
            return None
    Note(seed, size, finished=False).write(addresses.run)
    world = make_world(seed, size)
    loader = Loader(door, world, watch, addresses.state / "post" / "mails")
    await loader.load()
    _tell(addresses, world, loader)
    Note(seed, size, finished=True).write(addresses.run)
    return world


async def _is_empty(door: Door) -> bool:
    for name, items in (
        ("customer.v1.CustomerService/ListCustomers", "customers"),
        ("network.v1.DealerService/ListDealers", "dealers"),
    ):
        if getattr(await door.call(name, method(name).input(page_size=1)), items):
            return False
    return True


def _tell(addresses: Addresses, world: World, loader: Loader) -> None:
    known = people(loader.dealer_ids, loader.customer_ids)
    _replace(addresses.run / "people.json", json.dumps(known, ensure_ascii=False, indent=1))
    vin = next((car.vehicle.vin for car in world.cars if car.transfer is None), "")
    lines = commands(
        _command("marquectl", addresses),
        _command("buf"),
        addresses.http,
        addresses.grpc,
        loader.customer_ids[world.customers[0].row.source_key],
        vin,
        loader.finished_campaign,
    )
    _replace(addresses.run / "try.txt", "\n".join(lines) + "\n")


def _command(name: str, addresses: Addresses | None = None) -> str:
    """How a program of this environment is called from the folder that we are in, with the state folder where it is not the usual one."""
    path = Path(sys.executable).parent / name
    try:
        shown = str(path.relative_to(Path.cwd()))
    except ValueError:
        shown = str(path)
    told = ""
    if addresses is not None and addresses.state != Path(DEFAULT_STATE).absolute():
        told = f"MARQUE_STATE={shlex.quote(str(addresses.state))} "
    return told + shlex.quote(shown)


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)


def size_from(environ: Any) -> int:
    """MARQUE_SAMPLE, else 2,000; raises ValueError where it is no number from 1."""
    size = int(environ.get("MARQUE_SAMPLE") or DEFAULT_SIZE)
    if size < 1:
        raise ValueError("must be at least 1")
    return size
