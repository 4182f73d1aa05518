"""The development issuer over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from devstack import launch, ports
from devstack.issuer import Issuer
from devstack.issuer_app import NotDevelopment, build_app, require_development
from devstack.layout import Layout
from devstack.readiness import http_ready
from joserfc import jwt
from joserfc.jwk import KeySet


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path / "state")
    made.make()
    made.client_secret_file("customer")
    return made


@pytest.fixture
def issuer(layout: Layout, until: Callable[[Callable[[], Any]], Any]) -> Iterator[httpx.Client]:
    port = ports.free_port()
    told = {"MARQUE_STATE": str(layout.root), "MARQUE_ISSUER_PORT": str(port), "MARQUE_ENVIRONMENT": "development"}
    argv = launch.dying_with_parent([sys.executable, "-m", "devstack.issuer_app"])
    process = launch.spawn(argv, layout.logs / "issuer.log", {**os.environ, **told})
    try:
        until(http_ready(port, "/.well-known/openid-configuration"))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        launch.terminate(process, launch.signal.SIGTERM, 10)
        ports.release(port)


def verified(client: httpx.Client, token: str) -> dict[str, Any]:
    keys = KeySet.import_key_set(client.get("/jwks.json").json())
    return dict(jwt.decode(token, keys, algorithms=["ES256"]).claims)


class TestHttp:
    def test_a_token_verifies_with_the_published_keys_before_and_after_a_rotation(self, issuer: httpx.Client) -> None:
        form = {"grant_type": "urn:marque:dev:persona", "role": "oem.agent"}
        old = issuer.post("/token", data=form).json()["access_token"]
        assert issuer.post("/rotate").json()["kid"]
        new = issuer.post("/token", data=form).json()["access_token"]
        assert (
            jwt.decode(old, KeySet.import_key_set(issuer.get("/jwks.json").json()), ["ES256"]).header["kid"]
            != (jwt.decode(new, KeySet.import_key_set(issuer.get("/jwks.json").json()), ["ES256"]).header["kid"])
        )
        assert verified(issuer, old)["iss"] == str(issuer.base_url)

    @pytest.mark.parametrize("basic", [True, False])
    def test_a_service_authenticates_by_form_or_by_header(
        self, issuer: httpx.Client, layout: Layout, basic: bool
    ) -> None:
        secret = layout.client_secrets()["customer"]
        form = {"grant_type": "client_credentials"}
        if basic:
            answer = issuer.post("/token", data=form, auth=("customer", secret))
        else:
            answer = issuer.post("/token", data={**form, "client_id": "customer", "client_secret": secret})
        assert verified(issuer, answer.json()["access_token"])["sub"] == "customer"
        assert answer.headers["cache-control"] == "no-store"

    def test_a_wrong_secret_is_unauthorised(self, issuer: httpx.Client) -> None:
        form = {"grant_type": "client_credentials", "client_id": "customer", "client_secret": "guess"}
        answer = issuer.post("/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")

    @pytest.mark.parametrize("path", ["/token", "/rotate"])
    def test_a_web_page_of_another_site_is_refused(self, issuer: httpx.Client, path: str) -> None:
        form = {"grant_type": "urn:marque:dev:persona", "role": "oem.admin"}
        assert issuer.post(path, data=form, headers={"Origin": "https://example.com"}).status_code == 403
        assert issuer.post(path, data=form, headers={"Host": "rebound.example.com"}).status_code == 400

    @pytest.mark.parametrize(
        "body", [b"", b"\xff\xfe", b"grant_type=%00", b"a" * 100_000, b"grant_type=client_credentials"]
    )
    def test_a_malformed_request_is_a_clear_refusal(self, issuer: httpx.Client, body: bytes) -> None:
        answer = issuer.post("/token", content=body)
        assert answer.status_code in (400, 401)
        assert answer.json()["error_description"]

    def test_demo_people_that_come_later_are_known(self, issuer: httpx.Client, layout: Layout) -> None:
        form = {"grant_type": "urn:marque:dev:persona", "persona": "lin"}
        assert issuer.post("/token", data=form).status_code == 400
        people = '{"lin": {"sub": "lin", "roles": ["dealer.sales"], "dealers": ["D1"]}}'
        (layout.run / "people.json").write_text(people, encoding="utf-8")
        assert verified(issuer, issuer.post("/token", data=form).json()["access_token"])["dealers"] == ["D1"]


class TestRequireDevelopment:
    @pytest.mark.parametrize("environment", [None, "", "production", "Development", "development "])
    def test_refuses_anything_else(self, environment: str | None) -> None:
        environ = {} if environment is None else {"MARQUE_ENVIRONMENT": environment}
        with pytest.raises(NotDevelopment, match="MARQUE_ENVIRONMENT=development"):
            require_development(environ)
        with pytest.raises(NotDevelopment):
            build_app(Issuer("http://127.0.0.1:1"), environ)

    def test_the_program_exits_with_the_reason(self, layout: Layout) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MARQUE_")}
        done = subprocess.run(
            [sys.executable, "-m", "devstack.issuer_app"],
            env={**environ, "MARQUE_STATE": str(layout.root), "MARQUE_ISSUER_PORT": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert "MARQUE_ENVIRONMENT=development (it is not set)" in done.stderr
        assert not (layout.issuer / "keys.json").exists()
