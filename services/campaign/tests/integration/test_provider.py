"""What is made of the answers of a provider that is ill: whether something left, and when it may be tried again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from marque_campaign.clients import HttpProvider, NotHanded, Outgoing, Rejected, Silent
from marque_campaign.rules.templates import Message
from servicekit.testing.provider import BUSY, DROP, FAIL, REFUSE, TAKE, RecordingProvider

KEY = "0b7c1d0e-0000-4000-8000-000000000001"
OUTGOING = Outgoing(KEY, "SMS", "+8613900000000", Message("en", "", "News"))


@pytest.fixture
def provider() -> Iterator[RecordingProvider]:
    made = RecordingProvider(once=True)
    yield made
    made.close()


async def told(provider: RecordingProvider, *, wait: float = 5.0) -> Any:
    """What handing a message over raised; None where it was taken."""
    sender = HttpProvider(provider.url, b"0" * 32, repeatable=True, seconds=wait)
    try:
        await sender.send(OUTGOING)
    except (NotHanded, Rejected, Silent) as fault:
        return fault
    finally:
        await sender.close()
    return None


class TestIll:
    async def test_one_that_is_slow_took_it_or_did_not_and_the_same_key_is_taken_once(
        self, provider: RecordingProvider
    ) -> None:
        slow = threading.Event()

        def manner(message: dict[str, Any], times: int) -> str:
            if not times:
                slow.wait(10)
            return TAKE

        provider.manner = manner
        late = await told(provider, wait=0.1)
        slow.set()
        again = await told(provider)

        assert (type(late), late.why, again) == (Silent, "ReadTimeout", None)
        assert provider.accepted == {KEY: 1}

    async def test_from_one_that_is_not_there_nothing_left(self, provider: RecordingProvider) -> None:
        provider.close()
        down = await told(provider)
        provider.open()

        assert (type(down), down.why) == (NotHanded, "ConnectError")
        assert await told(provider) is None

    @pytest.mark.parametrize(
        ("manner", "kind", "why", "seconds"),
        [
            (BUSY, NotHanded, "HTTP_429", 120.0),
            (FAIL, Silent, "HTTP_503", 0.0),
            (DROP, Silent, "RemoteProtocolError", 0.0),
            (REFUSE, Rejected, "HTTP_400", 0.0),
        ],
    )
    async def test_each_answer_says_whether_it_may_come_again_and_when(
        self, provider: RecordingProvider, manner: str, kind: type[Exception], why: str, seconds: float
    ) -> None:
        provider.manner, provider.retry_after = (lambda message, times: manner), 120
        fault = await told(provider)

        assert (type(fault), fault.why, getattr(fault, "seconds", 0.0)) == (kind, why, seconds)
