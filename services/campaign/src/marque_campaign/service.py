"""Wires the campaign service by hand; nothing happens at import."""

from __future__ import annotations

from pathlib import Path

from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.mail.letters import domain_of
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.client import Peer
from servicekit.service import Kit, Service
from servicekit.sweeps import Sweep

from marque_campaign import due
from marque_campaign.api import (
    AudienceListApi,
    CampaignApi,
    CampaignReportApi,
    CampaignSendApi,
    MessagePageApi,
    MessageTemplateApi,
    SegmentApi,
)
from marque_campaign.clients import Customers, Owners, Provider, http_provider
from marque_campaign.clients.mail import MailProvider
from marque_campaign.errors import CONSTRAINTS
from marque_campaign.handover import CampaignHandOver
from marque_campaign.personal import CampaignPersonalData
from marque_campaign.rules import figures
from marque_campaign.rules.dressing import Dresser
from marque_campaign.settings import Settings
from marque_campaign.subscribers import subscriptions
from marque_campaign.usecases.audience import Audience
from marque_campaign.usecases.segments import Days
from marque_campaign.usecases.sending import Sender
from marque_campaign.usecases.snapshots import READERS
from marque_campaign.usecases.wording import Wording

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    customers, carriers = Customers(_peer(kit, "customer")), _providers(kit)
    heard = subscriptions()
    sweeps: dict[str, Sweep] = {}
    if isinstance(kit.settings, Settings) and "customer" in kit.settings.peers:
        told = kit.settings
        dresser = None
        if isinstance(carriers.get("EMAIL"), MailProvider):
            dresser = Dresser(told.public_url, domain_of(told.mail_sender), kit.sealer.digest)
        wording = Wording(customers, dresser, kit.sealer.digest, kit.sealer.digests)
        sender = Sender(work, customers, wording, carriers, batch=told.send_batch, at_once=told.hand_over_at_once)
        sweeps["campaign-sends"] = sender.sweep
    owners = _owners(kit)
    if owners is not None:
        sweeps["campaign-audience"] = Audience(work, owners, _days(kit).zone).sweep
    return Service(
        name="campaign",
        migrations=MIGRATIONS,
        servicers=[
            CampaignApi(work),
            CampaignSendApi(work, kit.sealer.digests),
            CampaignReportApi(work),
            MessagePageApi(work, kit.sealer.digests, customers),
            MessageTemplateApi(work),
            AudienceListApi(work),
            SegmentApi(work, _days(kit)),
            PersonalDataApi("campaign", work, CampaignPersonalData()),
            HandOverApi("campaign", work, CampaignHandOver()),
            OperationsApi("campaign", work, READERS, heard, kit=kit),
        ],
        due=due.handlers(_days(kit)),
        subscriptions=heard,
        snapshots=READERS,
        figures=figures.ALL,
        sweeps=sweeps,
        closing=[customers, *carriers.values(), *([owners] if owners else [])],
    )


def _owners(kit: Kit) -> Owners | None:
    customer, vehicle = _peer(kit, "customer"), _peer(kit, "vehicle")
    return Owners(customer, vehicle) if customer and vehicle else None


def _days(kit: Kit) -> Days:
    told = kit.settings
    return Days(told.market_zone, told.count_timeout_ms) if isinstance(told, Settings) else Days()


def _peer(kit: Kit, name: str) -> Peer | None:
    address = kit.settings.peers.get(name)
    return Peer(name, address, kit.identity) if address else None


def _providers(kit: Kit) -> dict[str, Provider]:
    if not isinstance(kit.settings, Settings):  # a schema is migrated with the settings that every service has
        return {}
    found: dict[str, Provider] = {"EMAIL": MailProvider(kit.settings)} if kit.settings.smtp_host else {}
    for channel, one in kit.settings.providers.items():
        found[channel] = http_provider(one.url, one.secret_file, repeatable=one.repeatable)
    return found
