"""What can go wrong with surveys, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound


class QuestionnaireNotFound(NotFound):
    """No such questionnaire, or no such version of it."""

    reason = "QUESTIONNAIRE_NOT_FOUND"
    message = "There is no such questionnaire, or it has no such version."


class QuestionnaireEmpty(FailedPrecondition):
    """There is nothing to answer."""

    reason = "QUESTIONNAIRE_EMPTY"
    message = "The questionnaire has no question."


class QuestionnaireUnchanged(FailedPrecondition):
    """The draft says what the latest version says."""

    reason = "QUESTIONNAIRE_UNCHANGED"
    message = "The draft says what version {number} says."


class QuestionnaireNotPublished(FailedPrecondition):
    """Nobody can be asked by a draft."""

    reason = "QUESTIONNAIRE_NOT_PUBLISHED"
    message = "The questionnaire was never published."


class SurveyPlanNotFound(NotFound):
    """No such plan."""

    reason = "SURVEY_PLAN_NOT_FOUND"
    message = "There is no such plan."


class InvitationNotFound(NotFound):
    """No such invitation in the caller's sight."""

    reason = "INVITATION_NOT_FOUND"
    message = "There is no such invitation, or you may not see it."


class InvitationNotResendable(FailedPrecondition):
    """Nothing is left to send."""

    reason = "INVITATION_NOT_RESENDABLE"
    message = "The invitation is answered, on its way, or was not sent by e-mail."


class CustomerNotFound(NotFound):
    """Nobody can be invited under this id."""

    reason = "CUSTOMER_NOT_FOUND"
    message = "There is no such customer, or you may not see them."


class DealerNotFound(NotFound):
    """No such dealer, or not in the caller's scope."""

    reason = "DEALER_NOT_FOUND"
    message = "There is no such dealer, or it is not yours."


class SurveyLinkUnknown(NotFound):
    """The link is guessed, cut off or not ours."""

    reason = "SURVEY_LINK_UNKNOWN"
    message = "This link is not complete, or does not exist."


class SurveyLinkExpired(FailedPrecondition):
    """The time for answers is over."""

    reason = "SURVEY_LINK_EXPIRED"
    message = "The time for this survey is over."


class SurveyFinished(FailedPrecondition):
    """It was answered already."""

    reason = "SURVEY_FINISHED"
    message = "This survey was answered already."


class SurveyIncomplete(FailedPrecondition):
    """Something is missing or wrong; the violations name the questions."""

    reason = "SURVEY_INCOMPLETE"
    message = "Some answers are missing or cannot be taken."


class CallTaskNotFound(NotFound):
    """No such call task in the caller's sight."""

    reason = "CALL_TASK_NOT_FOUND"
    message = "There is no such call task, or you may not see it."


class CallTaskTaken(FailedPrecondition):
    """Another agent has it."""

    reason = "CALL_TASK_TAKEN"
    message = "Another agent has this call task."


class CallTaskEnded(FailedPrecondition):
    """Nobody is to be called any more."""

    reason = "CALL_TASK_ENDED"
    message = "This call task is ended."


class CallTaskNotYours(FailedPrecondition):
    """It was not taken, or by another agent."""

    reason = "CALL_TASK_NOT_YOURS"
    message = "Take the call task first."


class CallUnderWay(FailedPrecondition):
    """A call was begun and not ended."""

    reason = "CALL_UNDER_WAY"
    message = "A call is under way: end it first."


class CallNotUnderWay(FailedPrecondition):
    """There is no call in which somebody could answer."""

    reason = "CALL_NOT_UNDER_WAY"
    message = "No call is under way: dial first."


class CallNotToCheck(FailedPrecondition):
    """It is not among the sample, or was checked."""

    reason = "CALL_NOT_TO_CHECK"
    message = "This call is not to be checked, or was checked already."


class CallOwnCheck(FailedPrecondition):
    """Nobody checks their own calls."""

    reason = "CALL_OWN_CHECK"
    message = "You made this call yourself: somebody else must check it."


class WeightSetNotFound(NotFound):
    """No such set of weights."""

    reason = "WEIGHT_SET_NOT_FOUND"
    message = "There is no such set of weights."


class WeightSetExists(AlreadyExists):
    """Weights are never changed: new ones hold from another day."""

    reason = "WEIGHT_SET_EXISTS"
    message = "There are weights of this index and market from this day on already."


class InvitationKnownAlready(Aborted):
    """Two workers heard of the same occurrence at once."""


CONSTRAINTS: Constraints = {
    "uq_weight_sets_effective": WeightSetExists,
    "uq_invitations_occurrence": InvitationKnownAlready,
    "uq_survey_calls_invitation": InvitationKnownAlready,
    "pk_questionnaire_versions": Aborted,
}
