"""What can go wrong with campaigns, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, FailedPrecondition, NotFound


class CampaignNotFound(NotFound):
    """No such campaign in the caller's sight."""

    reason = "CAMPAIGN_NOT_FOUND"
    message = "There is no such campaign, or you may not see it."


class TemplateNotFound(NotFound):
    """No such template that the caller may use so."""

    reason = "TEMPLATE_NOT_FOUND"
    message = "There is no such template, or you may not use it so."


class AudienceListNotFound(NotFound):
    """No such list in the caller's sight."""

    reason = "AUDIENCE_LIST_NOT_FOUND"
    message = "There is no such list, or you may not see it."


class DealerNotFound(NotFound):
    """No such dealer, or not in the caller's scope."""

    reason = "DEALER_NOT_FOUND"
    message = "There is no such dealer, or it is not yours."


class CampaignStateNotAllowed(FailedPrecondition):
    """The campaign does not stand where the verb is possible."""

    reason = "CAMPAIGN_STATE"
    message = "The campaign is {state}: {verb} is not possible there."


class CampaignIncomplete(FailedPrecondition):
    """Something that a submission needs is missing."""

    reason = "CAMPAIGN_INCOMPLETE"
    message = "The campaign still lacks {fields}."


class CampaignSamePerson(FailedPrecondition):
    """Whoever wrote or submitted a campaign may not approve it."""

    reason = "CAMPAIGN_SAME_PERSON"
    message = "Somebody else must approve it: you wrote or submitted it."


class TemplateValueMissing(FailedPrecondition):
    """A variable of the template has neither a value nor a fallback."""

    reason = "TEMPLATE_VALUE_MISSING"
    message = "The template's variable {name} has no value."


class MessageTooLong(FailedPrecondition):
    """What would leave is longer than its channel takes."""

    reason = "MESSAGE_TOO_LONG"
    message = "The {part} is longer than the channel takes."


class AudienceListFull(FailedPrecondition):
    """There are as many people as a list holds."""

    reason = "AUDIENCE_LIST_FULL"
    message = "The list would hold more than {most} people."


class SegmentNotFound(NotFound):
    """No such segment in the caller's sight."""

    reason = "SEGMENT_NOT_FOUND"
    message = "There is no such segment, or you may not see it."


class SegmentBroken(FailedPrecondition):
    """The rule can no longer be asked: a segment or list that it names is gone, or names it back."""

    reason = "SEGMENT_BROKEN"
    message = "The rule of the segment cannot be asked: {why}"


class SendNotFound(NotFound):
    """No such line of a campaign in the caller's sight."""

    reason = "SEND_NOT_FOUND"
    message = "There is no such line, or you may not see it."


class SendStateNotAllowed(FailedPrecondition):
    """It is known what became of the line."""

    reason = "SEND_STATE"
    message = "It is known what became of it: only an unknown one can be settled."


class SendUnderWay(Aborted):
    """A message to the person is being handed over."""

    reason = "SEND_UNDER_WAY"
    message = "A message to this person is being handed over: ask again in a moment."


class MessageLinkUnknown(NotFound):
    """A link that was not made here, or of a message that was never handed over."""

    reason = "MESSAGE_LINK_UNKNOWN"
    message = "The link is not complete, or does not exist."


CONSTRAINTS: Constraints = {}
