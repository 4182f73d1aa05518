"""Keys of an issuer while they change, are taken back, or while it is away or hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from devstack.issuer import mint
from joserfc.jwk import ECKey
from servicekit.errors import Unavailable
from servicekit.rpc.tokens import KEYS_STALE_LIMIT, TokenVerifier
from servicekit.testing.issuer import Hanging, IssuerServer, claims, refusal, token, why


class TestKeys:
    @pytest.fixture
    def server(self, own_server: IssuerServer) -> IssuerServer:
        return own_server

    def let_time_pass(self, verifier: TokenVerifier, seconds: float) -> None:
        verifier._read -= seconds
        verifier._asked -= seconds

    async def test_a_token_under_a_new_key_holds_at_once_though_the_keys_were_just_read(
        self, server: IssuerServer, verifier: TokenVerifier
    ) -> None:
        old = token(server)
        await verifier.verify(old)
        server.issuer.keys.rotate()
        new = token(server)

        assert (await verifier.verify(new)).subject == "anna"
        assert (await verifier.verify(old)).subject == "anna"  # the retired key is published while its tokens live

    async def test_bad_tokens_ask_the_issuer_once_in_a_while_only(
        self, server: IssuerServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []
        published = server.issuer.keys.jwks
        monkeypatch.setattr(server.issuer.keys, "jwks", lambda: asked.append(1) or published())
        await verifier.verify(token(server))
        await asyncio.gather(*(refusal(verifier, f"a.b.{number}") for number in range(50)))
        altered = token(server)[:-8] + "AAAAAAAA"
        await asyncio.gather(*(refusal(verifier, altered) for _ in range(50)))
        assert len(asked) == 1  # no key of another name could make these hold
        strangers = [ECKey.generate_key("P-256", parameters={"kid": f"k{number}"}) for number in range(50)]
        await asyncio.gather(*(refusal(verifier, mint(key, claims(server))) for key in strangers))
        assert len(asked) == 2

    async def test_a_key_taken_back_holds_no_longer(
        self, server: IssuerServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = token(server)
        await verifier.verify(old)
        server.issuer.keys.rotate()
        kid = server.issuer.keys.current.kid
        kept = [key for key in server.issuer.keys.jwks()["keys"] if key["kid"] == kid]
        monkeypatch.setattr(server.issuer.keys, "jwks", lambda: {"keys": kept})

        self.let_time_pass(verifier, 301)
        await verifier.verify(old)  # nobody waits for the issuer: this call only begins to ask
        await asyncio.shield(verifier._reading)

        assert why(await refusal(verifier, old)) == "the signature does not hold"
        assert (await verifier.verify(token(server))).subject == "anna"

    async def test_a_token_under_a_new_key_shows_that_another_was_taken_back(
        self, server: IssuerServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = token(server)
        await verifier.verify(old)
        server.issuer.keys.rotate()
        monkeypatch.setattr(server.issuer.keys, "_entries", server.issuer.keys._entries[-1:])
        await verifier.verify(token(server))

        assert why(await refusal(verifier, old)) == "the signature does not hold"

    async def test_known_keys_serve_on_while_the_issuer_is_away(
        self, server: IssuerServer, verifier: TokenVerifier
    ) -> None:
        known, unseen = token(server), token(server, sub="bert")
        await verifier.verify(known)
        server.stop()
        self.let_time_pass(verifier, 301)

        assert (await verifier.verify(known)).subject == "anna"
        assert (await verifier.verify(unseen)).subject == "bert"
        await refusal(verifier, "a.b.c")

    async def test_keys_that_nobody_could_confirm_for_hours_serve_no_longer(
        self, server: IssuerServer, verifier: TokenVerifier
    ) -> None:
        known = token(server, exp=int(time.time()) + 2 * int(KEYS_STALE_LIMIT))
        await verifier.verify(known)
        server.stop()
        self.let_time_pass(verifier, KEYS_STALE_LIMIT + 1)

        with pytest.raises(Unavailable):
            await verifier.verify(known)

    async def test_without_keys_a_silent_issuer_is_unavailable(self, server: IssuerServer) -> None:
        server.stop()
        verifier = TokenVerifier(server.url, "marque", ["ES256"])
        for _ in range(2):
            with pytest.raises(Unavailable):
                await verifier.verify("a.b.c")
        await verifier.close()

    @pytest.mark.parametrize(
        "document",
        [[], {}, {"jwks_uri": 5}, {"jwks_uri": "http://[broken"}, {"jwks_uri": "nothing://"}, "text"],
        ids=str,
    )
    async def test_an_issuer_that_talks_nonsense_is_unavailable(
        self, server: IssuerServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, document: Any
    ) -> None:
        monkeypatch.setattr(server.issuer, "discovery", lambda: document)
        with pytest.raises(Unavailable):
            await verifier.verify(token(server))

    @pytest.mark.parametrize(
        "keys", [[], {}, {"keys": 5}, {"keys": [{"kty": "what"}]}, {"keys": [5]}, {"keys": [{}]}], ids=str
    )
    async def test_keys_that_are_none_are_unavailable(
        self, server: IssuerServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, keys: Any
    ) -> None:
        text = token(server)
        monkeypatch.setattr(server.issuer.keys, "jwks", lambda: keys)
        with pytest.raises(Unavailable):
            await verifier.verify(text)


class TestHangingIssuer:
    """An issuer that takes the connection and says nothing: worse than one that is away, for it is waited for."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def hung(self, own_server: IssuerServer) -> AsyncIterator[tuple[IssuerServer, TokenVerifier, Hanging]]:
        verifier, hanging = TokenVerifier(own_server.url, "marque", ["ES256"]), Hanging()
        await verifier.verify(token(own_server))
        own_server.close_port()
        await hanging.start(int(own_server.url.rpartition(":")[2]))
        yield own_server, verifier, hanging
        await hanging.stop()
        await verifier.close()

    def age(self, verifier: TokenVerifier) -> None:
        verifier._read -= 301
        verifier._asked -= 301

    async def test_it_holds_up_nobody_whose_key_is_known(
        self, hung: tuple[IssuerServer, TokenVerifier, Hanging]
    ) -> None:
        server, verifier, _ = hung
        fresh = [token(server, sub=f"person {number}") for number in range(20)]
        self.age(verifier)
        found = await asyncio.wait_for(asyncio.gather(*(verifier.verify(text) for text in fresh)), 2)

        assert {one.subject for one in found} == {f"person {number}" for number in range(20)}
        assert verifier._reading is not None  # begun, and still hanging: nobody waited for it

    async def test_it_is_asked_by_one_at_a_time(self, hung: tuple[IssuerServer, TokenVerifier, Hanging]) -> None:
        server, verifier, hanging = hung
        self.age(verifier)
        for _ in range(50):
            await verifier.verify(token(server))
            await asyncio.sleep(0.005)

        assert hanging.asked <= 1

    async def test_closing_does_not_wait_for_it(self, hung: tuple[IssuerServer, TokenVerifier, Hanging]) -> None:
        server, verifier, _ = hung
        self.age(verifier)
        await verifier.verify(token(server))

        await asyncio.wait_for(verifier.close(), 2)
