"""Campaigns by e-mail: a real SMTP server takes them, and what it took is read back, followed, returned and stopped."""

from __future__ import annotations

import base64
import email
import email.policy
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dkim
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from marque_campaign.clients import signature
from servicekit.testing.mortal_smtp import LEFT, VERBS, MortalController
from servicekit.testing.platform import Platform

ACCEPTED, BOUNCED, FAILED, UNKNOWN, SUPPRESSED = 4, 6, 7, 8, 9
SECRET = b"carrier-secret-carrier-secret-carrier"
WEB = "https://m.example"
HTML = '<html><body><p>Dear {{ name }}</p><a href="https://cars.example/new?a=1&amp;b=2">See it</a></body></html>'
WORDS = [{"language": "en", "subject": "News", "html": HTML}]
AGENT = "customer.v1.ConsentService"


class Inbox:
    """The mail server: what it was given by address, and what it does by the address's first word."""

    def __init__(self) -> None:
        self.raw: dict[str, list[bytes]] = {}
        self.begun: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("gone"):
            return "550 5.1.1 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        address = envelope.rcpt_tos[0]
        self.begun.append(address)
        if address.startswith("dies"):  # the whole mail is here, and the connection is lost before the word
            server.transport.abort()
            return "250 OK"
        if address.startswith("later") and self.begun.count(address) == 1:
            return "451 4.3.0 try again"
        self.raw.setdefault(address, []).append(envelope.content)
        return "250 OK"

    def mail(self, address: str) -> Any:
        (content,) = self.raw[address]
        return email.message_from_bytes(content, policy=email.policy.default)


# What nobody writes to any more: as this service knows it at once, and as the customer service heard it.
NOT_THERE = ((SUPPRESSED, "ADDRESS_GONE"), (SUPPRESSED, "ADDRESS_UNREACHABLE"))


class Letters:
    """The campaign service beside customers, the mail server and the gateway."""

    def __init__(self, office: Any, server: MortalController, inbox: Inbox, record: bytes) -> None:
        self.office = office
        self.server = server
        self.inbox = inbox
        self.record = record

    async def person(self, word: str = "p") -> tuple[str, str]:
        address = f"{word}-{uuid.uuid4().hex[:12]}@example.com"
        return await self.office.person(address=address), address

    async def sent(self, *people: str, **fields: Any) -> tuple[Any, dict[str, tuple[int, str]]]:
        template = await self.office.make_template(contents=WORDS)
        campaign = await self.office.launch(*people, template_id=template.template_id, **fields)
        return campaign, await self.office.ended(campaign)

    async def post(self, web: Any, path: str, body: bytes) -> Any:
        stamp = str(int(time.time()))
        headers = {"x-marque-timestamp": stamp, "x-marque-signature": signature(SECRET, stamp, body)}
        return await web.post(path, content=body, headers={**headers, "content-type": "message/rfc822"})


def _key(folder: Path) -> tuple[Path, bytes]:
    key = rsa.generate_private_key(65537, 1024)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    file = folder / "campaign-dkim.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
    return file, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def letters(platform: Platform, make_post: Any) -> AsyncIterator[Letters]:
    inbox = Inbox()
    server = MortalController(inbox)
    server.start()
    file, record = _key(platform.folder)
    await platform.start("customer", permit_spend_seconds=1.0, permit_margin_seconds=0.2)
    told = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_timeout": 10.0, "public_url": WEB}
    await platform.start("campaign", **told, dkim_key_file=file, mail_domain_limits={"*": {"at_once": 8}})
    secret = platform.folder / "carrier"
    secret.write_bytes(SECRET)
    await platform.open_gateway(carrier_secrets={"mx": secret})
    office = make_post(platform, None)
    await office.open_caps()
    yield Letters(office, server, inbox, record)
    server.stop()


