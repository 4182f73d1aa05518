"""Wires the campaign service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.service import Kit, Service

from marque_campaign.api import AudienceListApi, CampaignApi, MessageTemplateApi
from marque_campaign.errors import CONSTRAINTS
from marque_campaign.handover import CampaignHandOver
from marque_campaign.personal import CampaignPersonalData
from marque_campaign.subscribers import subscriptions
from marque_campaign.usecases.snapshots import READERS

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    heard = subscriptions()
    return Service(
        name="campaign",
        migrations=MIGRATIONS,
        servicers=[
            CampaignApi(work),
            MessageTemplateApi(work),
            AudienceListApi(work),
            PersonalDataApi("campaign", work, CampaignPersonalData()),
            HandOverApi("campaign", work, CampaignHandOver()),
            OperationsApi("campaign", work, READERS, heard, kit=kit),
        ],
        subscriptions=heard,
        snapshots=READERS,
    )
