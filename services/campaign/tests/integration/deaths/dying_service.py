"""Whole campaign services that die at a step that was chosen (`servicekit.testing.crash.dying`): doors, sweeps, due work and all."""

from __future__ import annotations

import asyncio

from marque_campaign.api.events import EventRegistrationApi
from marque_campaign.api.offers import OfferCodeApi
from marque_campaign.clients.calls import CallTasks
from marque_campaign.repository import events, notices, offers, runs
from marque_campaign.service import build
from marque_campaign.settings import Settings
from marque_campaign.usecases import launching
from marque_campaign.usecases.carrying import Carrier
from marque_campaign.usecases.journeys import Journeys
from servicekit import sweeps
from servicekit.service import Running
from servicekit.testing.crash.dying import AFTER, BEFORE, WITHIN, Step, obey

# Without another word, a step's transaction is open when the process dies.
STEPS = {
    "listing-runs": Step("plan", AFTER, (runs,)),
    "holding-the-campaign": Step("share", AFTER, (runs,)),
    "taking-runs": Step("claim", AFTER, (runs,)),
    "planning-lines": Step("plan_lines", AFTER, (runs,)),
    "moving-runs": Step("move", AFTER, (runs,)),
    "runs-moved": Step("_advance", AFTER, (Journeys,)),  # committed
    "finishing": Step("finish", BEFORE, (launching,)),
    "finished": Step("finish", AFTER, (launching,)),  # committed
    "drawing-codes": Step("draw", AFTER, (offers,)),
    "codes-drawn": Step("carried", AFTER, (Carrier,)),  # committed
    "redeeming": Step("redeem", AFTER, (offers,)),
    "redeemed": Step("RedeemOfferCode", AFTER, (OfferCodeApi,)),  # committed, not answered
    "arriving": Step("arrive", AFTER, (events,)),
    "planning-notices": Step("plan", AFTER, (notices,)),
    "ending-notices": Step("end", AFTER, (notices,)),
    "registered": Step("RegisterForEvent", AFTER, (EventRegistrationApi,)),  # committed, not answered
    "settled": Step("SettleEventRegistration", AFTER, (EventRegistrationApi,)),  # committed, not answered
    "making-a-task": Step("send", WITHIN, (CallTasks,)),
    "task-made": Step("send", AFTER, (CallTasks,)),
}


async def run(grpc_port: str, health_port: str) -> None:
    """Serves until it dies."""
    sweeps.EVERY_SECONDS = 0.5
    settings = Settings().model_copy(update={"grpc_port": int(grpc_port), "health_port": int(health_port)})
    await Running(build, settings, "campaign").start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    obey(STEPS, run)
