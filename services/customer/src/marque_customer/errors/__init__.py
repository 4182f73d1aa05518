"""What can go wrong with customers, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, PermissionDenied

from marque_customer.errors import showroom


class CustomerNotFound(NotFound):
    """No such customer in the caller's sight."""

    reason = "CUSTOMER_NOT_FOUND"
    message = "There is no customer {customer_id}, or you may not see them."


class ContactPointNotFound(NotFound):
    """The customer has no such contact point."""

    reason = "CONTACT_POINT_NOT_FOUND"
    message = "The customer has no contact point {contact_point_id}."


class ContactPointTaken(AlreadyExists):
    """The one neutral answer where a phone is another customer's verified one (access.md): it never tells whose."""

    reason = "CONTACT_POINT_TAKEN"
    message = "This phone is verified for another customer. Say that it is shared, or give another one."


class ContactPointsFull(FailedPrecondition):
    """A customer has a bounded number of contact points."""

    reason = "CONTACT_POINTS_FULL"
    message = "The customer has {most} contact points already. Remove one first."


class SourceReferenceTaken(AlreadyExists):
    """Another customer has this key of another system."""

    reason = "SOURCE_REFERENCE_TAKEN"
    message = "Another customer has one of these source references."


class CustomerErased(FailedPrecondition):
    """Nothing can be written to an erased customer."""

    reason = "CUSTOMER_ERASED"
    message = "The customer {customer_id} was erased."


class CustomerMerged(FailedPrecondition):
    """A merged customer is changed at the survivor."""

    reason = "CUSTOMER_MERGED"
    message = "The customer {customer_id} was merged into {merged_into}. Change that one."


class CustomerRestricted(FailedPrecondition):
    """Whose processing is restricted is neither merged nor unmerged: that is processing."""

    reason = "CUSTOMER_RESTRICTED"
    message = "The processing of the customer {customer_id} is restricted."


class MergeCycle(FailedPrecondition):
    """The survivor stands merged into the one that is to be merged into it."""

    reason = "MERGE_CYCLE"
    message = "The customer {customer_id} is merged into {from_customer_id} already. Undo that merge first."


class MergeNotFound(NotFound):
    """No such merge in the caller's sight."""

    reason = "MERGE_NOT_FOUND"
    message = "There is no merge {merge_id}, or you may not see it."


class DuplicateNotFound(NotFound):
    """No such pair in the caller's sight."""

    reason = "DUPLICATE_NOT_FOUND"
    message = "There is no pair {candidate_id}, or you may not see it."


class DuplicateDecided(FailedPrecondition):
    """Somebody else was faster: the answer names the decision."""

    reason = "DUPLICATE_DECIDED"
    message = "This pair is decided: {decision} ({decide_time})."


class ConsentMissing(FailedPrecondition):
    """A web visit is kept only with consent to profiling."""

    reason = "CONSENT_MISSING"
    message = "The customer has not consented to keeping web visits."


class ControllerNotOwn(PermissionDenied):
    """A dealer speaks only for itself as a controller."""

    reason = "CONTROLLER_NOT_OWN"
    message = "You may read and write consents for your own dealer only."


class CallNotFound(NotFound):
    """No such call in the caller's sight."""

    reason = "CALL_NOT_FOUND"
    message = "There is no call {call_id}, or you may not see it."


class CallWrappedUp(FailedPrecondition):
    """A call is wrapped up once."""

    reason = "CALL_WRAPPED_UP"
    message = "The call was wrapped up already."


class CallUnidentified(FailedPrecondition):
    """A call without a customer goes on nobody's time line."""

    reason = "CALL_UNIDENTIFIED"
    message = "Say who it was: several customers share this number, or none is known by it."


class ContactRefused(FailedPrecondition):
    """The customer may not be called now; `refusal` is a ContactRefusalReason, `retry_time` before when asking again is of no use."""

    reason = "CONTACT_REFUSED"
    message = "This customer may not be called now: {refusal}."


class LeadNotFound(NotFound):
    """No such lead in the caller's sight."""

    reason = "LEAD_NOT_FOUND"
    message = "There is no lead {lead_id}, or you may not see it."


class LeadClosed(FailedPrecondition):
    """A lead that is won or lost stays so."""

    reason = "LEAD_CLOSED"
    message = "The lead {lead_id} is won or lost already."


class LeadStageWrong(FailedPrecondition):
    """A verb that does not fit the stage."""

    reason = "LEAD_STAGE_WRONG"
    message = "The lead {lead_id} is not in a stage in which this can be done."


class LeadWithoutDealer(FailedPrecondition):
    """Nobody works on a lead that no dealer has."""

    reason = "LEAD_WITHOUT_DEALER"
    message = "The lead {lead_id} is with no dealer."


class LeadTaken(AlreadyExists):
    """The dealer has an open lead of the person for the same wish."""

    reason = "LEAD_TAKEN"
    message = "The dealer has an open lead of this person for the same wish."


class LossNotYours(PermissionDenied):
    """Four eyes: who gives a lead up does not approve of it."""

    reason = "LOSS_NOT_YOURS"
    message = "You proposed this loss; somebody else decides on it."


