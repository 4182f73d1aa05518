"""What can go wrong with customers, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound, PermissionDenied


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
    message = "This pair was decided at {decide_time}: {decision}."


class ConsentMissing(FailedPrecondition):
    """A web visit is kept only with consent to profiling."""

    reason = "CONSENT_MISSING"
    message = "The customer has not consented to keeping web visits."


class ControllerNotOwn(PermissionDenied):
    """A dealer speaks only for itself as a controller."""

    reason = "CONTROLLER_NOT_OWN"
    message = "You may read and write consents for your own dealer only."


CONSTRAINTS: Constraints = {
    "uq_contact_points_verified_phone": ContactPointTaken,
    "pk_source_references": SourceReferenceTaken,
}
