"""What can go wrong with cases, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, DomainError, FailedPrecondition, NotFound


class CaseNotFound(NotFound):
    """No such case in the caller's sight."""

    reason = "CASE_NOT_FOUND"
    message = "There is no such case, or you may not see it."


class CasePolicyNotFound(NotFound):
    """No such version of the policy."""

    reason = "CASE_POLICY_NOT_FOUND"
    message = "There is no such version of the policy."


class CustomerNotFound(NotFound):
    """Nothing may be tied to this customer."""

    reason = "CUSTOMER_NOT_FOUND"
    message = "There is no such customer, or you may not see them."


class DealerNotFound(NotFound):
    """No such dealer, or not in the caller's scope."""

    reason = "DEALER_NOT_FOUND"
    message = "There is no such dealer, or it is not yours."


class CaseStateNotAllowed(FailedPrecondition):
    """The case does not stand where the verb is possible."""

    reason = "CASE_STATE"
    message = "The case is {state}: {verb} is not possible there."


class CaseHandlerMissing(FailedPrecondition):
    """Nobody works on the case."""

    reason = "CASE_HANDLER_MISSING"
    message = "Nobody works on the case: assign it first."


class CaseOptionsNotTold(FailedPrecondition):
    """The customer declined and was not told what else is open to them."""

    reason = "CASE_OPTIONS_NOT_TOLD"
    message = "The customer declined and was not told what else is open to them."


class CaseEscalatedAlready(FailedPrecondition):
    """The case is as far up already."""

    reason = "CASE_ESCALATED_ALREADY"
    message = "The case was taken as far up already."


class CaseWaitsAlready(FailedPrecondition):
    """The case waits for that already."""

    reason = "CASE_WAITS_ALREADY"
    message = "The case waits for that already."


class CaseNotWaiting(FailedPrecondition):
    """The case waits for nothing."""

    reason = "CASE_NOT_WAITING"
    message = "The case waits for nothing."


class CaseThreadFull(FailedPrecondition):
    """There are as many words as a case holds."""

    reason = "CASE_THREAD_FULL"
    message = "The case holds {most} words already."


class CaseSuggesterNotFound(NotFound):
    """Nothing was learned, or not by this version."""

    reason = "CASE_SUGGESTER_NOT_FOUND"
    message = "There is no such version, or nothing was learned yet."


class SuggesterMissing(FailedPrecondition):
    """Nothing was learned yet."""

    reason = "SUGGESTER_MISSING"
    message = "Too few cases were decided to learn from."


class DefectSignalNotFound(NotFound):
    """No such signal."""

    reason = "DEFECT_SIGNAL_NOT_FOUND"
    message = "There is no such signal."


class NotStaff(FailedPrecondition):
    """The caller is nobody of the staff."""

    reason = "NOT_STAFF"
    message = "Only somebody of the staff can follow a signal."


class CaseKnownAlready(Aborted):
    """Two writers brought the same case of a source system at once."""


REFUSALS: dict[str, type[DomainError]] = {
    one.reason: one
    for one in (CaseHandlerMissing, CaseOptionsNotTold, CaseEscalatedAlready, CaseWaitsAlready, CaseNotWaiting)
}
"""The errors by the reasons of `rules.states`, save for CASE_STATE."""

CONSTRAINTS: Constraints = {"uq_cases_source": CaseKnownAlready, "pk_case_policies": Aborted}
