"""What can go wrong with campaigns, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, FailedPrecondition, NotFound, ResourceExhausted, Unavailable


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


class AudienceListBeingReplaced(Aborted):
    """Another import began to replace a list between the try of a chunk and its mark; tried again its rows say so."""

    reason = "AUDIENCE_LIST_BEING_REPLACED"
    message = "Another import replaces this list."


class AudienceListInUse(FailedPrecondition):
    """A campaign that is not over goes to the list, or a segment names it."""

    reason = "AUDIENCE_LIST_IN_USE"
    message = "A campaign that is not over goes to the list, or a segment names it: end or change that first."


class BlueprintNotFound(NotFound):
    """No such kind that is ready to use."""

    reason = "BLUEPRINT_NOT_FOUND"
    message = "There is no such kind of campaign to begin with."


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


class MarketingPlanNotFound(NotFound):
    """No such plan in the caller's sight."""

    reason = "MARKETING_PLAN_NOT_FOUND"
    message = "There is no such plan, or you may not see it."


class RespondersTooFew(FailedPrecondition):
    """Too few people, who may be profiled, responded or did not: nothing can be learned from them."""

    reason = "RESPONDERS_TOO_FEW"
    message = "{responders} of {people} people who agreed to profiling responded: {fewest} who did and {fewest} who did not are needed."


class ProfilingNotAllowed(FailedPrecondition):
    """It is not known whether people agreed that this controller profiles them."""

    reason = "PROFILING_NOT_ALLOWED"
    message = "People agreed to profiling by the maker, not by the dealer: there is no profile of a dealer's campaign."


class LearningUnavailable(Unavailable):
    """The process that learns ended without an answer, or another asks it at the moment."""

    reason = "LEARNING_UNAVAILABLE"
    message = "What people have in common cannot be learned now: try again later."


class TestMessageNotPossible(FailedPrecondition):
    """Only mails are tested so, and only where mails are sent."""

    reason = "TEST_NOT_POSSIBLE"
    message = "Only an e-mail can be tested so, where the platform sends mails."


class TestMessageNotTaken(FailedPrecondition):
    """The mail server did not take it, or nobody knows."""

    reason = "TEST_MESSAGE_NOT_TAKEN"
    message = "The test message was not taken: {why}."


class TestMessageLimit(ResourceExhausted):
    """So many are enough to see how a template arrives."""

    reason = "TEST_MESSAGE_LIMIT"
    message = "You sent {most} test messages within an hour: wait."


CONSTRAINTS: Constraints = {}


class MarketingEventNotFound(NotFound):
    """No such event in the caller's sight."""

    reason = "MARKETING_EVENT_NOT_FOUND"
    message = "There is no such event, or you may not see it."


class EventSessionNotFound(NotFound):
    """The event has no such session."""

    reason = "EVENT_SESSION_NOT_FOUND"
    message = "The event has no such session."


class EventRegistrationNotFound(NotFound):
    """No such registration in the caller's sight."""

    reason = "EVENT_REGISTRATION_NOT_FOUND"
    message = "There is no such registration, or you may not see it."


class EventLinkUnknown(NotFound):
    """A link that was not made here, or of an event that is not there for people."""

    reason = "EVENT_LINK_UNKNOWN"
    message = "The link is not complete, or does not exist."


class MarketingEventStateNotAllowed(FailedPrecondition):
    """The event does not stand where that is possible."""

    reason = "MARKETING_EVENT_STATE"
    message = "The event is {state}: that is not possible there."


class MarketingEventIncomplete(FailedPrecondition):
    """Something that people need to register is missing."""

    reason = "MARKETING_EVENT_INCOMPLETE"
    message = "The event still lacks {fields}."


class EventSessionTaken(FailedPrecondition):
    """More people are registered for a session than it would hold."""

    reason = "EVENT_SESSION_TAKEN"
    message = "People are registered for the session: it cannot go, or hold fewer than {taken}."


class EventSessionFull(FailedPrecondition):
    """Whoever has a place keeps it, rather than to wait elsewhere."""

    reason = "EVENT_SESSION_FULL"
    message = "There are not enough seats: the registration stays as it was."


class EventRegistrationClosed(FailedPrecondition):
    """Nobody can register for the session now."""

    reason = "EVENT_REGISTRATION_CLOSED"
    message = "Nobody can register for this now: {why}."


class EventRegistrationStateNotAllowed(FailedPrecondition):
    """The registration does not stand where that is possible, or it is too early or too late for it."""

    reason = "EVENT_REGISTRATION_STATE"
    message = "The registration is {state}: that is not possible there or now."


class EventRegistrationKnown(FailedPrecondition):
    """Somebody with this address is registered; whoever has merely typed the address learns and changes no more."""

    reason = "EVENT_REGISTRATION_KNOWN"
    message = "This cannot be done by this link. Use the link of the registration or of the message."


class OfferCodeNotFound(NotFound):
    """No such code that the caller may redeem."""

    reason = "OFFER_CODE_NOT_FOUND"
    message = "There is no such code, or it is not for your dealers."


class OfferCodeStateNotAllowed(FailedPrecondition):
    """The code cannot be redeemed."""

    reason = "OFFER_CODE_STATE"
    message = "The code cannot be redeemed: it is {state}."


class LetterFileNotFound(NotFound):
    """No such file of letters in the caller's sight."""

    reason = "LETTER_FILE_NOT_FOUND"
    message = "There is no such file of letters, or you may not see it."


class LetterFileStateNotAllowed(FailedPrecondition):
    """The file does not stand where that is possible."""

    reason = "LETTER_FILE_STATE"
    message = "The file is {state}: that is not possible there."


class LetterFileDelta(FailedPrecondition):
    """Letters of the file must not be posted, and the caller does not know of all of them."""

    reason = "LETTER_FILE_DELTA"
    message = "The delta names {pulled} letters: take those out that you did not know of, and say so."


class LetterFileChecking(Aborted):
    """Something changed of somebody with a letter in the file, and it is not known yet what that says of the letter."""

    reason = "LETTER_FILE_CHECKING"
    message = "It is just being found out whether every letter may go: ask again in a moment."


CONSTRAINTS: Constraints = {"ck_event_sessions_seats": EventSessionFull}
