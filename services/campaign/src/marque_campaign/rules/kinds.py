"""The numbers of the contract's enums (marque.campaign.v1, marque.type.v1, marque.customer.v1), by the names that rules speak of them."""

NEWSLETTER, BIRTHDAY, SERVICE_DUE, RECALL_NOTICE, WARRANTY_END, WIN_BACK, TEST_DRIVE_EVENT, CROSS_SELL = range(1, 9)

DRAFT, SUBMITTED, REVIEWED, SCHEDULED, RUNNING, PAUSED, FINISHED, CANCELLED = range(1, 9)
STATES = range(DRAFT, CANCELLED + 1)
OVER = frozenset({FINISHED, CANCELLED})
STATE_NAMES = ("", "DRAFT", "SUBMITTED", "REVIEWED", "SCHEDULED", "RUNNING", "PAUSED", "FINISHED", "CANCELLED")

PHONE, SMS, EMAIL, POST, MESSAGING, PUSH = range(1, 7)
WITH_SUBJECT = frozenset({EMAIL, POST, PUSH})

FROM_CAMPAIGN, FULL_NAME, GIVEN_NAME, FAMILY_NAME = range(4)
ADDRESSEE = -1
"""What stands on an envelope: the name of a person or an organisation. No field of templates."""

# Purposes of a consent.
SERVICE, MARKETING, CROSS_SELLING, _SHARING, RESEARCH, PROFILING = range(1, 7)

# What people do after a message: with the message itself, and what the other services tell.
OPEN, CLICK, REPLY, REGISTRATION, VISIT, TEST_DRIVE, PURCHASE = range(1, 8)
REDEMPTION = 70
# Those that others tell, which somebody in a holdout can do too.
TOLD = (REPLY, REGISTRATION, VISIT, TEST_DRIVE, PURCHASE)
