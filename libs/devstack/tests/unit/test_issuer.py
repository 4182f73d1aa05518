"""What the development issuer grants and refuses."""

from __future__ import annotations

from typing import Any

import pytest
from devstack.issuer import CLIENT_GRANT, PERSONA_GRANT, Issuer, TokenRefused
from devstack.keyring import ALGORITHM
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import KeySet

URL = "http://127.0.0.1:20001"
PEOPLE = {"lin": {"sub": "lin", "roles": ["dealer.sales"], "dealers": ["D1", "D2"], "name": "Lin Example"}}


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(f"{URL}/", clients={"customer": "s3cret"}, people=PEOPLE, clock=lambda: 1_800_000_000.9)


def claims(issuer: Issuer, token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, KeySet.import_key_set(issuer.keys.jwks()), algorithms=[ALGORITHM]).claims)


def granted(issuer: Issuer, **form: str) -> dict[str, Any]:
    return claims(issuer, issuer.grant(form)["access_token"])


class TestClientCredentials:
    def test_gives_a_service_ten_minutes(self, issuer: Issuer) -> None:
        found = granted(issuer, grant_type=CLIENT_GRANT, client_id="customer", client_secret="s3cret")
        assert found.pop("jti")
        assert found == {
            "iss": URL,
            "aud": "marque",
            "sub": "customer",
            "iat": 1_800_000_000,
            "nbf": 1_800_000_000,
            "exp": 1_800_000_600,
            "roles": ["service"],
        }

    @pytest.mark.parametrize(
        "form",
        [
            {"client_id": "customer", "client_secret": "wrong"},
            {"client_id": "customer", "client_secret": ""},
            {"client_id": "customer"},
            {"client_id": "unknown", "client_secret": ""},
            {"client_secret": "s3cret"},
            {"client_id": "customer", "client_secret": "s3cre\u0301t"},
        ],
    )
    def test_refuses_a_wrong_client_with_one_answer(self, issuer: Issuer, form: dict[str, str]) -> None:
        with pytest.raises(TokenRefused) as refused:
            issuer.grant({"grant_type": CLIENT_GRANT, **form})
        assert (refused.value.error, refused.value.status) == ("invalid_client", 401)
        assert refused.value.description == "client_id or client_secret is wrong"


class TestPersona:
    def test_a_demo_person_gets_role_and_scope_but_never_a_name(self, issuer: Issuer) -> None:
        found = granted(issuer, grant_type=PERSONA_GRANT, persona="lin")
        assert (found["sub"], found["roles"], found["dealers"]) == ("lin", ["dealer.sales"], ["D1", "D2"])
        assert found["exp"] - found["iat"] == 3600
        assert "name" not in found

    def test_a_described_person_gets_exactly_what_was_asked(self, issuer: Issuer) -> None:
        asked = {"roles": "oem.region ops", "region": "CN-SH", "dealer": "D9", "customer": "c1", "partner": "bank"}
        found = granted(issuer, grant_type=PERSONA_GRANT, **asked)
        assert found["roles"] == ["oem.region", "ops"]
        assert found["dealers"] == ["D9"]
        assert (found["region"], found["customer"], found["partner"]) == ("CN-SH", "c1", "bank")
        assert "dealer_group" not in found

    def test_two_tokens_never_share_an_id(self, issuer: Issuer) -> None:
        ids = {granted(issuer, grant_type=PERSONA_GRANT, role="ops")["jti"] for _ in range(20)}
        assert len(ids) == 20

    def test_an_unknown_persona_is_told_who_is_known(self, issuer: Issuer) -> None:
        with pytest.raises(TokenRefused, match="lin") as refused:
            issuer.grant({"grant_type": PERSONA_GRANT, "persona": "nobody"})
        assert refused.value.error == "invalid_grant"

    @pytest.mark.parametrize(
        ("form", "field"),
        [
            ({}, "roles"),
            ({"roles": "  "}, "roles"),
            ({"roles": "ops;drop"}, "roles"),
            ({"role": "ops", "region": "a b"}, "region"),
            ({"role": "ops", "customer": "x" * 201}, "customer"),
            ({"role": "ops", "sub": "a\nb"}, "sub"),
        ],
    )
    def test_a_malformed_person_is_refused_naming_the_field(
        self, issuer: Issuer, form: dict[str, str], field: str
    ) -> None:
        with pytest.raises(TokenRefused, match=field) as refused:
            issuer.grant({"grant_type": PERSONA_GRANT, **form})
        assert refused.value.error == "invalid_request"

    @given(st.dictionaries(st.sampled_from(["grant_type", "persona", "roles", "sub", "dealers"]), st.text(max_size=30)))
    def test_any_form_is_granted_or_refused_never_an_error(self, form: dict[str, str]) -> None:
        issuer = Issuer(URL, people=PEOPLE)
        for grant in (form, {**form, "grant_type": PERSONA_GRANT}, {**form, "grant_type": CLIENT_GRANT}):
            try:
                answer = issuer.grant(grant)
            except TokenRefused as refused:
                answer = {"token_type": refused.error}
            assert answer["token_type"] in {
                "Bearer",
                "invalid_request",
                "invalid_client",
                "invalid_grant",
                "unsupported_grant_type",
            }


class TestDiscovery:
    def test_all_addresses_lie_under_the_issuer(self, issuer: Issuer) -> None:
        found = issuer.discovery()
        assert found["issuer"] == URL
        assert found["jwks_uri"] == f"{URL}/jwks.json"
        assert found["token_endpoint"] == f"{URL}/token"
