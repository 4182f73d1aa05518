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
campaign.audience_lists: create update delete change import list_members export_members
campaign.imports: upload read list cancel
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

# Who responds, and who resembles them: of the maker's campaigns alone, because people agree to profiling by the maker.
INSIGHT = "campaign.insights: read find"

# Plans of marketing and what was spent: managers plan, who writes campaigns looks.
PLAN_LOOK = "campaign.marketing_plans: read list report"
PLAN_WORK = PLAN_LOOK + "\ncampaign.marketing_plans: create update\ncampaign.outside_spends: record import"

# Events that people register for, and codes of offers: who receives people registers them, lets them in and redeems.
EVENT_LOOK = """
campaign.marketing_events: read list
campaign.event_registrations: list
"""
EVENT_DESK = (
    EVENT_LOOK
    + """
campaign.event_registrations: create settle
campaign.offer_codes: read redeem
"""
)
EVENT_WORK = EVENT_DESK + "\ncampaign.marketing_events: create update advance\n"

# Kinds of campaigns that are ready to use: whoever writes campaigns may begin with one.
BLUEPRINTS = "campaign.blueprints: list use"

# Templates sent to addresses of the maker's own, to see how they arrive: its own people do that.
TESTS = "campaign.templates: send_test"

# Files of letters hold names and addresses: who releases campaigns has them printed, and hears what came back.
LETTERS = """
campaign.letter_files: create read list download mark_printed
campaign.letter_returns: record
"""

_ALL = (CAMPAIGNS_ALL, REPORTS, SEGMENT_WORK, SUPPRESSION_LOOK, PLAN_WORK, EVENT_WORK, BLUEPRINTS, LETTERS)
_MAKER = (*_ALL, SUPPRESSION_WORK, INSIGHT, TESTS)
HELD: dict[str, tuple[str, ...]] = {
    "dealer.care": (CAMPAIGN_WORK, REPORTS, SEGMENT_WORK, SUPPRESSION_LOOK, PLAN_LOOK, EVENT_WORK, BLUEPRINTS),
    "dealer.sales": (EVENT_DESK,),
    "dealer.manager": _ALL,
    "oem.region": (CAMPAIGN_LOOK, REPORTS, SEGMENT_LOOK, SUPPRESSION_LOOK, PLAN_LOOK, EVENT_LOOK),
    "oem.marketing": _MAKER,
    "oem.manager": _MAKER,
    "oem.admin": _MAKER,
    "service": _MAKER,
}
"""Which role holds what of this service."""
