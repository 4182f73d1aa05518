"""Wires the survey service by hand; nothing happens at import."""

from __future__ import annotations

import uuid
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from servicekit.db.uow import Work
from servicekit.handover import HandOverApi
from servicekit.operations import OperationsApi
from servicekit.personal_api import PersonalDataApi
from servicekit.rpc.client import Peer
from servicekit.sealing.sealer import Sealer
from servicekit.service import Kit, Service

from marque_survey import due
from marque_survey.api import (
    CallTaskApi,
    InvitationApi,
    QuestionnaireApi,
    SurveyPageApi,
    SurveyPlanApi,
    SurveyResultApi,
)
from marque_survey.clients import Customers, Mail, Permits
from marque_survey.errors import CONSTRAINTS
from marque_survey.handover import SurveyHandOver
from marque_survey.personal import SurveyPersonalData
from marque_survey.rules import links
from marque_survey.settings import Settings
from marque_survey.subscribers import subscriptions
from marque_survey.usecases import lapsing, queueing, sending
from marque_survey.usecases.snapshots import READERS

MIGRATIONS = Path(__file__).parent / "migrations"


def build(kit: Kit) -> Service:
    """Returns the service on the given parts."""
    work = Work(kit.database, kit.committed, CONSTRAINTS)
    heard = subscriptions()
    customers, link = Customers(_peer(kit, "customer")), partial(_link, kit.sealer)
    sweeps: dict[str, Any] = {
        "survey-expiry": partial(sending.expire, work=work),
        "survey-calls": partial(queueing.expire, work=work),
        "survey-lapsed": partial(lapsing.sweep, work=work),
    }
    closing: list[Any] = [customers]
    if (peer := _peer(kit, "customer")) is not None:
        closing.append(peer)
    if isinstance(kit.settings, Settings) and kit.settings.smtp_host and peer is not None:
        mail = Mail(kit.settings, link)
        closing.append(mail)
        lease = timedelta(seconds=kit.settings.mail_lease_seconds)
        sweeps["survey-mail"] = partial(sending.sweep, work=work, permits=Permits(peer), mail=mail, lease=lease)
    return Service(
        name="survey",
        migrations=MIGRATIONS,
        servicers=[
            QuestionnaireApi(work),
            SurveyPlanApi(work),
            InvitationApi(work, customers, link),
            CallTaskApi(work, Permits(peer) if peer is not None else None),
            SurveyPageApi(work, kit.sealer.digests, customers),
            SurveyResultApi(work),
            PersonalDataApi("survey", work, SurveyPersonalData()),
            HandOverApi("survey", work, SurveyHandOver()),
            OperationsApi("survey", work, READERS, heard, kit=kit),
        ],
        due=due.handlers(),
        subscriptions=heard,
        snapshots=READERS,
        sweeps=sweeps,
        closing=closing,
    )


def _peer(kit: Kit, name: str) -> Peer | None:
    address = kit.settings.peers.get(name)
    return Peer(name, address, kit.identity) if address else None


def _link(sealer: Sealer, invitation_id: uuid.UUID, number: int) -> str:
    """The path of an invitation's page."""
    return f"/s/{links.make(invitation_id, number, sealer.digest)}"
