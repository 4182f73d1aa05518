"""A message of a batch is written as the client writes one."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from servicekit.messaging import frames

values = st.text(st.characters(exclude_categories=("Cs",)), max_size=20).map(str.strip)


class Written(Client):
    """A client whose connection is a list."""

    def __init__(self) -> None:
        super().__init__()
        self.commands: list[bytes] = []

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        self.commands.append(cmd)


def by_the_client(subject: str, headers: dict[str, Any], payload: bytes) -> bytes:
    client = Written()
    asyncio.run(client._send_publish(subject, "", payload, len(payload), headers))
    return client.commands[0]


class TestFrame:
    @settings(deadline=None)
    @given(
        st.dictionaries(st.sampled_from(["ce-id", "ce-subject", "Nats-Msg-Id"]), values, min_size=1),
        st.binary(max_size=300),
    )
    def test_equals_what_the_client_sends(self, headers: dict[str, str], payload: bytes) -> None:
        subject = "marque.customer.v1.CustomerCreated"
        assert frames.frame(subject, headers, payload) == by_the_client(subject, headers, payload)

    def test_value_with_a_line_break_adds_no_header(self) -> None:
        made = frames.frame("s", {"ce-subject": "a\r\nce-id: forged"}, b"")
        assert b"\r\nce-id" not in made


class TestSend:
    def test_messages_leave_together(self) -> None:
        client = Written()
        asyncio.run(frames.send(client, [b"one", b"two"]))
        assert client.commands == [b"onetwo"]
