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
from marque_campaign.models.responses import BouncedAddress, CampaignResponse
from marque_campaign.models.sends import CampaignSend
from marque_campaign.models.templates import AudienceList, AudienceListMember, MessageTemplate

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
    "CampaignResponse",
    "CampaignSend",
    "MessageTemplate",
    "Model",
    "Segment",
    "SuppressionRule",
]