class LeadRulesNotFound(NotFound):
    """No such version."""

    reason = "LEAD_RULES_NOT_FOUND"
    message = "There is no version {version} of the rules for leads."


class PromiseNotFound(NotFound):
    """The lead has no such promise."""

    reason = "PROMISE_NOT_FOUND"
    message = "The lead has no promise {promise_id}."


class PromiseSettled(FailedPrecondition):
    """A promise is kept or broken once."""

    reason = "PROMISE_SETTLED"
    message = "The promise is settled already."


class PromisesFull(FailedPrecondition):
    """A lead has a bounded number of promises."""

    reason = "PROMISES_FULL"
    message = "The lead has {most} promises already."


class TaskNotFound(NotFound):
    """No such task in the caller's sight."""

    reason = "TASK_NOT_FOUND"
    message = "There is no task {task_id}, or you may not see it."


class TaskEnded(FailedPrecondition):
    """A task ends once."""

    reason = "TASK_ENDED"
    message = "The task {task_id} is done or cancelled already."


class IdentityDocumentsFull(FailedPrecondition):
    """A customer has a bounded number of documents."""

    reason = "IDENTITY_DOCUMENTS_FULL"
    message = "The customer has {most} identity documents already. Remove one first."


class DataExportNotFound(NotFound):
    """No such export in the caller's sight."""

    reason = "DATA_EXPORT_NOT_FOUND"
    message = "There is no export {data_export_id}, or you may not see it."


class DataExportNotReady(FailedPrecondition):
    """The archive is read when every service has given its part."""

    reason = "DATA_EXPORT_NOT_READY"
    message = "The export is still gathered; it waits for: {waiting}."


class DataExportExpired(FailedPrecondition):
    """Archives go after some days, and with the person."""

    reason = "DATA_EXPORT_EXPIRED"
    message = "The archive is gone. Start an export anew."


class ErasureNotFound(NotFound):
    """No such erasure in the caller's sight."""

    reason = "ERASURE_NOT_FOUND"
    message = "There is no erasure {erasure_id}, or you may not see it."


class ErasureUnderWay(FailedPrecondition):
    """Who is being erased stays restricted."""

    reason = "ERASURE_UNDER_WAY"
    message = "The customer {customer_id} is being erased."


class RestrictionNotFound(NotFound):
    """The processing of this customer is not restricted."""

    reason = "RESTRICTION_NOT_FOUND"
    message = "The processing of the customer {customer_id} is not restricted."


class LifecycleRulesNotFound(NotFound):
    """No such version."""

    reason = "LIFECYCLE_RULES_NOT_FOUND"
    message = "There is no version {version} of the rules for the life cycle."


class DuplicateRunNotFound(NotFound):
    """No such run."""

    reason = "DUPLICATE_RUN_NOT_FOUND"
    message = "There is no run {run_id} that finds duplicates."


class ProfileRulesNotFound(NotFound):
    """No such version."""

    reason = "PROFILE_RULES_NOT_FOUND"
    message = "There is no version {version} of what profiles must hold."


class TieNotFound(NotFound):
    """No such tie in the caller's sight."""

    reason = "TIE_NOT_FOUND"
    message = "There is no tie {tie_id}, or you may not see it."


class TieEnded(FailedPrecondition):
    """A tie ends once."""

    reason = "TIE_ENDED"
    message = "The tie {tie_id} has ended already."


class TieTaken(AlreadyExists):
    """The two are tied so already, by themselves or by who is one with them."""

    reason = "TIE_TAKEN"
    message = "These two are tied in this way already."


class TieCycle(FailedPrecondition):
    """Nobody is above themselves: neither part of an own part, nor referred by whom they brought."""

    reason = "TIE_CYCLE"
    message = "This tie would lead back to where it begins."


class TiesFull(FailedPrecondition):
    """A customer has a bounded number of ties of a kind, a household of members."""

    reason = "TIES_FULL"
    message = "There are {most} of these already."


class OrganisationWanted(FailedPrecondition):
    """What only organisations have."""

    reason = "ORGANISATION_WANTED"
    message = "The customer {customer_id} is no organisation."


class HoldingNotFound(NotFound):
    """No such holding in the caller's sight."""

    reason = "HOLDING_NOT_FOUND"
    message = "There is no holding {holding_id}, or you may not see it."


class HoldingEnded(FailedPrecondition):
    """A holding ends once."""

    reason = "HOLDING_ENDED"
    message = "The holding {holding_id} has ended already."


CONSTRAINTS: Constraints = {
    "uq_leads_open_wish": LeadTaken,
    "uq_contact_points_verified_phone": ContactPointTaken,
    "pk_source_references": SourceReferenceTaken,
    "pk_contact_rules": Aborted,
    **showroom.CONSTRAINTS,
    "uq_holdings_source_key": Aborted,
    "uq_tasks_send_id": Aborted,
    "uq_lifecycle_changes_customer_id": Aborted,
    "pk_organisation_profiles": Aborted,
}