class TestMail:
    async def test_what_the_server_took_is_whole_signed_and_says_how_to_stop_it(self, letters: Letters) -> None:
        person, address = await letters.person()
        _, ended = await letters.sent(person)
        mail, raw = letters.inbox.mail(address), letters.inbox.raw[address][0]
        text, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))

        assert ended == {person: (ACCEPTED, "")}
        assert (mail["From"], mail["To"], mail["Subject"]) == ("news@marque.invalid", address, "News")
        assert dkim.verify(raw, dnsfunc=lambda name, timeout=5: letters.record)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert re.fullmatch(rf"<{WEB}/p/[\w-]{{44}}/stop>", mail["List-Unsubscribe"].strip())
        assert text.replace("\r\n", "\n").startswith("Dear 王小明\nSee it (https://cars.example/new?a=1&b=2)")
        assert f"{WEB}/p/" in text
        assert f'href="{WEB}/l/' in html
        assert "https://cars.example/new?a=1&amp;b=2" not in html
        assert "/o/" not in html  # nobody agreed to be watched

    async def test_the_one_click_stops_what_is_queued_and_the_page_shows_and_changes_it(self, letters: Letters) -> None:
        person, address = await letters.person()
        await letters.sent(person)
        path = letters.inbox.mail(address)["List-Unsubscribe"].strip().removeprefix(f"<{WEB}").removesuffix(">")
        approved = await letters.office.approved(person)
        held = await letters.office.do("Schedule", approved, start_time="2036-01-01T00:00:00Z")
        async with letters.office.platform.http() as web:
            looked = await web.get(path, headers={"accept-language": "en"})
            done = [await web.post(path, content=b"List-Unsubscribe=One-Click") for _ in range(2)]
            wrong = await web.post(f"{path[:-9]}x{path[-8:]}")
            await letters.office.do("Schedule", held)
            ended = await letters.office.ended(held)
            page = path.removesuffix("/stop")
            shown = await web.get(page, headers={"accept-language": "zh-CN"})
            saved = await web.post(page, data={"purpose": ["2", "5"]}, headers={"accept-language": "zh-CN"})
        _, again = await letters.sent(person)
        entries = await letters.office.platform.sql(
            "customer", "SELECT source FROM consent_entries WHERE customer_id = $1", uuid.UUID(person)
        )

        assert (looked.status_code, "No more messages like this?" in looked.text) == (200, True)
        assert [one.status_code for one in done] == [200, 200]
        assert wrong.status_code == 404
        assert ended == {person: (SUPPRESSED, "WITHDRAWN")}
        assert shown.text.count(" checked") == 0
        assert 'lang="zh-CN"' in shown.text
        assert (saved.status_code, saved.text.count(" checked")) == (200, 2)
        assert again == {person: (ACCEPTED, "")}
        assert [one["source"] for one in entries].count("preference-page") == 3

    async def test_a_link_leads_where_the_mail_said_and_counts_once_and_nowhere_else(self, letters: Letters) -> None:
        person, address = await letters.person()
        entry = {"purpose": 6, "text_version": "t", "source": "test", "controller": {"kind": 1}}
        await letters.office.customer(f"{AGENT}/GrantConsent", {"customer_id": person, "entry": entry})
        campaign, _ = await letters.sent(person, track_opens=True)
        html = letters.inbox.mail(address).get_body(("html",)).get_content()
        (link,) = re.findall(rf'href="{WEB}(/l/[^"]+)"', html)
        (picture,) = re.findall(rf'src="{WEB}(/o/[^"]+)"', html)
        async with letters.office.platform.http() as web:
            went = [await web.get(link) for _ in range(2)]
            forged = await web.get(re.sub(r"u=.*", "u=https%3A%2F%2Fevil.example", link))
            seen, mixed = await web.get(picture), await web.get(picture.replace("/o/", "/p/"))
        rows = await letters.office.sql(
            "SELECT kind FROM campaign_responses WHERE campaign_id = $1 ORDER BY kind", campaign.campaign_id
        )

        assert {one.headers["location"] for one in went} == {"https://cars.example/new?a=1&b=2"}
        assert (forged.status_code, "location" in forged.headers, mixed.status_code) == (404, False, 404)
        assert (seen.status_code, seen.headers["content-type"]) == (200, "image/gif")
        assert [one["kind"] for one in rows] == [1, 2]


class TestBadServer:
    async def test_each_ends_as_far_as_anybody_knows_and_nothing_is_sent_twice(self, letters: Letters) -> None:
        lost, lost_at = await letters.person("dies")
        later, later_at = await letters.person("later")
        gone, _ = await letters.person("gone")
        _, ended = await letters.sent(lost, later, gone)
        _, second = await letters.sent(gone)

        assert ended == {lost: (UNKNOWN, "BROKEN_OFF"), later: (ACCEPTED, ""), gone: (FAILED, "SMTP_550")}
        assert second[gone] in NOT_THERE
        assert (letters.inbox.begun.count(lost_at), letters.inbox.begun.count(later_at)) == (1, 2)

    async def test_of_a_server_that_dies_at_each_verb_only_what_had_begun_to_leave_is_unknown(
        self, letters: Letters
    ) -> None:
        people = [await letters.person() for _ in VERBS]
        letters.server.die(*VERBS)
        _, ended = await letters.sent(*(person for person, _ in people))
        arrived = {person: len(letters.inbox.raw.get(address, [])) for person, address in people}

        assert letters.server.deaths == []
        assert Counter(ended.values()) == {(UNKNOWN, "BROKEN_OFF"): len(LEFT), (ACCEPTED, ""): len(VERBS) - len(LEFT)}
        assert arrived == {person: int(state == ACCEPTED) for person, (state, _) in ended.items()}


class TestBounces:
    async def test_a_mail_that_comes_back_ends_its_address_and_is_told(self, letters: Letters) -> None:
        person, address = await letters.person()
        campaign, _ = await letters.sent(person)
        mail_id = letters.inbox.mail(address)["Message-ID"]
        path = "/v1/providers/mx/bounces"
        async with letters.office.platform.http() as web:
            forged = await letters.post(web, path, _bounce(f"<{'A' * 44}@marque.invalid>"))
            unsigned = await web.post(path, content=_bounce(mail_id))
            taken = [await letters.post(web, path, _bounce(mail_id)) for _ in range(2)]
        lines = await letters.office.lines(campaign)
        _, second = await letters.sent(person)
        told = await letters.office.sql(
            "SELECT count(*) AS n FROM outbox_messages WHERE event_type = 'marque.campaign.v1.MessageBounced' AND aggregate_id = $1",
            (await letters.office.keys(campaign))[person],
        )

        assert (forged.json(), unsigned.status_code) == ({"changedCount": 0, "unknownCount": 1}, 401)
        assert [one.json()["changedCount"] for one in taken] == [1, 0]
        assert lines == {person: (BOUNCED, "BOUNCE_5.1.1")}
        assert second[person] in NOT_THERE
        assert told[0]["n"] == 1


def _bounce(message_id: str) -> bytes:
    return (
        "From: MAILER-DAEMON@example.com\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r\n\r\n'
        "--x\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n"
        "--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        "Final-Recipient: rfc822; a@b\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--x\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {message_id}\r\n\r\n--x--\r\n"
    ).encode()
