"""The tables of the campaign service, with their behaviour."""

from marque_campaign.models.audience import (
    AudienceCar,
    AudienceDeed,
    AudienceHolding,
    AudiencePerson,
    AudienceScore,
    AudienceStale,
    Segment,
    SuppressionRule,
)
from marque_campaign.models.base import Model
from marque_campaign.models.campaigns import Campaign
from marque_campaign.models.events import EventRegistration, EventSession, MarketingEvent
from marque_campaign.models.letters import Letter, LetterFile
from marque_campaign.models.lists import AudienceList, AudienceListMember
from marque_campaign.models.offers import OfferCode, OfferRedemption
from marque_campaign.models.plan import KnownLead, MarketingPlan, OutsideSpend
from marque_campaign.models.responses import BouncedAddress, CampaignResponse
from marque_campaign.models.runs import CampaignOccurrence, CampaignRun
from marque_campaign.models.sends import CampaignSend
from marque_campaign.models.templates import MessageTemplate
from marque_campaign.models.trials import SentTest
from marque_campaign.models.value import ValueClass

__all__ = [
    "AudienceCar",
    "AudienceDeed",
    "AudienceHolding",
    "AudienceList",
    "AudienceListMember",
    "AudiencePerson",
    "AudienceScore",
    "AudienceStale",
    "BouncedAddress",
    "Campaign",
    "CampaignOccurrence",
    "CampaignResponse",
    "CampaignRun",
    "CampaignSend",
    "EventRegistration",
    "EventSession",
    "KnownLead",
    "Letter",
    "LetterFile",
    "MarketingEvent",
    "MarketingPlan",
    "MessageTemplate",
    "Model",
    "OfferCode",
    "OfferRedemption",
    "OutsideSpend",
    "Segment",
    "SentTest",
    "SuppressionRule",
    "ValueClass",
]
