"""Signing keys and clocks at every door: keys rotate under load, are taken back, their issuer hangs; clocks differ."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from devstack.issuer import AUDIENCE, mint
from devstack.keyring import KeyRing
from devstack.nats import EmbeddedNats
from devstack.postgres import EmbeddedPostgres
from marque.network.v1.dealer_service_pb2 import ListDealersRequest
from servicekit import contract
from servicekit.rpc import tokens
from servicekit.rpc.tokens import LEEWAY_SECONDS
from servicekit.service import Kit, Running, Service
from servicekit.testing import web
from servicekit.testing.issuer import Hanging, IssuerServer
from servicekit.testing.platform import SECRET, Platform, build_of, until

LIST = contract.methods("marque.network.v1.DealerService")["ListDealers"]
NAMES = ("network", "gateway", "test")
NEAR, FAR = (
    LEEWAY_SECONDS - 10,
    LEEWAY_SECONDS + 10,
)  # seconds within and beyond the leeway, whatever a slow machine takes


@dataclass
class Doors:
    """A service and both doors of the gateway, with an issuer of their own."""

    platform: Platform
    http: httpx.AsyncClient
    channels: dict[str, grpc.aio.Channel]

    @property
    def issuer(self) -> IssuerServer:
        return self.platform.issuer

    def token(self, **claims: Any) -> str:
        """A token of the present key: good, but for what is said; None takes a claim away."""
        now = int(time.time())
        found = {"iss": self.issuer.url, "aud": AUDIENCE, "sub": "keys", "iat": now, "nbf": now, "exp": now + 600}
        found |= {"roles": ["oem.manager"], **claims}
        return mint(self.issuer.issuer.keys.current, {name: one for name, one in found.items() if one is not None})

    async def ask(self, way: str, token: str) -> str:
        """Asks one question at a door: `OK`, or why not."""
        if way == "http":
            answer = await self.http.get("/v1/dealers?pageSize=1", headers={"authorization": f"Bearer {token}"})
            return "OK" if answer.status_code == 200 else f"{answer.status_code} {answer.json().get('reason')}"
        call = self.channels[way].unary_unary(LIST.path)
        data = ListDealersRequest(page_size=1).SerializeToString()
        try:
            await call(data, metadata=(("authorization", f"Bearer {token}"),), timeout=15)
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()}"
        return "OK"

    async def everywhere(self, token: str) -> dict[str, bool]:
        """Which doors a token opens."""
        return {way: await self.ask(way, token) == "OK" for way in ("http", *self.channels)}


OPEN = dict.fromkeys(("http", "door", "service"), True)
SHUT = dict.fromkeys(OPEN, False)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    issuer, folder = IssuerServer(dict.fromkeys(NAMES, SECRET)), tmp_path_factory.mktemp("keys")
    with EmbeddedNats(folder / "nats") as nats:
        platform = Platform(postgres_server, nats, issuer, folder)
        await platform.start("network", trace_sample_ratio=0.0)
        await platform.open_gateway(trace_sample_ratio=0.0, principal_rate=10**7, address_rate=10**7)
        channels = {
            "door": grpc.aio.insecure_channel(platform.peers["gateway"]),
            "service": grpc.aio.insecure_channel(platform.peers["network"]),
        }
        async with web.client(platform.http_url, timeout=15) as http:
            yield Doors(platform, http, channels)
        for channel in channels.values():
            await channel.close()
        await platform.close()
    issuer.stop()


class TestRotation:
    async def test_no_valid_token_is_refused_while_keys_rotate_under_load(self, doors: Doors) -> None:
        stopping, wrong = asyncio.Event(), []
        old = doors.token(sub="the same all the time")

        async def load(way: str, number: int) -> None:
            for turn in itertools.count():
                text = old if turn % 3 == 0 else doors.token(sub=f"{way}-{number}-{turn}")
                answer = await doors.ask(way, text)
                turns[way] += 1
                if answer != "OK":
                    wrong.append(f"{way}: {answer}")
                if stopping.is_set():
                    return

        turns = Counter[str]()
        working = [asyncio.create_task(load(way, number)) for way in OPEN for number in range(3)]
        for _ in range(5):
            await asyncio.sleep(0.7)  # oftener than verifiers may ask the issuer
            doors.issuer.issuer.keys.rotate()

        async def enough() -> bool:
            return len(turns) == len(OPEN) and min(turns.values()) > 20

        await until(enough, 60, "hardly anybody asked")
        stopping.set()
        await asyncio.gather(*working)

        assert wrong == []

    async def test_a_key_that_was_taken_back_opens_nothing_as_soon_as_a_new_one_was_seen(self, doors: Doors) -> None:
        doors.issuer.issuer.keys = KeyRing(keep_for=0)
        old = doors.token()
        assert await doors.everywhere(old) == OPEN
        doors.issuer.issuer.keys.rotate()
        assert await doors.everywhere(doors.token()) == OPEN

        assert await doors.everywhere(old) == SHUT

    async def test_a_key_that_was_taken_back_opens_nothing_once_keys_are_old(
        self, doors: Doors, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        doors.issuer.issuer.keys = KeyRing(keep_for=0)
        old = doors.token()
        assert await doors.everywhere(old) == OPEN
        doors.issuer.issuer.keys.rotate()
        monkeypatch.setattr(tokens, "KEYS_MAX_AGE", 0.5)

        async def shut() -> bool:
            return await doors.everywhere(old) == SHUT

        await until(shut, 30, "a key that was taken back opens doors")


class TestIssuerAway:
    async def test_an_issuer_that_hangs_delays_no_call(self, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
        known = [doors.token(sub=f"person {number}") for number in range(40)]
        assert await doors.everywhere(known[0]) == OPEN
        port, hanging = int(doors.issuer.url.rpartition(":")[2]), Hanging()
        doors.issuer.close_port()
        await hanging.start(port)
        monkeypatch.setattr(
            tokens, "KEYS_MAX_AGE", 0.0
        )  # all keys are old: every call finds that they should be read again
        monkeypatch.setattr(tokens, "_ANSWER_SECONDS", 60.0)

        async def asked_for() -> int:
            return hanging.asked

        try:
            asked = (doors.ask(way, text) for text in known for way in OPEN)
            answers = await asyncio.wait_for(asyncio.gather(*asked), 40)  # one that waited would take 60 s
            await until(asked_for, 10, "nobody asked the issuer")  # it was asked, and hangs
        finally:
            await hanging.stop()
            doors.issuer.open_port()

        assert set(answers) == {"OK"}


class TestTime:
    @pytest.mark.parametrize(
        ("claims", "opens"),
        [
            (lambda now: {"exp": now - NEAR}, True),
            (lambda now: {"exp": now - FAR}, False),
            (lambda now: {"nbf": now + NEAR}, True),
            (lambda now: {"nbf": now + FAR}, False),
            (lambda now: {"iat": now + 3600}, True),  # says when, and decides nothing
            (lambda now: {"iat": None, "nbf": None}, True),
            (lambda now: {"exp": None}, False),
        ],
        ids=["just over", "over", "nearly", "not yet", "issued later", "without a beginning", "without an end"],
    )
    async def test_a_token_counts_within_its_time_and_half_a_minute(
        self, doors: Doors, claims: Callable[[int], dict[str, Any]], opens: bool
    ) -> None:
        text = doors.token(**claims(int(time.time())))

        assert await doors.everywhere(text) == (OPEN if opens else SHUT)

    async def test_who_comes_too_late_is_told_so(self, doors: Doors) -> None:
        text = doors.token(exp=int(time.time()) - FAR)

        assert await doors.ask("http", text) == "401 TOKEN_EXPIRED"
        assert (await doors.ask("service", text)).startswith("UNAUTHENTICATED")

    @pytest.mark.parametrize(
        ("skew", "opens"), [(NEAR, True), (-NEAR, True), (-FAR, False), (600 + FAR, False)], ids=str
    )
    async def test_a_server_with_a_wrong_clock_judges_by_it_within_the_leeway(
        self, doors: Doors, skew: int, opens: bool
    ) -> None:
        """A server that is behind takes a token of now for one of the future, one that is ahead for an old one."""

        def build(kit: Kit) -> Service:
            kit.verifier.clock = lambda: time.time() + skew
            return build_of("network")(kit)

        settings = await doors.platform.prepare("network", trace_sample_ratio=0.0)
        running = Running(build, settings, "network")
        await running.start()
        doors.channels["skewed"] = grpc.aio.insecure_channel(f"127.0.0.1:{running.port}")
        try:
            answer = await doors.ask("skewed", doors.token())
            remembered = await doors.ask("skewed", doors.token(exp=int(time.time()) + 10**6))
        finally:
            await doors.channels.pop("skewed").close()
            await running.stop()

        assert (answer == "OK") is opens
        assert answer == "OK" or answer.startswith("UNAUTHENTICATED")
        assert (remembered == "OK") is (skew != -FAR)
