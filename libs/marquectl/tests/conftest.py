"""What tests of the command share: a door to the services of a test platform, and files of rows."""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from devstack.ports import free_port
from devstack.post_app import Inbox, Shelf
from marquectl.addresses import Addresses
from marquectl.door import Door
from servicekit.testing.platform import Platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def services(platform: Platform) -> Platform:
    """The platform with network and customer inside this process."""
    for name in ("network", "customer"):
        await platform.start(name)
    return platform


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def all_services(services: Platform) -> AsyncIterator[Platform]:
    """The same with all others and the gateway, and a post office."""
    await services.start("vehicle")
    await services.start("complaint")
    await services.start("survey")
    # Campaigns: mails go to the post office of `make run`, links lead through the gateway.
    inbox = Controller(Inbox(Shelf(services.folder / "post")), hostname="127.0.0.1", port=free_port())
    inbox.start()
    doors = free_port()
    told = {"smtp_host": "127.0.0.1", "smtp_port": inbox.port, "public_url": f"http://127.0.0.1:{doors}"}
    await services.start("campaign", **told)
    await services.open_gateway(http_port=doors)
    yield services
    inbox.stop()


@pytest.fixture
def addresses(platform: Platform, tmp_path: Path) -> Addresses:
    """Addresses of the test platform, with a state folder of its own, in which the platform's post lies."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "post").symlink_to(platform.folder / "post")
    return Addresses(issuer=platform.issuer.url, state=state)


@pytest_asyncio.fixture(loop_scope="session")
async def door(services: Platform, addresses: Addresses) -> AsyncIterator[Door]:
    """A door that goes straight to the services; the gateway has tests of its own."""
    async with Door(addresses, peers=services.peers) as opened:
        yield opened


@pytest.fixture
def customers_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file of customers: `customers_csv(first, last)`, keys prefixed with `prefix`."""

    def write(first: int, last: int, *, prefix: str = "K", encoding: str = "utf-8", name: str = "people.csv") -> Path:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["source_key", "full_name", "country_code"])
        writer.writerows([f"{prefix}-{number}", f"王伟{number}", "CN"] for number in range(first, last))
        path = tmp_path / name
        path.write_bytes(text.getvalue().encode(encoding))
        return path

    return write


@pytest.fixture
def command(platform: Platform, tmp_path: Path) -> Callable[[str], tuple[list[str], dict[str, str]]]:
    """The command line and environment of `marquectl` against one service, which stands in for the door."""

    def made(service: str) -> tuple[list[str], dict[str, str]]:
        told = {
            "MARQUE_STATE": str(tmp_path / "state"),
            "MARQUE_GRPC_ADDRESS": platform.peers[service],
            "MARQUE_ISSUER_URL": platform.issuer.url,
        }
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MARQUE_")}
        return [sys.executable, "-m", "marquectl"], {**clean, **told}

    return made
