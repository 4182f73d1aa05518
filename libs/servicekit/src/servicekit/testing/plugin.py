"""pytest plugin: one PostgreSQL per worker, a NATS per test platform, an issuer per worker. All real, all on loopback, all stopped."""

from __future__ import annotations

import asyncio
import gc
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from devstack.postgres import EmbeddedPostgres

    from servicekit.testing.issuer import IssuerServer
    from servicekit.testing.platform import Platform

HEAVY_UNTIL = 0.7  # the part of a run's files by which the last platform test has begun
# An event leaves with its commit; only what was written past the service waits so long for the next look, and nobody else pays for more.
OUTBOX_SECONDS = 0.5
WHILE_COLLECTING = (100_000, 5, 5)
_THRESHOLDS = gc.get_threshold()
_SPARE: list[asyncio.AbstractEventLoop] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--soak`: the long size of proofs that have one."""
    parser.addoption("--soak", action="store_true", help="run the proofs that have a long size in it (hours)")


def pytest_configure() -> None:
    """Takes the time out of hypothesis: on a machine that is shared a draw may wait for seconds, and says nothing of the code.

    The rest is the profile that hypothesis chose, which in CI draws the same examples every time.
    Until the tests are collected, hardly anything is garbage, and the collector looks seldom.
    """
    from hypothesis import HealthCheck, settings

    settings.register_profile("marque", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("marque")
    gc.set_threshold(*WHILE_COLLECTING)


@pytest.fixture(scope="session")
def soaking(request: pytest.FixtureRequest) -> bool:
    """Whether proofs run in their long size (`make soak`); tests marked `soak` take their numbers by it."""
    return bool(request.config.getoption("--soak"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mixes files that wait (whole platforms, killed and stopped) with files that compute, so that workers share the processor.

    Both kinds are spread over the run, the slow of each first and the small files to its very end: a worker that begins the
    longest one last would leave the others idle.
    """
    files = list(dict.fromkeys(item.path for item in items))
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    files.sort(key=lambda path: path not in slow)
    waiting, computing = ([path for path in files if folder in path.parts] for folder in ("e2e", "contract"))
    small = [path for path in files if path not in {*waiting, *computing}]
    place: dict[Path, float] = {}
    for share, found in ((HEAVY_UNTIL, waiting), (HEAVY_UNTIL, computing), (1.0, small)):
        place |= {path: number / len(found) * share for number, path in enumerate(found)}
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """Takes what was collected, which lives to the end, out of the collector's way: it would be walked again and again."""
    gc.set_threshold(*_THRESHOLDS)
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Gives the main thread an event loop again where a test (or the command it tried) ran `asyncio.run`, which leaves none.

    Without one, the session's loop cannot be entered any more and every later asynchronous test of the worker fails.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            asyncio.get_event_loop_policy().get_event_loop()
    except RuntimeError:
        if not _SPARE:
            _SPARE.append(asyncio.new_event_loop())
        asyncio.set_event_loop(_SPARE[0])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Closes the spare loop."""
    for loop in _SPARE:
        loop.close()


SERVICES = ("network", "customer", "vehicle", "campaign", "complaint", "survey", "gateway", "test", "marquectl")


@pytest.fixture(scope="session")
def marque_data() -> Path:
    """The folder of real data (MARQUE_DATA, default ../shared/data beside the project); skips where it is absent."""
    default = Path(__file__).resolve().parents[6] / "shared" / "data"
    folder = Path(os.environ.get("MARQUE_DATA", default))
    if not folder.is_dir():
        pytest.skip("the real data of MARQUE_DATA is not on this machine")
    return folder


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL of this worker, fast rather than durable."""
    from devstack.postgres import EmbeddedPostgres

    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "data", durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def issuer_server() -> Iterator[IssuerServer]:
    """An issuer of this worker that knows every service."""
    from servicekit.testing.issuer import IssuerServer
    from servicekit.testing.platform import SECRET

    server = IssuerServer(dict.fromkeys(SERVICES, SECRET))
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def platform(
    postgres_server: EmbeddedPostgres, issuer_server: IssuerServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """A platform of this test module: fresh databases and streams; tests start the services they need."""
    from devstack.nats import EmbeddedNats

    from servicekit.messaging import relay
    from servicekit.testing.platform import Platform

    relay.POLL_SECONDS = OUTBOX_SECONDS
    folder = tmp_path_factory.mktemp("platform")
    with EmbeddedNats(folder / "nats") as nats:
        made = Platform(postgres_server, nats, issuer_server, folder)
        yield made
        await made.close()
