"""A draft of a kind of campaign that is ready to use: its templates, its segment and the campaign, in one transaction."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from servicekit.db.uow import UnitOfWork

from marque_campaign.models import MessageTemplate, Segment
from marque_campaign.repository.scope import Scope
from marque_campaign.usecases import campaigns, segments


class Blueprint(Protocol):
    """What a kind gives."""

    code: str
    segment: str

    def name(self, language: str) -> str:
        """Its name."""

    def template_rows(self, language: str) -> dict[str, dict[str, Any]]:
        """The columns of its templates."""

    def campaign_row(
        self, language: str, ids: Mapping[str, uuid.UUID], segment_id: uuid.UUID | None, *, of_maker: bool
    ) -> dict[str, Any]:
        """The columns of its campaign."""


async def use(
    *, uow: UnitOfWork, scope: Scope, blueprint: Blueprint, language: str, dealer_id: uuid.UUID | None
) -> Any:
    """Writes the draft. What it names is its owner's own, so that changing one changes no other."""
    async with uow:
        ids: dict[str, uuid.UUID] = {}
        for key, values in blueprint.template_rows(language).items():
            template = MessageTemplate(**values, dealer_id=dealer_id)
            uow.add(template)
            await uow.flush()
            uow.audit("create", "message_template", str(template.template_id))
            ids[key] = template.template_id
        segment_id = None
        if blueprint.segment:
            await segments.checked(uow.session, blueprint.segment, dealer_id)
            segment = Segment(name=blueprint.name(language), dealer_id=dealer_id, rule=blueprint.segment)
            uow.add(segment)
            await uow.flush()
            uow.audit("create", "segment", str(segment.segment_id))
            segment_id = segment.segment_id
        values = blueprint.campaign_row(language, ids, segment_id, of_maker=dealer_id is None)
        return await uow.answer(await campaigns.draft(uow, scope, {**values, "dealer_id": dealer_id}))
