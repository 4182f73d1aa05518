"""`marquectl token`: a token of the development issuer, for `TOKEN=$(marquectl token …)`."""

from __future__ import annotations

from typing import Annotated

import typer

from marquectl.addresses import Addresses
from marquectl.app import app, caller_of, resolved, run
from marquectl.door import Caller, Door
from marquectl.errors import UsageError


@app.command()
def token(
    persona: Annotated[str, typer.Argument(help="A demo person of the sample world, instead of the options.")] = "",
    role: Annotated[
        list[str] | None, typer.Option(help="A role, for example oem.agent; several times for several.")
    ] = None,
    dealer: Annotated[list[str] | None, typer.Option(help="A dealer by code or id; several times for several.")] = None,
    customer: Annotated[str, typer.Option(help="For the role owner: the customer by id.")] = "",
    region: Annotated[str, typer.Option(help="For the role oem.region: the region by code.")] = "",
    sub: Annotated[str, typer.Option(help="The subject; a development one where left out.")] = "",
    persona_option: Annotated[str, typer.Option("--persona", help="The same as the argument.")] = "",
) -> None:
    """Prints a token of the development issuer, valid for one hour."""
    run(_token(persona or persona_option, role or [], dealer or [], customer, region, sub))


async def _token(persona: str, roles: list[str], dealers: list[str], customer: str, region: str, sub: str) -> None:
    if persona and (roles or dealers or customer or region or sub):
        raise UsageError("give either a persona or --role with its scope")
    async with Door(Addresses.find()) as door:
        if persona:
            caller = Caller(persona=persona)
        else:
            caller = await resolved(door, caller_of(" ".join(roles), dealers, region, customer, sub))
        assert door.tokens is not None
        print(await door.tokens.get(caller.claims()))
