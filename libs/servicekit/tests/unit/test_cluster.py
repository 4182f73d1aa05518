"""Services known by the cluster: a service account's token opens what a service may, whatever else a token claims opens nothing."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from servicekit.errors import Unauthenticated, Unavailable
from servicekit.rpc.cluster import Cluster, ClusterVerifier, PlatformVerifier, claimed_issuer

ISSUER, PEOPLE = "https://kubernetes.default.svc.cluster.local", "https://id.example.com"
ACCOUNT = "system:serviceaccount:crm:marque-customer"


class ApiServer:
    """The cluster's API server as far as it is asked: its keys, for who brings a token."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "cluster-1", "alg": "ES256"})
        self.asked: list[str] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.headers.get("authorization", ""))
        if not self.asked[-1]:
            return httpx.Response(401)
        return httpx.Response(200, json=KeySet([self.key]).as_dict(private=False))

    def token(self, key: ECKey | None = None, **claims: Any) -> str:
        told = {"iss": ISSUER, "aud": ["marque"], "sub": ACCOUNT, "exp": int(time.time()) + 600, **claims}
        told = {name: value for name, value in told.items() if value is not None}
        return str(jwt.encode({"alg": "ES256", "kid": "cluster-1"}, told, key or self.key))


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    (tmp_path / "keys-token").write_text("may-ask\n")
    return Cluster(ISSUER, f"{ISSUER}/openid/v1/jwks", {ACCOUNT: "customer"}, tmp_path / "keys-token")


@pytest.fixture
def verifier(server: ApiServer, cluster: Cluster) -> ClusterVerifier:
    made = ClusterVerifier(cluster, "marque")
    made._client = server.client
    return made


class TestClusterVerifier:
    async def test_a_service_account_is_the_service_that_it_stands_for(
        self, verifier: ClusterVerifier, server: ApiServer
    ) -> None:
        found = await verifier.verify(server.token())
        assert (found.subject, found.roles, found.dealers) == ("customer", frozenset({"service"}), frozenset())
        assert server.asked == ["Bearer may-ask"]

    @pytest.mark.parametrize(
        "claims",
        [
            {"sub": "system:serviceaccount:crm:default"},
            {"sub": "system:serviceaccount:other:marque-customer"},
            {"sub": "customer"},
            {"sub": None},
            {"aud": ["https://kubernetes.default.svc.cluster.local"]},
            {"aud": None},
            {"iss": PEOPLE},
            {"exp": 1_700_000_000},  # of 2023
            {"exp": None},
        ],
        ids=str,
    )
    async def test_any_other_token_of_the_cluster_is_refused(
        self, verifier: ClusterVerifier, server: ApiServer, claims: dict[str, Any]
    ) -> None:
        with pytest.raises(Unauthenticated):
            await verifier.verify(server.token(**claims))

    async def test_a_token_that_another_key_signed_is_refused(
        self, verifier: ClusterVerifier, server: ApiServer
    ) -> None:
        other = ECKey.generate_key("P-256", {"kid": "cluster-1", "alg": "ES256"})
        with pytest.raises(Unauthenticated):
            await verifier.verify(server.token(other))

    async def test_roles_and_scope_in_such_a_token_say_nothing(
        self, verifier: ClusterVerifier, server: ApiServer
    ) -> None:
        found = await verifier.verify(server.token(roles=["oem.admin"], dealers=["D1"], customer="c"))
        assert (found.roles, found.dealers, found.customer_id) == (frozenset({"service"}), frozenset(), "")

    async def test_without_the_token_file_it_says_that_the_issuer_is_away(
        self, verifier: ClusterVerifier, server: ApiServer, cluster: Cluster
    ) -> None:
        assert cluster.token_file is not None
        cluster.token_file.unlink()
        with pytest.raises(Unavailable):
            await verifier.verify(server.token())


class TestPlatformVerifier:
    async def test_each_issuer_judges_its_own_and_people_are_no_services(
        self, server: ApiServer, cluster: Cluster, tmp_path: Path
    ) -> None:
        own = ECKey.generate_key("P-256", {"kid": "people-1", "alg": "ES256"})

        def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/.well-known/openid-configuration":
                return httpx.Response(200, json={"jwks_uri": f"{PEOPLE}/jwks"})
            return httpx.Response(200, json=KeySet([own]).as_dict(private=False))

        def person(**claims: Any) -> str:
            told = {"iss": PEOPLE, "aud": "marque", "sub": "p", "exp": int(time.time()) + 600, **claims}
            return str(jwt.encode({"alg": "ES256", "kid": "people-1"}, told, own))

        verifier = PlatformVerifier((PEOPLE, "marque", ["ES256"]), cluster)
        verifier._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
        verifier._services._client = server.client

        assert (await verifier.verify(server.token())).is_service
        assert (await verifier.verify(person(roles=["oem.agent"]))).roles == {"oem.agent"}
        for forged in (person(roles=["service"]), person(iss=ISSUER, sub=ACCOUNT), server.token(iss=PEOPLE)):
            with pytest.raises(Unauthenticated):
                await verifier.verify(forged)
        await verifier.close()


class TestClaimedIssuer:
    @given(st.text(max_size=200))
    def test_garbage_claims_none(self, garbage: str) -> None:
        assert claimed_issuer(garbage) == ""

    @given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3)))
    def test_claims_of_any_shape_are_read_without_a_fault(self, claims: Any) -> None:
        body = base64.urlsafe_b64encode(json.dumps({"iss": claims}).encode()).rstrip(b"=").decode()
        assert claimed_issuer(f"e30.{body}.c2ln") == (claims if isinstance(claims, str) else "")
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        assert claimed_issuer(f"e30.{body}.c2ln") == ""
