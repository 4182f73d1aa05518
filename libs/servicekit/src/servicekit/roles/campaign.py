"""Permissions of the campaign service, grouped by what people do with campaigns. A line is `service.collection: verbs`."""

from __future__ import annotations

# Campaigns: what those see who only look, what those do who write them, and what releases them.
CAMPAIGN_LOOK = """
campaign.campaigns: read list
campaign.templates: read list preview
campaign.audience_lists: read list
campaign.sends: list explain
"""
CAMPAIGN_WORK = (
    CAMPAIGN_LOOK
    + """
campaign.campaigns: create update submit
campaign.templates: create update
campaign.audience_lists: create change
"""
)
# What campaigns cost and brought.
REPORTS = """
campaign.reports: read
"""
CAMPAIGNS_ALL = (
    CAMPAIGN_WORK + "\ncampaign.campaigns: send_back approve schedule pause resume cancel\ncampaign.sends: settle\n"
)

# Segments: people by rules. Who writes campaigns writes them.
SEGMENT_LOOK = "campaign.segments: read list preview check"
SEGMENT_WORK = SEGMENT_LOOK + "\ncampaign.segments: create update explain"

# Whom every campaign leaves out: the maker says it, whoever writes campaigns may know it.
SUPPRESSION_LOOK = "campaign.suppression_rules: list"
SUPPRESSION_WORK = SUPPRESSION_LOOK + "\ncampaign.suppression_rules: put"

_ALL = (CAMPAIGNS_ALL, REPORTS, SEGMENT_WORK, SUPPRESSION_LOOK)
_MAKER = (*_ALL, SUPPRESSION_WORK)
HELD: dict[str, tuple[str, ...]] = {
    "dealer.care": (CAMPAIGN_WORK, REPORTS, SEGMENT_WORK, SUPPRESSION_LOOK),
    "dealer.manager": _ALL,
    "oem.region": (CAMPAIGN_LOOK, REPORTS, SEGMENT_LOOK, SUPPRESSION_LOOK),
    "oem.marketing": _MAKER,
    "oem.manager": _MAKER,
    "oem.admin": _MAKER,
    "service": _MAKER,
}
"""Which role holds what of this service."""
