"""The commands and how they end: one place that turns errors into words and exit statuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any

import typer

from marquectl.addresses import Addresses
from marquectl.contract import method
from marquectl.display import console
from marquectl.door import Caller, Door
from marquectl.errors import INTERRUPTED, CommandError, UsageError

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The command of operators and dealer systems. It finds a platform started by `make up` by itself; elsewhere give "
    "MARQUE_GRPC_ADDRESS, MARQUE_HTTP_URL, and MARQUE_ISSUER_URL or MARQUE_TOKEN.",
)


def run(work: Coroutine[Any, Any, int | None]) -> None:
    """Runs a command to its end and leaves with its status: 0, or what it returns or raises."""
    try:
        status = asyncio.run(work)
    except CommandError as error:
        console.print(f"marquectl: {error.message}", markup=False, style="red")
        raise typer.Exit(error.status) from None
    except KeyboardInterrupt:
        console.print("marquectl: interrupted", markup=False)
        raise typer.Exit(INTERRUPTED) from None
    raise typer.Exit(status or 0)


def caller_of(role: str, dealers: list[str], region: str = "", customer: str = "", sub: str = "") -> Caller:
    """A caller by the options of a command; dealers still as typed."""
    if not role:
        raise UsageError("say who calls: --role, for example --role oem.agent, or a persona")
    return Caller(roles=role, dealers=" ".join(dealers), region=region, customer=customer, sub=sub)


async def resolved(door: Door, caller: Caller) -> Caller:
    """The caller with dealer codes replaced by ids, as tokens carry them. Raises UsageError for an unknown code."""
    known = []
    for dealer in caller.dealers.split():
        known.append(dealer if _UUID.fullmatch(dealer) else await dealer_id(door, dealer))
    return Caller(**{**vars(caller), "dealers": " ".join(known)})


async def dealer_id(door: Door, code: str) -> str:
    """The id of a dealer by its code. Raises UsageError where there is none."""
    name = "network.v1.DealerService/ListDealers"
    answer = await door.call(name, method(name).input(code=code.upper(), page_size=1))
    if not answer.dealers:
        raise UsageError(f"there is no dealer with the code {code}")
    return str(answer.dealers[0].dealer_id)


async def door_for(addresses: Addresses, caller: Caller) -> Door:
    """The door as this caller sees it. With MARQUE_TOKEN that token speaks, whatever the options say."""
    door = Door(addresses)
    if not caller.dealers or addresses.token:
        return door.acting_as(caller)
    try:
        return door.acting_as(await resolved(door, caller))
    except BaseException:
        await door.__aexit__()
        raise
