"""Mail as strangers write it: who, what, by a machine or not; and what is refused before it costs anything."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tradekit import mail
from tradekit.mail import Automatic, MailError, MailErrorReason

OWN = frozenset({"sales@marque.example"})


def written(body: bytes = b"hello", **headers: str) -> bytes:
    """A mail with headers, whose names are written with underscores."""
    found = {"From": "Ann Lee <ann@example.com>", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return "".join(f"{name}: {text}\r\n" for name, text in found.items()).encode() + b"\r\n" + body


def many(*parts: bytes) -> bytes:
    """A mail of several parts."""
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + b"--b--\r\n"
    return written(body, Content_Type="multipart/mixed; boundary=b")


class TestRead:
    def test_sender_subject_text_time_and_key_are_read(self) -> None:
        found = mail.read(
            written(
                "我想试驾".encode("gbk"),
                From="=?gb2312?B?zfW35w==?= <Wang@Example.COM>",
                Subject="=?utf-8?q?Re=3A_Probefahrt?=\r\n [#ABCDEFGHIJKL2]",
                Date="Mon, 1 Jun 2026 10:00:00 +0800",
                Message_ID="<a@b>",
                Content_Type="text/plain; charset=gb2312",
            )
        )
        assert (found.name, found.address, found.key) == ("王风", "wang@example.com", "<a@b>")
        assert (found.subject, found.text) == ("Re: Probefahrt [#ABCDEFGHIJKL2]", "我想试驾")
        assert found.sent_time == datetime(2026, 6, 1, 2, tzinfo=UTC)
        assert (found.tracking_code, found.automatic) == ("ABCDEFGHIJKL2", Automatic.NONE)

    @pytest.mark.parametrize("charset", ["utf-7", "idna", "unicode_escape", "zip", "x-nonsense", "\0", "utf-8\udc00"])
    def test_a_charset_that_is_not_in_the_list_is_guessed(self, charset: str) -> None:
        head = f"From: a@b.example\r\nContent-Type: text/plain; charset={charset}\r\n\r\n".encode("utf-8", "replace")
        assert mail.read(head + "报价多少".encode()).text == "报价多少"

    def test_html_alone_is_read_as_its_words(self) -> None:
        body = b"<style>p{}</style><p>Hello&nbsp;there</p><script>x()</script><p>How much?</p>"
        assert mail.read(written(body, Content_Type="text/html")).text.split() == ["Hello", "there", "How", "much?"]

    def test_plain_text_wins_and_attachments_are_named_and_never_read(self) -> None:
        raw = many(
            b"Content-Type: text/html\r\n\r\n<p>html</p>",
            b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"plain"),
            b'Content-Type: text/plain; name="n.txt"\r\nContent-Disposition: attachment; filename="secret.txt"\r\n\r\nsecret',
            b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text",
        )
        found = mail.read(raw)
        assert found.text == "plain"
        assert found.attachments == ("secret.txt", "message/rfc822")

    @pytest.mark.parametrize(
        "part",
        [
            b'Content-Type: application/x-adf+xml\r\n\r\n<?ADF VERSION="1.0"?><adf></adf>',
            b"Content-Type: text/plain\r\n\r\n<?adf version='1.0'?>\n<adf/>",
            b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.b64encode(b'<?xml version="1.0"?><ADF/>'),
        ],
    )
    def test_a_lead_document_is_found_wherever_it_stands(self, part: bytes) -> None:
        assert b"adf" in mail.read(many(b"Content-Type: text/plain\r\n\r\nsee below", part)).lead_document.lower()

    def test_text_and_name_are_bounded(self) -> None:
        found = mail.read(written(b"x" * 50_000, From=f'"{"n" * 5000}" <a@b.example>', Subject="s" * 5000))
        assert (len(found.text), len(found.subject)) == (mail.MAX_TEXT, 200)
        assert len(found.name) <= 200


class TestAutomatic:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, Automatic.NONE),
            ({"Auto_Submitted": "no"}, Automatic.NONE),
            ({"Auto_Submitted": "auto-replied (vacation)"}, Automatic.AUTO_REPLY),
            ({"Auto_Submitted": "auto-generated; owner=x"}, Automatic.AUTO_REPLY),
            ({"X_Autoreply": "yes"}, Automatic.AUTO_REPLY),
            ({"Precedence": "auto_reply"}, Automatic.AUTO_REPLY),
            ({"Precedence": "bulk"}, Automatic.BULK),
            ({"List_Id": "<l.example>"}, Automatic.BULK),
            ({"Return_Path": "<>"}, Automatic.BOUNCE),
            ({"Return_Path": "<ann@example.com>"}, Automatic.NONE),
            ({"Content_Type": "multipart/report; boundary=b"}, Automatic.BOUNCE),
            ({"From": "Sales <Sales@Marque.example>"}, Automatic.LOOP),
            ({"X_Marque_Loop": "1"}, Automatic.LOOP),
            ({"From": "MAILER-DAEMON@example.com"}, Automatic.MACHINE),
            ({"From": "no-reply+7@example.com"}, Automatic.MACHINE),
            ({"From": "noreen@example.com"}, Automatic.NONE),
            ({"From": ""}, Automatic.MACHINE),
        ],
    )
    def test_what_no_person_wrote_is_told(self, headers: dict[str, str], expected: Automatic) -> None:
        assert mail.read(written(**headers), OWN).automatic is expected


class TestHostile:
    @pytest.mark.parametrize(
        ("raw", "reason"),
        [
            (b"", MailErrorReason.UNREADABLE),
            (b"\0" * 1000, MailErrorReason.UNREADABLE),
            (b"x" * (mail.MAX_BYTES + 1), MailErrorReason.TOO_LARGE),
            (b"From: a@b.example\r\n" + b"X-A: b\r\n" * 40_000, MailErrorReason.FORBIDDEN),
            (b"From: " + b"(" * 100_000 + b"\r\n\r\nx", MailErrorReason.FORBIDDEN),
            (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" * 50, MailErrorReason.FORBIDDEN),
            (b"Content-Type: message/rfc822\r\n\r\n" * 50, MailErrorReason.FORBIDDEN),
            (b"A: multipart/mixed; boundary=b\r\n\r\n" + b"\n--b\n\n" * 500_000, MailErrorReason.FORBIDDEN),
            (many(*[b"Content-Type: text/plain\r\n\r\nx"] * 120), MailErrorReason.FORBIDDEN),
        ],
    )
    def test_a_bomb_is_refused_by_name(self, raw: bytes, reason: MailErrorReason) -> None:
        with pytest.raises(MailError) as refused:
            mail.read(raw)
        assert refused.value.reason is reason

    @pytest.mark.parametrize(
        "raw",
        [
            written(Subject="=?utf-8?b?a?="),
            written(Subject="=?utf-8?q?a?= " * 8000),
            written(b"!!!!", Content_Transfer_Encoding="base64"),
            written(b"begin 644 x\nM" + b"M" * 70, Content_Transfer_Encoding="x-uuencode"),
            written(b"<!--" * 600_000, Content_Type="text/html"),
            written(b"<" * 600_000, Content_Type="text/html"),
            written(Date="Mon, 99 Foo 99999 99:99:99 +9999"),
            written(Content_Type='multipart/mixed; boundary=""'),
            written(Content_Type="text/plain; name*0*=utf-8''%ff; name*2=x"),
        ],
    )
    def test_what_is_only_broken_is_read_as_far_as_it_goes(self, raw: bytes) -> None:
        assert mail.read(raw).address == "ann@example.com"

    @given(st.binary(max_size=400), st.binary(max_size=300))
    @settings(max_examples=150)
    def test_any_bytes_are_a_mail_or_a_named_refusal(self, head: bytes, body: bytes) -> None:
        for raw in (
            head + body,
            b"From: a@b.example\r\n" + head + b"\r\n\r\n" + body,
            b"Content-Type: " + head + b"\n\n" + body,
        ):
            try:
                found = mail.read(raw)
            except MailError:
                continue
            shown = found.name + found.subject + found.text + found.address + "".join(found.attachments)
            assert "\0" not in shown
            shown.encode("utf-8")
