"""Mails with links: a real customer service permits them, a real SMTP server takes them, a process that is killed sends none twice."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import re
import signal
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dkim
import pytest_asyncio
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from devstack.ports import free_port
from google.protobuf import json_format
from servicekit import contract
from servicekit.testing.platform import Platform, until


class Inbox:
    """What the server was given, by address; what it answers by the address's first word."""

    def __init__(self) -> None:
        self.mails: dict[str, list[Any]] = {}
        self.raw: dict[str, bytes] = {}
        self.holding = asyncio.Event()
        self.hold = False

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("never"):
            return "550 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        address = envelope.rcpt_tos[0]
        known = self.mails.setdefault(address, [])
        if address.startswith("later") and not known and not getattr(self, "refused", False):
            self.refused = True
            return "451 try again"
        known.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        self.raw[address] = envelope.content
        if self.hold:
            await asyncio.sleep(30)
        return "250 OK"


class Post:
    """A survey process beside a customer service and the mail server."""

    def __init__(self, platform: Platform, inbox: Inbox) -> None:
        self.platform = platform
        self.inbox = inbox
        self.settings: Any = None
        self.process: Any = None

    async def call(self, service: str, rpc: str, role: str = "oem.manager", **request: Any) -> Any:
        method = contract.methods(f"marque.{service}")[rpc]
        message = json_format.ParseDict(request, method.input())
        return await self.platform.client(service.split(".")[0], role).call(f"{service}/{rpc}", message)

    async def person(self, word: str = "p", *, agrees: bool = True) -> tuple[str, str]:
        address = f"{word}-{uuid.uuid4().hex[:10]}@example.com"
        person = {
            "kind": 1,
            "name": {"full_name": "王伟"},
            "contact_points": [{"kind": "CONTACT_POINT_KIND_EMAIL", "value": address}],
        }
        made = await self.call("customer.v1.CustomerService", "CreateCustomer", customer=person)
        entry = {"purpose": "CONSENT_PURPOSE_RESEARCH", "channel": "CHANNEL_EMAIL", "text_version": "t", "source": "test",
                 "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        if agrees:
            await self.call("customer.v1.ConsentService", "GrantConsent", customer_id=made.customer_id, entry=entry)
        return made.customer_id, address

    async def invite(self, questionnaire: str, customer: str) -> str:
        asked = {"questionnaire_id": questionnaire, "customer_id": customer, "channel": 1}
        return str((await self.call("survey.v1.InvitationService", "CreateInvitation", **asked)).invitation_id)

    async def ended(self, invitation: str, *states: int, seconds: float = 60) -> Any:
        async def there() -> Any:
            query = "SELECT * FROM invitations WHERE invitation_id = $1 AND state = ANY($2)"
            return await self.platform.sql("survey", query, uuid.UUID(invitation), list(states))

        return (await until(there, seconds, f"the invitation is not in {states}"))[0]

    def key_file(self) -> Path:
        """The file of a new key to sign mails by; its public half is what `record` answers."""
        key = rsa.generate_private_key(65537, 2048)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
        file = self.platform.folder / "dkim.pem"
        file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()))
        return file

    async def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(self.process.wait)


