"""A template sent to somebody of the maker's, to see how it arrives."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.clients import NotHanded, Outgoing, Provider, Rejected, Silent
from marque_campaign.errors import TestMessageLimit, TestMessageNotTaken
from marque_campaign.models import SentTest
from marque_campaign.repository import trials as repository
from marque_campaign.rules import trials as rules
from marque_campaign.rules.templates import Message


async def begin(*, uow: UnitOfWork, template_id: uuid.UUID) -> tuple[uuid.UUID, Any]:
    """Counts a test message, committed before it leaves: a retry of the call is told the first answer, and nothing leaves again.

    Raises TestMessageLimit.
    """
    async with uow:
        actor = uow.principal.subject
        if await repository.count(uow.session, actor, uow.now - rules.WITHIN) >= rules.MOST:
            raise TestMessageLimit(most=rules.MOST)
        made = SentTest(template_id=template_id, actor=actor, create_time=uow.now)
        uow.add(made)
        await uow.flush()
        uow.audit("test", "message_template", str(template_id))
        return made.test_message_id, await uow.answer(made)


async def send(provider: Provider, test_message_id: uuid.UUID, channel: str, address: str, message: Message) -> None:
    """Hands a test message over, once. Raises TestMessageNotTaken."""
    outgoing = Outgoing(str(test_message_id), channel, address, rules.marked(message))
    try:
        await provider.send(outgoing)
    except (NotHanded, Rejected, Silent) as fault:
        raise TestMessageNotTaken(why=fault.why) from None
