"""Wires the campaign service by hand; nothing happens at import."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from servicekit.bulk.api import ImportApi
from servicekit.bulk.rows import Importer
from servicekit.bulk.worker import import_due
from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.mail.letters import domain_of
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.client import Peer
from servicekit.rpc.underway import Underway
from servicekit.service import Kit, Service
from servicekit.sweeps import Sweep

from marque_campaign import due
from marque_campaign.api import (
    AudienceListApi,
    CampaignApi,
    CampaignBlueprintApi,
    CampaignInsightApi,
    CampaignReportApi,
    CampaignSendApi,
    EventPageApi,
    EventRegistrationApi,
    LetterFileApi,
    MarketingEventApi,
    MarketingPlanApi,
    MessagePageApi,
    MessageTemplateApi,
    OfferCodeApi,
    SegmentApi,
)
from marque_campaign.clients import Customers, Owners, Provider, http_provider
from marque_campaign.clients.calls import CallTasks
from marque_campaign.clients.learner import Learner
from marque_campaign.clients.mail import MailProvider
from marque_campaign.clients.people import People
from marque_campaign.clients.recalls import Recalls
from marque_campaign.clients.visitors import Visitors
from marque_campaign.errors import CONSTRAINTS
from marque_campaign.handover import CampaignHandOver
from marque_campaign.personal import CampaignPersonalData
from marque_campaign.rules import figures
from marque_campaign.rules.dressing import Dresser
from marque_campaign.settings import Settings
from marque_campaign.subscribers import subscriptions
from marque_campaign.usecases.audience import Audience
from marque_campaign.usecases.carrying import Carrier
from marque_campaign.usecases.importing import MemberImporter
from marque_campaign.usecases.journeys import Journeys
from marque_campaign.usecases.letters import Letters
from marque_campaign.usecases.readying import Readier
from marque_campaign.usecases.recalls import Waves
from marque_campaign.usecases.segments import Days
from marque_campaign.usecases.sending import Sender
from marque_campaign.usecases.snapshots import READERS
from marque_campaign.usecases.spend_importing import SpendImporter
from marque_campaign.usecases.wording import Wording

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    customers, carriers = Customers(_peer(kit, "customer")), _providers(kit)
    visitors, underway = Visitors(_peer(kit, "customer")), Underway()
    people = People(_peer(kit, "customer"), _peer(kit, "vehicle"))
    importers: dict[str, Importer] = {
        "ImportAudienceListMembers": MemberImporter(work, people),
        "ImportOutsideSpends": SpendImporter(work),
    }
    heard = subscriptions()
    sweeps: dict[str, Sweep] = {}
    if isinstance(kit.settings, Settings) and "customer" in kit.settings.peers:
        told = kit.settings
        dresser = None
        if isinstance(carriers.get("EMAIL"), MailProvider):
            dresser = Dresser(told.public_url, domain_of(told.mail_sender), kit.sealer.digest)
        wording = Wording(dresser, kit.sealer.digest, kit.sealer.digests)
        readier = Readier(work, customers, wording, Carrier(work, told.public_url, kit.sealer.digest))
        sender = Sender(
            work,
            readier,
            wording,
            carriers,
            batch=told.send_batch,
            at_once=told.hand_over_at_once,
            days=_days(kit),
        )
        sweeps["campaign-sends"] = sender.sweep
        keep = timedelta(days=told.letter_file_days)
        letters = Letters(work, customers, readier, wording, kit.sealer, keep=keep, days=_days(kit))
        sweeps["campaign-letters"] = letters.sweep
    sweeps["campaign-runs"] = Journeys(work, _days(kit).zone).sweep
    owners = _owners(kit)
    if owners is not None:
        sweeps["campaign-audience"] = Audience(work, owners, _days(kit)).sweep
    recalls = Recalls(vehicle) if (vehicle := _peer(kit, "vehicle")) else None
    if recalls is not None:
        sweeps["campaign-recalls"] = Waves(work, recalls).sweep
    return Service(
        name="campaign",
        migrations=MIGRATIONS,
        servicers=[
            CampaignApi(work),
            CampaignSendApi(work, kit.sealer.digests),
            CampaignReportApi(work),
            CampaignInsightApi(work, Learner(), _days(kit), underway),
            MarketingPlanApi(work, _days(kit)),
            CampaignBlueprintApi(work),
            MessagePageApi(work, kit.sealer.digests, customers),
            MessageTemplateApi(work, carriers.get("EMAIL"), _test_domains(kit)),
            AudienceListApi(work),
            SegmentApi(work, _days(kit)),
            MarketingEventApi(work, kit.sealer.digest),
            EventRegistrationApi(work),
            OfferCodeApi(work),
            LetterFileApi(work, kit.sealer),
            EventPageApi(work, kit.sealer.digest, kit.sealer.digests, visitors),
            ImportApi("campaign", work, importers),
            PersonalDataApi("campaign", work, CampaignPersonalData(kit.sealer)),
            HandOverApi("campaign", work, CampaignHandOver()),
            OperationsApi("campaign", work, READERS, heard, kit=kit),
        ],
        due={**import_due(work, importers), **due.handlers(_days(kit))},
        subscriptions=heard,
        snapshots=READERS,
        figures=figures.ALL,
        sweeps=sweeps,
        closing=[
            underway,
            customers,
            visitors,
            people,
            *carriers.values(),
            *(one for one in (owners, recalls) if one is not None),
        ],
    )


def _owners(kit: Kit) -> Owners | None:
    customer, vehicle = _peer(kit, "customer"), _peer(kit, "vehicle")
    return Owners(customer, vehicle) if customer and vehicle else None


def _days(kit: Kit) -> Days:
    told = kit.settings
    return Days(told.market_zone, told.count_timeout_ms) if isinstance(told, Settings) else Days()


def _test_domains(kit: Kit) -> list[str]:
    told = kit.settings
    return [domain_of(told.mail_sender), *told.test_domains] if isinstance(told, Settings) else []


def _peer(kit: Kit, name: str) -> Peer | None:
    address = kit.settings.peers.get(name)
    return Peer(name, address, kit.identity) if address else None


def _providers(kit: Kit) -> dict[str, Provider]:
    if not isinstance(kit.settings, Settings):  # a schema is migrated with the settings that every service has
        return {}
    found: dict[str, Provider] = {"EMAIL": MailProvider(kit.settings)} if kit.settings.smtp_host else {}
    for channel, one in kit.settings.providers.items():
        found[channel] = http_provider(one.url, one.secret_file, repeatable=one.repeatable)
    if (customer := _peer(kit, "customer")) is not None:
        found["PHONE"] = CallTasks(customer)
    return found