LEDGER = "SELECT consent_entry_id FROM consent_entries WHERE customer_id = $1"
QUEUED = (
    "INSERT INTO invitations (invitation_id, questionnaire_id, questionnaire_number, customer_id, trigger, state, channel, due_time, "
    "version, create_time, update_time) VALUES ($1, $2, 1, $3, 4, 1, 1, now() + interval '1 hour', 1, now(), now())"
)
QUESTION = {"code": "nps", "kind": 3, "texts": {"en": "Would you?", "zh-CN": "会吗？"}, "scale_max": 10}
DOCUMENT = {
    "languages": ["en", "zh-CN"],
    "titles": {"en": "After your visit\n", "zh-CN": "回访"},
    "questions": [QUESTION],
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def post(platform: Platform) -> AsyncIterator[Post]:
    inbox = Inbox()
    server = Controller(inbox, hostname="127.0.0.1", port=free_port())
    server.start()
    made = Post(platform, inbox)
    await platform.start("customer")
    for rule in ({"channel_class": "CONTACT_CHANNEL_CLASS_EMAIL"}, {"purpose": "CONSENT_PURPOSE_RESEARCH"}):
        await made.call("customer.v1.ContactRuleService", "PutContactRule", contact_rule=rule)
    told = {
        "smtp_host": "127.0.0.1",
        "smtp_port": server.port,
        "mail_lease_seconds": 2.0,
        "public_url": "https://m.example",
        "dkim_key_file": made.key_file(),
    }
    made.settings = await platform.prepare("survey", grpc_port=free_port(), smtp_timeout=25.0, **told)
    made.process = await platform.spawn_again("survey", made.settings)
    yield made
    server.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def questionnaire(post: Post) -> str:
    given = {"name": "Q", "document": DOCUMENT}
    made = await post.call("survey.v1.QuestionnaireService", "CreateQuestionnaire", questionnaire=given)
    await post.call("survey.v1.QuestionnaireService", "PublishQuestionnaire", questionnaire_id=made.questionnaire_id)
    return str(made.questionnaire_id)


class TestSending:
    async def test_a_permitted_mail_brings_a_link_that_can_be_answered(self, post: Post, questionnaire: str) -> None:
        customer, address = await post.person()
        invitation = await post.invite(questionnaire, customer)
        row = await post.ended(invitation, 3)
        (mail,) = post.inbox.mails[address]
        (link,) = set(re.findall(r"https://m\.example/s/([\w-]+)", mail.get_body(("plain",)).get_content()))
        page = await post.call("survey.v1.SurveyPageService", "GetSurveyPage", token=link)
        permits = await post.platform.sql(
            "customer", "SELECT state FROM contact_permits WHERE customer_id = $1", uuid.UUID(customer)
        )

        assert page.state == 1
        assert (mail["Subject"], mail["To"]) == ("After your visit", address)
        assert link in mail.get_body(("html",)).get_content()
        assert row["expire_time"] > row["send_time"]
        assert [one["state"] for one in permits] == [3]

    async def test_without_consent_nothing_leaves_and_the_reason_is_told(self, post: Post, questionnaire: str) -> None:
        customer, address = await post.person(agrees=False)
        row = await post.ended(await post.invite(questionnaire, customer), 7)

        assert row["reason"] == "NEVER_GRANTED"
        assert address not in post.inbox.mails

    async def test_who_withdraws_between_queueing_and_sending_is_not_written_to(
        self, post: Post, questionnaire: str
    ) -> None:
        customer, address = await post.person()
        invitation = uuid.uuid4()
        await post.platform.sql("survey", QUEUED, invitation, uuid.UUID(questionnaire), uuid.UUID(customer))
        entry = {"purpose": "CONSENT_PURPOSE_RESEARCH", "channel": "CHANNEL_EMAIL", "text_version": "t", "source": "test",
                 "controller": {"kind": "CONSENT_CONTROLLER_KIND_OEM"}}  # fmt: skip
        await post.call("customer.v1.ConsentService", "WithdrawConsent", customer_id=customer, entry=entry)
        await post.platform.sql(
            "survey", "UPDATE invitations SET due_time = now() WHERE invitation_id = $1", invitation
        )
        row = await post.ended(str(invitation), 7)

        assert (row["reason"], address in post.inbox.mails) == ("WITHDRAWN", False)

    async def test_a_server_that_refuses_for_good_is_believed(self, post: Post, questionnaire: str) -> None:
        customer, address = await post.person("never")
        row = await post.ended(await post.invite(questionnaire, customer), 7)

        assert (row["reason"], address in post.inbox.mails) == ("MAIL_REFUSED", False)


class TestMail:
    async def test_it_is_signed_for_its_domain_with_where_to_unsubscribe(self, post: Post, questionnaire: str) -> None:
        customer, address = await post.person()
        await post.ended(await post.invite(questionnaire, customer), 3)
        raw, asked = post.inbox.raw[address], []

        def dns(name: bytes, timeout: int = 5) -> bytes:
            asked.append(name)
            return post.record

        changed = raw.replace(b"/stop>", b"/more>")
        assert dkim.verify(raw, dnsfunc=dns)
        assert asked == [b"marque._domainkey.marque.invalid."]
        assert changed != raw
        assert not dkim.verify(changed, dnsfunc=dns)

    async def test_one_click_takes_the_consent_back_once_and_nothing_is_sent_any_more(
        self, post: Post, questionnaire: str
    ) -> None:
        customer, address = await post.person()
        await post.ended(await post.invite(questionnaire, customer), 3)
        (mail,) = post.inbox.mails[address]
        path = mail["List-Unsubscribe"].strip().removeprefix("<https://m.example").removesuffix(">")
        await post.platform.open_gateway()
        async with post.platform.http() as web:
            looked = await web.get(path, headers={"accept-language": "en"})
            before = await post.platform.sql("customer", LEDGER, uuid.UUID(customer))
            done = [await web.post(path, content=b"List-Unsubscribe=One-Click") for _ in range(3)]
            wrong = await web.post(f"{path[:-9]}x/stop")
        assert [one.status_code for one in done] == [200, 200, 200]
        row = await post.ended(await post.invite(questionnaire, customer), 7)

        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert (looked.status_code, "No more survey mails?" in looked.text, len(before)) == (200, True, 1)
        assert wrong.status_code == 404
        assert len(await post.platform.sql("customer", LEDGER, uuid.UUID(customer))) == 2
        assert (row["reason"], len(post.inbox.mails[address])) == ("WITHDRAWN", 1)


class TestKilled:
    async def test_a_process_that_is_killed_while_it_sends_loses_none_and_sends_none_twice(
        self, post: Post, questionnaire: str
    ) -> None:
        people = [await post.person("kill") for _ in range(4)]
        post.inbox.hold = True
        asked = [await post.invite(questionnaire, customer) for customer, _ in people]
        began = [address for _, address in people]

        async def begun() -> bool:
            return any(post.inbox.mails.get(address) for address in began)

        await until(begun, 30, "no mail was begun")
        await post.kill()
        post.inbox.hold = False
        post.process = await post.platform.spawn_again("survey", post.settings)
        rows = [await post.ended(invitation, 3, 8) for invitation in asked]
        mails = Counter({address: len(post.inbox.mails.get(address, ())) for address in began})

        assert set(mails.values()) == {1}
        assert Counter(row["state"] for row in rows) == {3: 3, 8: 1}
        (lost,) = [row for row in rows if row["state"] == 8]
        assert lost["reason"] == "BROKEN_OFF"

        await post.call("survey.v1.InvitationService", "ResendInvitation", invitation_id=str(lost["invitation_id"]))
        again = await post.ended(str(lost["invitation_id"]), 3)
        assert again["send_count"] == 2
