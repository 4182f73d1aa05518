"""Bearer tokens against a real issuer over HTTP: what holds and what does not."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import time
from typing import Any

import orjson
import pytest
from devstack.issuer import mint
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from servicekit.errors import Unauthenticated
from servicekit.rpc import tokens
from servicekit.rpc.tokens import LEEWAY_SECONDS, TokenVerifier
from servicekit.testing.issuer import IssuerServer, claims, refusal, token, why

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture
def server(issuer_server: IssuerServer) -> IssuerServer:
    """The issuer of this worker; tests leave it as it is."""
    return issuer_server


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


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
