"""Mailboxes read over IMAP: each mail once, through kills, new UIDs and mails that cannot be read; cases are opened for them."""

import json
import uuid

import pytest_asyncio
from marque.complaint.v1 import case_pb2, case_service_pb2
from servicekit.testing.mailboxes import MailServer
from servicekit.testing.platform import until

COMPLAINT = case_pb2.Case(kind=1).kind


def mailed(address, subject="Paint", key=""):
    return (
        f"From: Lin Xiao <{address}>\r\nTo: care@marque.example\r\nSubject: {subject}\r\n"
        f"Message-ID: <{key or uuid.uuid4().hex}@mail.example>\r\n\r\nThe paint comes off. This is unacceptable.\r\n"
    ).encode()


def box(server, folder, **more):
    password = folder / f"{uuid.uuid4().hex}.password"
    password.write_text(server.password + "\n", encoding="utf-8")
    return {
        "address": f"care-{uuid.uuid4().hex}@marque.example", "host": "127.0.0.1", "port": server.port, "security": "none",
        "user": server.user, "password_file": str(password), **more,
    }  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server():
    found = await MailServer().start()
    yield found
    await found.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def reading(platform, server, make_desk, tmp_path_factory):
    """The customer service with a mailbox whose mails become cases, and one that is never there; and the complaint service."""
    folder = tmp_path_factory.mktemp("mailboxes")
    away = box(server, folder, port=1)
    file = folder / "mailboxes.json"
    file.write_text(json.dumps([away, box(server, folder, intent="case")]), encoding="utf-8")
    await platform.start("complaint", peers={})
    await platform.start(
        "customer", mailboxes=file, mailbox_seconds=0.2, peers={"complaint": platform.peers["complaint"]}
    )
    return make_desk(platform)


async def taken(desk, address):
    """What came in from an address, when its mailbox was read that far."""
    return await desk.platform.sql(
        "customer",
        "SELECT i.intake_id, i.interaction_id, i.case_id FROM lead_intakes i JOIN contact_points p USING (customer_id)"
        " WHERE p.value = $1 AND i.interaction_id IS NOT NULL",
        address,
    )


class TestReading:
    async def test_a_mail_becomes_a_touch_and_a_case_once_and_new_uids_change_nothing(self, reading, server):
        address = f"{uuid.uuid4().hex}@example.com"
        server.add(b"\0")  # nothing that could be read: it keeps the next one from nothing
        server.add(mailed(address))

        async def opened():
            rows = await taken(reading, address)
            return rows[0] if rows and rows[0]["case_id"] else None

        row = await until(opened, 30.0, "no case was opened")
        case = await reading.platform.client("complaint", "oem.agent").call(
            "complaint.v1.CaseService/GetCase", case_service_pb2.GetCaseRequest(case_id=str(row["case_id"]))
        )
        assert (case.subject, case.channel, case.kind) == ("Paint", case_pb2.Case(channel=2).channel, COMPLAINT)
        assert len(await reading.found(reading.agent, address)) == 1
        server.renumber()
        other = f"{uuid.uuid4().hex}@example.com"
        server.add(mailed(other))
        await until(lambda: taken(reading, other), 30.0, "the mail behind the renumbered ones was not read")
        assert len(await taken(reading, address)) == 1
        assert {101, 102} <= set(server.fetched)


class TestKilled:
    async def test_while_a_mail_is_on_its_way_takes_each_mail_once(self, platform, make_desk, tmp_path):
        server = await MailServer().start()
        addresses = [f"{uuid.uuid4().hex}@example.com" for _ in range(3)]
        for address in addresses:
            server.add(mailed(address))
        server.hang_at = 2
        file = tmp_path / "mailboxes.json"
        file.write_text(json.dumps([box(server, tmp_path)]), encoding="utf-8")
        settings = await platform.prepare("customer", mailboxes=file, mailbox_seconds=0.2)
        process = await platform.spawn_again("customer", settings)
        try:

            async def asked_for():
                return 2 in server.fetched

            await until(asked_for, 30.0, "the second mail was not asked for")
            process.kill()
            process.wait()
            server.hang_at = 0
            process = await platform.spawn_again("customer", settings)
            desk = make_desk(platform)

            async def all_taken():
                return all([await taken(desk, address) for address in addresses])

            await until(all_taken, 30.0, "not every mail was taken")
            assert [len(await taken(desk, address)) for address in addresses] == [1, 1, 1]
        finally:
            process.kill()
            process.wait()
            await server.stop()
