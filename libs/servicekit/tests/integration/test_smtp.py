"""The postman before a real SMTP server: connections are kept, dead ones replaced, domains spared, and it is told what is known."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from devstack.ports import free_port
from servicekit.mail.smtp import DomainLimit, MailNotTaken, MailOutcomeUnknown, MailRefused, Postman, Server
from servicekit.testing.mortal_smtp import LEFT, QUIT, VERBS, MortalController

MAIL = b"Subject: x\r\n\r\nx\r\n"
SENDER = "news@marque.example"


class Handler:
    """Counts connections and mails; the address's first word says how it behaves."""

    def __init__(self) -> None:
        self.peers: set[Any] = set()
        self.taken: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("busy"):
            return "450 4.2.0 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        address = envelope.rcpt_tos[0]
        if address.startswith("full"):
            return "552 5.2.2 full"
        if address.startswith("dies"):
            server.transport.abort()
            return "250 OK"
        if address.startswith("closing"):
            return "421 4.3.2 closing"
        if address.startswith("odd"):
            return "399 hm"
        self.peers.add(session.peer)
        self.taken.append(address)
        if address.startswith("last"):  # says goodbye without a word, as a server does that was silent for long
            asyncio.get_running_loop().call_later(0.02, server.transport.close)
        if address.startswith("slow"):
            await asyncio.sleep(0.3)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Handler, Controller]]:
    """A server of its own for each test."""
    handler = Handler()
    server = Controller(handler, hostname="127.0.0.1", port=free_port())
    server.start()
    yield handler, server
    server.stop()


def postman(server: Controller, **told: Any) -> Postman:
    return Postman(Server("127.0.0.1", server.port, timeout=5.0, **told))


class TestConnections:
    async def test_one_after_another_goes_over_one_connection_also_after_a_refusal(self, mailbox: Any) -> None:
        handler, server = mailbox
        sender = postman(server)
        await sender.send(SENDER, "a@x.example", MAIL)
        with pytest.raises(MailRefused) as refused:
            await sender.send(SENDER, "gone@x.example", MAIL)
        with pytest.raises(MailRefused) as full:
            await sender.send(SENDER, "full@x.example", MAIL)
        await sender.send(SENDER, "b@x.example", MAIL)
        await sender.close()

        assert (handler.taken, len(handler.peers)) == (["a@x.example", "b@x.example"], 1)
        assert (refused.value.why, refused.value.status) == ("SMTP_550", "5.1.1")
        assert full.value.status == "5.2.2"

    async def test_a_kept_connection_that_died_is_replaced_and_nothing_is_lost(self, mailbox: Any) -> None:
        handler, server = mailbox
        sender = postman(server)
        await sender.send(SENDER, "last@x.example", MAIL)
        await asyncio.sleep(0.2)
        await sender.send(SENDER, "b@x.example", MAIL)
        await sender.close()

        assert (handler.taken, len(handler.peers)) == (["last@x.example", "b@x.example"], 2)

    async def test_many_at_once_use_as_many_connections_as_they_may(self, mailbox: Any) -> None:
        handler, server = mailbox
        sender = postman(server, connections=3)
        await asyncio.gather(*(sender.send(SENDER, f"p{number}@x.example", MAIL) for number in range(30)))
        await sender.close()

        assert len(handler.taken) == 30
        assert len(handler.peers) <= 3


class TestOutcome:
    @pytest.mark.parametrize(
        ("address", "error"),
        [("busy", MailNotTaken), ("closing", MailNotTaken), ("dies", MailOutcomeUnknown), ("odd", MailOutcomeUnknown)],
    )
    async def test_what_is_known_is_told_and_the_next_one_goes(self, mailbox: Any, address: str, error: Any) -> None:
        handler, server = mailbox
        sender = postman(server)
        with pytest.raises(error):
            await sender.send(SENDER, f"{address}@x.example", MAIL)
        await sender.send(SENDER, "next@x.example", MAIL)
        await sender.close()

        assert handler.taken == ["next@x.example"]

    async def test_a_server_that_is_not_there_took_nothing(self) -> None:
        with pytest.raises(MailNotTaken):
            await Postman(Server("127.0.0.1", free_port())).send(SENDER, "a@x.example", MAIL)

    @pytest.mark.parametrize("verb", VERBS)
    async def test_a_server_that_dies_leaves_in_doubt_only_what_had_begun_to_leave(self, verb: str) -> None:
        handler, begun = Handler(), []
        server = MortalController(handler)
        server.start()
        server.die(verb)
        sender = postman(server)
        told: Any = None
        try:
            await sender.send(SENDER, "a@x.example", MAIL, lambda: begun.append(verb))
        except (MailNotTaken, MailOutcomeUnknown) as fault:
            told = type(fault)
        await sender.send(SENDER, "next@x.example", MAIL)
        await sender.close()
        server.stop()

        assert told is (None if verb == QUIT else MailOutcomeUnknown if verb in LEFT else MailNotTaken)
        assert bool(begun) == (verb in LEFT or verb == QUIT), "it began before the server was ready"
        assert handler.taken == [*(["a@x.example"] if verb == QUIT else []), "next@x.example"]

    async def test_who_may_not_begin_any_more_sends_nothing(self, mailbox: Any) -> None:
        handler, server = mailbox

        def late() -> None:
            raise TimeoutError

        with pytest.raises(TimeoutError):
            await postman(server).send(SENDER, "a@x.example", MAIL, late)
        assert handler.taken == []


class TestDomains:
    async def test_a_domain_gets_no_more_at_once_than_it_bears_and_others_are_not_held_up(self, mailbox: Any) -> None:
        handler, server = mailbox
        sender = postman(server, limits={"x.example": DomainLimit(at_once=1)})
        slow = asyncio.create_task(sender.send(SENDER, "slow@x.example", MAIL))
        await asyncio.sleep(0)
        with pytest.raises(MailNotTaken) as held:
            await sender.send(SENDER, "b@X.example", MAIL)
        await sender.send(SENDER, "c@y.example", MAIL)
        await slow
        await sender.send(SENDER, "d@x.example", MAIL)
        await sender.close()

        assert held.value.why == "DOMAIN_BUSY"
        assert sorted(handler.taken) == ["c@y.example", "d@x.example", "slow@x.example"]

    async def test_a_minute_holds_so_many_and_says_when_the_next_may_go(self, mailbox: Any) -> None:
        _, server = mailbox
        time = [0.0]
        sender = Postman(Server("127.0.0.1", server.port, limits={"*": DomainLimit(per_minute=2)}), lambda: time[0])
        for moment in (0.0, 10.0):
            time[0] = moment
            await sender.send(SENDER, "a@x.example", MAIL)
        with pytest.raises(MailNotTaken) as held:
            await sender.send(SENDER, "a@x.example", MAIL)
        time[0] = 60.1
        await sender.send(SENDER, "a@x.example", MAIL)
        await sender.close()

        assert (held.value.why, held.value.seconds) == ("DOMAIN_RATE", 50.0)
