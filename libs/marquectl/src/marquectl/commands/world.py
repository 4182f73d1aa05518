"""`marquectl sample`: the sample world."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from marquectl.addresses import Addresses
from marquectl.app import app, run
from marquectl.display import Display, console
from marquectl.door import Door
from marquectl.errors import UsageError
from marquectl.sample import make_sample, size_from


@app.command()
def sample(
    size: Annotated[
        int, typer.Option(min=0, help="How many customers; MARQUE_SAMPLE, else 2,000, where left out.")
    ] = 0,
    if_empty: Annotated[bool, typer.Option("--if-empty", help="Only where the platform holds no other data.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed gives another world.")] = 1,
) -> None:
    """Makes the sample world through the public doors. Repeats change nothing; a run that was killed is completed by the next."""
    run(_sample(size, if_empty, seed))


async def _sample(size: int, if_empty: bool, seed: int) -> None:
    addresses = Addresses.find()
    try:
        size = size or size_from(os.environ)
    except ValueError:
        raise UsageError("MARQUE_SAMPLE must be a number of customers, at least 1") from None
    async with Door(addresses) as door:
        with Display() as display:
            world = await make_sample(door, addresses, size=size, seed=seed, if_empty=if_empty, watch=display)
    if world is None:
        console.print("the platform holds data already; no sample was made")
        return
    print(", ".join(f"{len(rows)} {kind}" for kind, rows in world.rows.items()))
