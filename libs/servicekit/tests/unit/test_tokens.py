"""Bearer tokens against a real issuer over HTTP: what holds, what does not, and what happens while keys change or the issuer is away."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from devstack.issuer import mint
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from servicekit.errors import Unauthenticated, Unavailable
from servicekit.rpc import tokens
from servicekit.rpc.tokens import KEYS_STALE_LIMIT, LEEWAY_SECONDS, ServiceIdentity, TokenVerifier
from servicekit.testing.issuer import Hanging, IssuerServer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture
def server(issuer_server: IssuerServer) -> IssuerServer:
    """The issuer of this worker; tests leave it as it is."""
    return issuer_server


@pytest.fixture
def own_server() -> Iterator[IssuerServer]:
    """An issuer of this test alone, whose keys it may rotate and whose port it may close."""
    made = IssuerServer({"lab": "s"})
    yield made
    made.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def verifier(server: IssuerServer) -> AsyncIterator[TokenVerifier]:
    made = TokenVerifier(server.url, "marque", ["ES256", "RS256"])
    yield made
    await made.close()


def claims(server: IssuerServer, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {
        "iss": server.url,
        "aud": "marque",
        "sub": "anna",
        "iat": now,
        "exp": now + 600,
        "roles": ["dealer.sales"],
        **more,
    }
    return {name: value for name, value in found.items() if value is not ...}


def token(server: IssuerServer, **more: Any) -> str:
    return mint(server.issuer.keys.current, claims(server, **more))


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def refusal(verifier: TokenVerifier, text: str) -> Unauthenticated:
    with pytest.raises(Unauthenticated) as caught:
        await verifier.verify(text)
    status = caught.value.to_status().SerializeToString()
    for piece in text.split("."):
        assert len(piece) < 12 or piece.encode() not in status
    return caught.value


def why(error: Unauthenticated) -> str:
    return error.metadata["why"]


class TestSignature:
    async def test_a_token_of_the_issuer_holds(self, server: IssuerServer, verifier: TokenVerifier) -> None:
        found = await verifier.verify(token(server))
        assert (found.subject, found.roles) == ("anna", {"dealer.sales"})

    async def test_a_forged_signature_does_not_hold(self, server: IssuerServer, verifier: TokenVerifier) -> None:
        head, body, signature = token(server).split(".")
        other = mint(ECKey.generate_key("P-256", parameters={"kid": server.issuer.keys.current.kid}), claims(server))
        raised = part({**claims(server), "roles": ["oem.admin"]})
        flipped = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
        for text in (f"{head}.{raised}.{signature}", f"{head}.{body}.{flipped}", f"{head}.{body}.", other):
            assert why(await refusal(verifier, text)) == "the signature does not hold"

    @pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
    async def test_an_unsigned_token_does_not_hold(
        self, server: IssuerServer, verifier: TokenVerifier, name: str
    ) -> None:
        kid = server.issuer.keys.current.kid
        for signature in ("", "AAAA"):
            text = f"{part({'alg': name, 'kid': kid})}.{part(claims(server))}.{signature}"
            assert why(await refusal(verifier, text)) == "the signature does not hold"

    async def test_the_public_key_is_no_shared_secret(self, server: IssuerServer, verifier: TokenVerifier) -> None:
        key = server.issuer.keys.current
        for secret in (key.as_pem(private=False), orjson.dumps(key.as_dict(private=False)), key.as_der(private=False)):
            signed = f"{part({'alg': 'HS256', 'kid': key.kid})}.{part(claims(server))}"
            digest = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
            text = f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
            assert why(await refusal(verifier, text)) == "the signature does not hold"

    async def test_a_key_that_the_token_brings_along_is_not_used(
        self, server: IssuerServer, verifier: TokenVerifier
    ) -> None:
        from joserfc import jwt

        own = ECKey.generate_key("P-256")
        header = {"alg": "ES256", "kid": server.issuer.keys.current.kid, "jwk": own.as_dict(private=False)}
        await refusal(verifier, jwt.encode(header, claims(server), own))


class TestClaims:
    @pytest.mark.parametrize(
        ("more", "reason"),
        [
            ({"iss": "https://other.example"}, "the issuer is not ours"),
            ({"iss": ...}, "the issuer is not ours"),
            ({"aud": "another"}, "the audience is not ours"),
            ({"aud": ["a", "b"]}, "the audience is not ours"),
            ({"aud": ...}, "the audience is not ours"),
            ({"sub": ...}, "the subject is missing"),
            ({"sub": ""}, "the subject is missing"),
            ({"sub": 5}, "the subject is missing"),
            ({"sub": "a\0b"}, "the subject is missing"),
            ({"exp": ...}, "the expiry is missing"),
            ({"exp": "tomorrow"}, "the expiry is missing"),
            ({"exp": True}, "the expiry is missing"),
            ({"exp": float("nan")}, "the expiry is missing"),
            ({"exp": float("inf")}, "the expiry is missing"),
            ({"nbf": "x"}, "it is not valid yet"),
            ({"nbf": float("nan")}, "it is not valid yet"),
            ({"roles": "oem.admin"}, "roles is not a list"),
            ({"roles": {"oem.admin": 1}}, "roles is not a list"),
            ({"roles": None}, "roles is not a list"),
            ({"dealers": "d"}, "dealers is not a list"),
        ],
        ids=str,
    )
    async def test_a_claim_that_does_not_fit_is_named(
        self, server: IssuerServer, verifier: TokenVerifier, more: dict[str, Any], reason: str
    ) -> None:
        assert why(await refusal(verifier, token(server, **more))) == reason

    async def test_one_of_several_audiences_is_enough(self, server: IssuerServer, verifier: TokenVerifier) -> None:
        assert (await verifier.verify(token(server, aud=["x", "marque"]))).subject == "anna"

    @pytest.mark.parametrize(
        ("late", "holds"), [(LEEWAY_SECONDS - 10, True), (LEEWAY_SECONDS + 5, False), (86400, False)]
    )
    async def test_expiry_has_a_leeway_for_clocks(
        self, server: IssuerServer, verifier: TokenVerifier, late: int, holds: bool
    ) -> None:
        text = token(server, exp=int(time.time()) - late)
        if holds:
            assert (await verifier.verify(text)).subject == "anna"
        else:
            assert (await refusal(verifier, text)).reason == "TOKEN_EXPIRED"

    @pytest.mark.parametrize(("early", "holds"), [(LEEWAY_SECONDS - 10, True), (LEEWAY_SECONDS + 20, False)])
    async def test_not_before_has_a_leeway_for_clocks(
        self, server: IssuerServer, verifier: TokenVerifier, early: int, holds: bool
    ) -> None:
        text = token(server, nbf=int(time.time()) + early)
        if holds:
            assert (await verifier.verify(text)).subject == "anna"
        else:
            assert why(await refusal(verifier, text)) == "it is not valid yet"

    async def test_a_remembered_token_expires_all_the_same(self, server: IssuerServer, verifier: TokenVerifier) -> None:
        text, now = token(server), time.time()
        await verifier.verify(text)
        verifier.clock = lambda: now + 600 + LEEWAY_SECONDS + 1
        for _ in range(2):
            assert (await refusal(verifier, text)).reason == "TOKEN_EXPIRED"

    async def test_a_large_token_is_judged_like_any(self, server: IssuerServer, verifier: TokenVerifier) -> None:
        text = token(server, dealers=[f"dealer-{number:05}" for number in range(700)])
        assert len(text) > 10_000
        assert len((await verifier.verify(text)).dealers) == 700
        await refusal(verifier, text[:-20] + "A" * 20)
        await refusal(verifier, "A" * 10_000)

    async def test_whatever_a_signed_token_claims_it_holds_or_is_refused(
        self, server: IssuerServer, verifier: TokenVerifier
    ) -> None:
        names = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "roles", "dealers", "region", "customer"])
        key, loop = server.issuer.keys.current, asyncio.get_running_loop()
        await verifier.verify(token(server))

        @settings(deadline=None, max_examples=60)
        @given(st.dictionaries(names, JSON, max_size=3))
        def judged(more: dict[str, Any]) -> None:
            try:
                text = mint(key, claims(server, **more))
            except Exception:  # what the issuer itself cannot write
                return
            answer = asyncio.run_coroutine_threadsafe(verifier.verify(text), loop)
            try:
                answer.result(10)
            except Unauthenticated:
                return

        await asyncio.to_thread(judged)

    async def test_whatever_the_text_is_it_is_refused(
        self, server: IssuerServer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tokens, "_REFRESH_COOLDOWN", 0.0)  # every key of an unknown name is waited for
        loop = asyncio.get_running_loop()
        await verifier.verify(token(server))
        headers = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "enc"]), JSON, max_size=4)
        texts = st.one_of(
            st.text(st.characters(codec="ascii"), max_size=60),
            st.builds(lambda head, body: f"{part(head)}.{part(body)}.AAAA", headers | JSON, JSON),
            st.builds(lambda head: f"{part({'alg': 'ES256', **head})}..", headers),
        )

        @settings(deadline=None, max_examples=100)
        @given(texts)
        def judged(text: str) -> None:
            with pytest.raises(Unauthenticated):
                asyncio.run_coroutine_threadsafe(verifier.verify(text), loop).result(10)

        await asyncio.to_thread(judged)


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


class TestServiceIdentity:
    @pytest.fixture
    def identity(self, own_server: IssuerServer, tmp_path: Path) -> ServiceIdentity:
        secret = tmp_path / "secret"
        secret.write_text("s")
        return ServiceIdentity(issuer=own_server.url, client_id="lab", secret_file=secret)

    async def test_many_callers_ask_once(
        self, own_server: IssuerServer, identity: ServiceIdentity, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        granted: list[int] = []
        grant = own_server.issuer.grant
        monkeypatch.setattr(own_server.issuer, "grant", lambda form: granted.append(1) or grant(form))

        assert len(set(await asyncio.gather(*(identity.token() for _ in range(30))))) == 1
        assert len(granted) == 1

    async def test_a_token_that_is_good_serves_on_while_the_issuer_hangs(
        self, own_server: IssuerServer, identity: ServiceIdentity
    ) -> None:
        first, hanging = await identity.token(), Hanging()
        own_server.close_port()
        await hanging.start(int(own_server.url.rpartition(":")[2]))
        identity._renew_at = 0.0  # time to renew, long before its end

        assert await asyncio.wait_for(asyncio.gather(*(identity.token() for _ in range(30))), 2) == [first] * 30
        identity._renewal.cancel()
        await hanging.stop()

    async def test_a_new_token_is_there_soon_after_it_is_time(
        self, own_server: IssuerServer, identity: ServiceIdentity
    ) -> None:
        first = await identity.token()
        identity._renew_at = 0.0
        await identity.token()
        await asyncio.shield(identity._renewal)

        assert await identity.token() != first

    async def test_without_a_token_an_issuer_that_is_away_is_unavailable(
        self, own_server: IssuerServer, identity: ServiceIdentity
    ) -> None:
        await identity.token()
        own_server.close_port()
        identity._renew_at = identity._good_until = 0.0
        for _ in range(2):
            with pytest.raises(Unavailable):
                await identity.token()


class TestSecrecy:
    @pytest.fixture
    def server(self, own_server: IssuerServer) -> IssuerServer:
        return own_server

    async def test_no_part_of_a_token_is_logged(
        self, server: IssuerServer, verifier: TokenVerifier, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        good, bad = token(server), token(server, iss="other")
        await verifier.verify(good)
        await refusal(verifier, bad)
        server.stop()
        for text in (good, bad, good + "x"):
            for piece in text.split("."):
                assert piece not in caplog.text
