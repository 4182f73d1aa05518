"""The servicers of the campaign service: read the request, call the use case, render the answer."""

from marque_campaign.api.blueprints import CampaignBlueprintApi
from marque_campaign.api.campaigns import CampaignApi
from marque_campaign.api.event_pages import EventPageApi
from marque_campaign.api.events import EventRegistrationApi, MarketingEventApi
from marque_campaign.api.insight import CampaignInsightApi
from marque_campaign.api.letters import LetterFileApi
from marque_campaign.api.lists import AudienceListApi
from marque_campaign.api.offers import OfferCodeApi
from marque_campaign.api.pages import MessagePageApi
from marque_campaign.api.plan import MarketingPlanApi
from marque_campaign.api.reports import CampaignReportApi
from marque_campaign.api.segments import SegmentApi
from marque_campaign.api.sends import CampaignSendApi
from marque_campaign.api.templates import MessageTemplateApi

__all__ = [
    "AudienceListApi",
    "CampaignApi",
    "CampaignBlueprintApi",
    "CampaignInsightApi",
    "CampaignReportApi",
    "CampaignSendApi",
    "EventPageApi",
    "EventRegistrationApi",
    "LetterFileApi",
    "MarketingEventApi",
    "MarketingPlanApi",
    "MessagePageApi",
    "MessageTemplateApi",
    "OfferCodeApi",
    "SegmentApi",
]
