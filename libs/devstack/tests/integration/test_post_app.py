"""The post office of `make run`: mails and messages are kept, shown, and go nowhere."""

from __future__ import annotations

import os
import smtplib
import time
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from devstack import launch, post
from devstack.layout import Layout, PortBook
from devstack.readiness import http_ready
from marque_campaign.clients import signature
from marque_campaign.settings import Settings
from pydantic import TypeAdapter


@pytest.fixture(scope="class")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[post.PostOffice, httpx.Client, dict[str, str]]]:
    layout = Layout(tmp_path_factory.mktemp("post") / "state")
    layout.make()
    book = PortBook(layout)
    made = post.PostOffice(layout, book)
    spec = made.spec(os.environ)
    assert spec.env is not None
    process = launch.spawn(launch.dying_with_parent(spec.argv), layout.logs / "post.log", spec.env)
    ready = http_ready(int(spec.env["MARQUE_POST_HTTP_PORT"]))
    try:
        end = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < end, "the post office never opened"
            time.sleep(0.02)
        with httpx.Client(base_url=made.url, trust_env=False) as client:
            yield made, client, dict(spec.env)
    finally:
        launch.terminate(process, launch.signal.SIGTERM, 10)
        book.release()


class TestPostOffice:
    def test_a_mail_is_kept_as_it_came_and_shown_without_being_run(self, office: Any) -> None:
        made, client, told = office
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "news@marque.invalid", "wang@example.com", "<b>您好</b>"
        mail.set_content("Dear <Wang>")
        mail.add_alternative('<p>Dear</p><script>alert(1)</script>"', subtype="html")
        with smtplib.SMTP("127.0.0.1", int(told["MARQUE_POST_SMTP_PORT"])) as server:
            server.send_message(mail)
        (kept,) = (made.folder / "mails").iterdir()
        listed, shown = client.get("/"), client.get(f"/mails/{kept.name}")

        assert b"<script>alert(1)</script>" in kept.read_bytes()
        assert "&lt;b&gt;您好&lt;/b&gt;" in listed.text
        assert f"/mails/{kept.name}" in listed.text
        assert "Dear &lt;Wang&gt;" in shown.text
        assert "<script" not in shown.text
        assert '<iframe sandbox="allow-popups"' in shown.text
        assert shown.headers["content-security-policy"].startswith("default-src 'none'")

    def test_a_message_is_taken_signed_and_once_by_its_key(self, office: Any) -> None:
        made, client, told = office
        secret = Path(told["MARQUE_POST_SECRET_FILE"]).read_bytes().strip()
        body, stamp = '{"address": "+8613800000000", "text": "保养到期 & <due>"}'.encode(), str(int(time.time()))

        def put(stamp: str = stamp, key: str = "k-1", body: bytes = body, secret: bytes = secret) -> int:
            heads = {"x-marque-timestamp": stamp, "x-marque-signature": signature(secret, stamp, body)}
            return client.post("/messages", content=body, headers={**heads, "idempotency-key": key}).status_code

        assert [put(), put()] == [202, 409]
        assert (put(secret=b"x" * 64), put(str(int(stamp) - 3600)), put("soon")) == (401, 401, 401)
        assert (put(key="../x"), put(key=""), put(body=b"[]"), put(body=b"{")) == (400, 400, 400, 400)
        assert [one.name for one in (made.folder / "messages").iterdir()] == ["k-1.json"]
        assert "保养到期 &amp; &lt;due&gt;" in client.get("/").text

    def test_no_other_name_and_no_other_file_is_answered(self, office: Any) -> None:
        _, client, _ = office

        assert client.get("/", headers={"host": "post.example"}).status_code == 400
        assert [client.get(f"/mails/{name}").status_code for name in ("x.eml", "..%2f..%2fsecrets", "%00")] == [404] * 3


class TestWhatSendersAreTold:
    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({}, True),
            ({"MARQUE_POST": "off"}, False),
            ({"MARQUE_SMTP_HOST": "mx"}, False),
            ({"MARQUE_PROVIDERS": "{}"}, False),
        ],
    )
    def test_there_is_none_where_a_server_was_given(self, environ: dict[str, str], expected: bool) -> None:
        assert post.wanted(environ) is expected

    def test_only_those_who_send_are_told_and_the_service_reads_it(self, office: Any) -> None:
        made, _, _ = office
        told = made.for_sender("campaign", "http://127.0.0.1:8080")
        providers = Settings.model_fields["providers"].annotation

        assert made.for_sender("customer", None) == {}
        assert set(made.for_sender("survey", None)) == {"MARQUE_SMTP_HOST", "MARQUE_SMTP_PORT"}
        assert told["MARQUE_PUBLIC_URL"] == "http://127.0.0.1:8080"
        read = TypeAdapter(providers).validate_json(told["MARQUE_PROVIDERS"])
        assert {name: one.repeatable for name, one in read.items()} == {"SMS": True, "MESSAGING": True, "PUSH": True}
