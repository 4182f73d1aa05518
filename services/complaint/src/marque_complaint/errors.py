"""What can go wrong with cases, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, DomainError, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted


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


class CaseMergeItself(FailedPrecondition):
    """A case does not go on in itself."""

    reason = "CASE_MERGE_ITSELF"
    message = "A case cannot be merged into itself."


class CaseOlder(FailedPrecondition):
    """What was promised first must not be lost."""

    reason = "CASE_OLDER"
    message = "The other case was received later: merge that one into this one."


class CaseMergePersons(FailedPrecondition):
    """One person must not read what another one said."""

    reason = "CASE_MERGE_PERSONS"
    message = "The cases are of two people."


class CaseParentNotAllowed(FailedPrecondition):
    """That case cannot be the problem behind this one."""

    reason = "CASE_PARENT_NOT_ALLOWED"
    message = "That case is not in your sight, is merged, has a problem behind itself, or this one is a problem itself."


class AttachmentNotFound(NotFound):
    """No such file in the caller's sight."""

    reason = "ATTACHMENT_NOT_FOUND"
    message = "There is no such file, or you may not see it."


class AttachmentHeaderMissing(InvalidArgument):
    """The first message of an upload says what it is of, and only that one."""

    reason = "ATTACHMENT_HEADER_MISSING"
    message = "The first message names the case and the file, all others hold its content."


class AttachmentEmpty(InvalidArgument):
    """There is nothing in the file."""

    reason = "ATTACHMENT_EMPTY"
    message = "The file is empty."


class AttachmentType(InvalidArgument):
    """The content is of no type that is taken."""

    reason = "ATTACHMENT_TYPE"
    message = "The content is no picture, film, recording, PDF or plain text, whatever its name says."


class AttachmentInfected(InvalidArgument):
    """The content carries malware."""

    reason = "ATTACHMENT_MALWARE"
    message = "The file carries malware and was not taken."


class AttachmentUnscanned(FailedPrecondition):
    """Nobody looked into the file for malware yet."""

    reason = "ATTACHMENT_UNSCANNED"
    message = "The file is still to be looked into for malware. Try again later."


class AttachmentTooLarge(ResourceExhausted):
    """The file is larger than a file may be."""

    reason = "ATTACHMENT_TOO_LARGE"
    message = "A file has at most {most} bytes."


class AttachmentsFull(FailedPrecondition):
    """There are as many files as a case holds."""

    reason = "ATTACHMENTS_FULL"
    message = "The case holds {most} files already."


class AttachmentsOff(FailedPrecondition):
    """The installation has no place for files."""

    reason = "ATTACHMENTS_OFF"
    message = "This installation keeps no files."


class KnowledgeNotFound(NotFound):
    """No such article for this reader, or none in force."""

    reason = "KNOWLEDGE_NOT_FOUND"
    message = "There is no such article, it was not in force, or you may not read it."


class KnowledgeKindOther(FailedPrecondition):
    """What an article is for never changes."""

    reason = "KNOWLEDGE_KIND"
    message = "The article is of another kind: write it under a code of its own."


class GoodwillNotFound(NotFound):
    """Nothing of this id was asked for."""

    reason = "GOODWILL_NOT_FOUND"
    message = "There is no such goodwill, or you may not see its case."


class GoodwillWaits(FailedPrecondition):
    """Something else is to be decided for the case first."""

    reason = "GOODWILL_WAITS"
    message = "Something was asked for this case already and is not decided."


class GoodwillDecided(FailedPrecondition):
    """It was decided before."""

    reason = "GOODWILL_DECIDED"
    message = "This was decided already."


class GoodwillOwn(FailedPrecondition):
    """Nobody decides on what they asked for."""

    reason = "GOODWILL_OWN"
    message = "Who asked does not decide: somebody else has to."


class GoodwillLimit(FailedPrecondition):
    """The amount is above what the caller may give for one case."""

    reason = "GOODWILL_LIMIT"
    message = "With what was given for the case before, this is above your limit."


class CaseTaskNotFound(NotFound):
    """No such task in the caller's sight."""

    reason = "CASE_TASK_NOT_FOUND"
    message = "There is no such task, or you may not see it."


class CaseTaskFinished(FailedPrecondition):
    """The task was done or dropped before."""

    reason = "CASE_TASK_FINISHED"
    message = "The task was done or dropped already."


class CaseTasksFull(FailedPrecondition):
    """There are as many tasks to be done as a case holds."""

    reason = "CASE_TASKS_FULL"
    message = "The case has {most} open tasks already."


class CaseTasksOpen(FailedPrecondition):
    """Somebody of the team is not done yet."""

    reason = "CASE_TASKS_OPEN"
    message = "{count} sub-tasks are open: finish them, or give a reason in open_tasks_reason."


class CaseMacroNotFound(NotFound):
    """No such macro, or it is not to be used any more."""

    reason = "CASE_MACRO_NOT_FOUND"
    message = "There is no such macro, or it is not used any more."


class CaseViewNotFound(NotFound):
    """No such view of the caller's."""

    reason = "CASE_VIEW_NOT_FOUND"
    message = "There is no such view, or it is not yours."


class CaseViewsFull(FailedPrecondition):
    """Somebody has as many views as one may have."""

    reason = "CASE_VIEWS_FULL"
    message = "You have {most} views already."


class CaseKnownAlready(Aborted):
    """Two writers brought the same case of a source system at once."""


REFUSALS: dict[str, type[DomainError]] = {
    one.reason: one
    for one in (CaseHandlerMissing, CaseOptionsNotTold, CaseEscalatedAlready, CaseWaitsAlready, CaseNotWaiting)
}
"""The errors by the reasons of `rules.states`, save for CASE_STATE."""

CONSTRAINTS: Constraints = {
    "uq_cases_source": CaseKnownAlready,
    "pk_case_policies": Aborted,
    "pk_goodwill_policies": Aborted,
}
