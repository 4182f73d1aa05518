"""Templates of messages."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import TemplateNotFound, TemplateValueMissing
from marque_campaign.models import Campaign, MessageTemplate
from marque_campaign.repository import lists as rows
from marque_campaign.repository.scope import Scope


async def create(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Writes a template; what its words may do was checked before."""
    async with uow:
        made = MessageTemplate(**values)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "message_template", str(made.template_id))
        return await uow.answer(made)


async def update(
    *, uow: UnitOfWork, scope: Scope, template_id: uuid.UUID, values: dict[str, Any], version: int, etag: str
) -> Any:
    """Changes a template. `version` is the one of which the new words were checked. Raises TemplateNotFound, EtagMismatch."""
    async with uow:
        template: MessageTemplate | None = await rows.lock(uow.session, rows.TEMPLATES, scope, template_id)
        if template is None:
            raise TemplateNotFound()
        template.check_etag(etag)
        template.check_etag(f"v{version}")
        changed = [name for name, value in values.items() if getattr(template, name) != value]
        for name in changed:
            setattr(template, name, values[name])
        uow.audit("update", "message_template", str(template_id), tuple(changed))
        return await uow.answer(template)


async def usable(uow: UnitOfWork, scope: Scope, campaign: Campaign, template_id: uuid.UUID, channel: int) -> Any:
    """Returns a template that a campaign may use over a channel (0: any). Raises TemplateNotFound."""
    found = await rows.used(uow.session, rows.TEMPLATES, scope, template_id, campaign.dealer_id)
    if found is None or (channel and found.channel != channel):
        raise TemplateNotFound()
    return found


def finished(template: MessageTemplate, campaign: Campaign) -> dict[str, Any]:
    """Returns the words of a template as they are frozen for a review, with a value for each name in them. Raises TemplateValueMissing."""
    if missing := template.template.lacks(campaign.given, campaign.facts):
        raise TemplateValueMissing(name=missing[0])
    return template.document
