"""Templates of messages, and lists of people."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_campaign.errors import AudienceListFull, AudienceListNotFound, TemplateNotFound, TemplateValueMissing
from marque_campaign.models import AudienceList, Campaign, MessageTemplate
from marque_campaign.repository import lists as rows
from marque_campaign.repository import members
from marque_campaign.repository.scope import Scope

MOST_MEMBERS = 5_000_000


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


async def create_list(*, uow: UnitOfWork, values: dict[str, Any]) -> Any:
    """Makes an empty list."""
    async with uow:
        made = AudienceList(**values)
        uow.add(made)
        await uow.flush()
        uow.audit("create", "audience_list", str(made.audience_list_id))
        return await uow.answer(made)


async def change_members(
    *,
    uow: UnitOfWork,
    scope: Scope,
    list_id: uuid.UUID,
    added: Sequence[uuid.UUID],
    removed: Sequence[uuid.UUID],
    etag: str,
) -> Any:
    """Puts people on a list and takes others off. Raises AudienceListNotFound, AudienceListFull, EtagMismatch."""
    async with uow:
        found: AudienceList | None = await rows.lock(uow.session, rows.AUDIENCE_LISTS, scope, list_id)
        if found is None:
            raise AudienceListNotFound()
        found.check_etag(etag)
        came = await members.add(uow.session, list_id, added, uow.now)
        found.member_count += came - await members.remove(uow.session, list_id, removed)
        if found.member_count > MOST_MEMBERS:
            raise AudienceListFull(most=MOST_MEMBERS)
        uow.audit("change_members", "audience_list", str(list_id), ("members",))
        return await uow.answer(found)
