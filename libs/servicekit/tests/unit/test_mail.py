"""Mails: as they are composed and signed, as their HTML reads, and as they come back."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.mail import bounces, plain
from servicekit.mail.letters import Letter, Unmailable, compose


def letter(**fields: str) -> Letter:
    told = {
        "sender": "news@marque.example",
        "address": "wang@example.com",
        "subject": "消息",
        "text": "你好",
        "message_id": "a@b",
    }
    return Letter(**{**told, **fields})  # type: ignore[arg-type]


class TestCompose:
    def test_a_mail_has_what_a_reader_needs_to_stop_it(self) -> None:
        mail = email.message_from_bytes(
            compose(letter(html="<p>你好</p>", unsubscribe="https://m.example/p/x/stop")), policy=email.policy.default
        )

        assert (mail["Subject"], mail["To"], mail["Message-ID"]) == ("消息", "wang@example.com", "<a@b>")
        assert mail["List-Unsubscribe"] == "<https://m.example/p/x/stop>"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert [part.get_content().strip() for part in mail.iter_parts()] == ["你好", "<p>你好</p>"]

    def test_without_an_address_to_stop_it_names_none(self) -> None:
        assert b"List-Unsubscribe" not in compose(letter())

    @pytest.mark.parametrize("field", ["subject", "address", "unsubscribe"])
    def test_a_line_break_makes_no_header(self, field: str) -> None:
        with pytest.raises(Unmailable):
            compose(letter(**{field: "x@example.com\r\nBcc: all@example.com"}))

    @given(
        st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=60).map(str.strip),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=120),
        st.text(st.sampled_from("a <b>=.你\t\n\r\x0c\u2028é "), max_size=120),
    )
    def test_another_reader_finds_the_same_words_in_short_lines(self, subject: str, text: str, html: str) -> None:
        raw = compose(letter(subject=subject, text=text, html=html, message_id=f"{'A' * 60}@marque.example"))
        found = email.message_from_bytes(raw, policy=email.policy.default)
        parts = [part for part in found.walk() if not part.is_multipart()]
        told = [part.get_payload(decode=True).decode() for part in parts]

        assert found["Subject"] == " ".join(subject.split()) or found["Subject"] == subject
        assert found["Message-ID"] == f"<{'A' * 60}@marque.example>"
        assert [_normal(one) for one in told] == [_normal(one) for one in ((text, html) if html else (text,))]
        assert raw.isascii()
        assert max(map(len, raw.split(b"\r\n"))) < 90
        assert b"\n" not in raw.replace(b"\r\n", b"")

    @pytest.mark.parametrize(
        "address",
        ["wáng@example.com", "a b@example.com", "x@", '"a b"@example.com', "<a@b.example>", "a@b.example, c@d.example"],
    )
    def test_an_odd_address_is_written_by_the_library_or_refused_and_never_more_than_one_line(
        self, address: str
    ) -> None:
        try:
            raw = compose(letter(address=address))
        except Unmailable:
            return
        assert raw.count(b"\r\nTo:") == 1
        assert b"\r\nBcc" not in raw


def _normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


class TestPlain:
    def test_html_reads_as_lines_with_the_addresses_of_links(self) -> None:
        html = (
            "<html><head><title>T</title><style>p{}</style></head><body><h1>Hello&nbsp;&amp; 你好</h1><p>One<br>two</p>"
            '<ul><li>a</li><li><a href="https://m.example/?a=1&amp;b=2">b</a></li></ul><script>x()</script></body></html>'
        )

        assert plain.text_of(html) == "Hello & 你好\n\nOne\ntwo\n\n- a\n\n- b (https://m.example/?a=1&b=2)\n"

    def test_only_links_of_the_web_are_changed(self) -> None:
        html = (
            '<!doctype html><!-- c --><p title="a>b">x &amp; &#20320;<a class=c href="https://a.example/?x=1&amp;y=2">'
            'go</a><a href="mailto:a@b.example">m</a><a href="#t">t</a><img src="https://i.example/p.gif"/></p>'
        )
        seen: list[str] = []
        found = plain.relink(html, lambda url: seen.append(url) or "https://m.example/l/1?u=a&b")  # type: ignore[func-returns-value]

        assert seen == ["https://a.example/?x=1&y=2"]
        assert found == html.replace("class=c", 'class="c"').replace(
            "https://a.example/?x=1&amp;y=2", "https://m.example/l/1?u=a&amp;b"
        )

    @given(st.text(alphabet="<>/a href='\"=&;!-?p#x1\n:", max_size=80))
    def test_whatever_is_no_link_stays_as_it_reads(self, html: str) -> None:
        assert _data(plain.relink(html, lambda url: url)) == _data(html)


def _data(html: str) -> list[tuple[str, str]]:
    """What a reader of HTML makes of it: tags and their attributes, and text."""
    found: list[tuple[str, str]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(("tag", f"{tag}{[(name, value) for name, value in attrs if value]}"))

        def handle_data(self, data: str) -> None:
            if found and found[-1][0] == "text":
                found[-1] = ("text", found[-1][1] + data)
            else:
                found.append(("text", data))

    reader = Reader()
    reader.feed(html)
    reader.close()
    return found


def report(status: str, action: str = "failed", message_id: str = "<id@m.example>", *, whole: bool = False) -> bytes:
    """A delivery status notification as servers write it."""
    made = MIMEMultipart("report", report_type="delivery-status")
    made["From"], made["To"], made["Subject"] = "MAILER-DAEMON@example.com", "news@marque.example", "Undelivered"
    made.attach(MIMEText("Your mail could not be delivered."))
    told = MIMEText(
        f"Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@b\nAction: {action}\nStatus: {status}\n", "plain"
    )
    text = told.as_string().replace("text/plain", "message/delivery-status")
    made.attach(email.message_from_string(text))
    original = EmailMessage()
    original["Message-ID"], original["Subject"] = message_id, "News"
    original.set_content("hello")
    kind = "message/rfc822" if whole else "text/rfc822-headers"
    body = original.as_string() if whole else f"Message-ID: {message_id}\nSubject: News\n\n"
    made.attach(email.message_from_string(f"Content-Type: {kind}\n\n{body}"))
    return made.as_bytes()


class TestBounces:
    @pytest.mark.parametrize("whole", [True, False])
    def test_a_report_names_the_mail_and_what_became_of_it(self, whole: bool) -> None:
        found = bounces.read(report("5.1.1", whole=whole))

        assert found == bounces.Bounce("id@m.example", "failed", "5.1.1")
        assert found.address_gone

    @pytest.mark.parametrize(
        ("status", "action", "failed", "gone"),
        [
            ("5.1.10", "failed", True, True),
            ("5.2.1", "failed", True, True),
            ("5.2.2", "failed", True, False),
            ("5.7.1", "failed", True, False),
            ("4.4.1", "delayed", False, False),
            ("2.0.0", "delivered", False, False),
            ("nonsense", "failed", True, False),
        ],
    )
    def test_only_what_is_about_the_address_ends_it(self, status: str, action: str, failed: bool, gone: bool) -> None:
        found = bounces.read(report(status, action))

        assert found is not None
        assert (found.failed, found.address_gone) == (failed, gone)

    @pytest.mark.parametrize(
        "content", [b"", b"\x00\xff", b"Subject: out of office\n\nI am away.", report("5.1.1", message_id="")]
    )
    def test_what_is_no_report_of_a_mail_tells_nothing(self, content: bytes) -> None:
        assert bounces.read(content) is None

    @given(st.integers(0, 600), st.binary(max_size=20))
    def test_a_broken_report_is_read_or_not_but_never_fails(self, at: int, noise: bytes) -> None:
        whole = report("5.1.1")
        bounces.read(whole[:at] + noise + whole[at:])
        bounces.read(whole[:at])
