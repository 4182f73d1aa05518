"""Errors of the domain: a status, a reason for programs, a sentence for people, and the values that the sentence names.

A service declares its errors as subclasses; one place (rpc/server.py) turns them into google.rpc.Status with ErrorInfo and BadRequest
(AIP-193). Every word of the message that varies stands in the metadata too, so that a client can say it in another language.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "marque"
_MAX_VALUE = 150  # characters
# The status travels in the headers that end a call, in base64, beside the message with every byte percent-encoded that is not ASCII.
# Clients refuse headers above 8 kB by default, and then see neither code nor reason.
_MAX_BYTES = 3_600


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is wrong: its path in proto names (`customer.contact_points[0].value`), a reason, a sentence."""

    field: str
    reason: str
    description: str


class DomainError(Exception):
    """An answer that a caller can act on; `metadata` fills the braces of `message`."""

    code: grpc.StatusCode = grpc.StatusCode.UNKNOWN
    reason: str = "UNKNOWN"
    message: str = "Something went wrong."

    def __init__(
        self, *, violations: Iterable[FieldViolation] = (), retry_after: float | None = None, **metadata: object
    ) -> None:
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.metadata = {key: _short(str(value)) for key, value in metadata.items()}
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The message with its values filled in."""
        return self.message.format_map(_Missing(self.metadata))

    def to_status(self) -> status_pb2.Status:
        """Returns the google.rpc.Status that goes over the wire, in a size that every gRPC client takes."""
        status = status_pb2.Status(code=self.code.value[0], message=self.text)
        _pack(status, error_details_pb2.ErrorInfo(reason=self.reason, domain=DOMAIN, metadata=self.metadata))
        if self.retry_after is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMilliseconds(int(self.retry_after * 1000))
            _pack(status, retry)
        if self.violations:
            _pack(status, _bad_request(self.violations, _MAX_BYTES - status.ByteSize()))
        return status


def _pack(status: status_pb2.Status, detail: Message) -> None:
    packed = any_pb2.Any()
    packed.Pack(detail)
    status.details.append(packed)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _bad_request(violations: Iterable[FieldViolation], room: int) -> error_details_pb2.BadRequest:
    """The first violations: as many as fit into `room` bytes, at least one."""
    found = error_details_pb2.BadRequest()
    for violation in violations:
        found.field_violations.add(
            field=_short(violation.field), reason=violation.reason, description=_short(violation.description)
        )
        if found.ByteSize() > room and len(found.field_violations) > 1:
            del found.field_violations[-1]
            break
    return found


class _Missing(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


class InvalidArgument(DomainError):
    """The request is wrong whatever the state of the system."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"
    message = "The request is not valid."

    @classmethod
    def of(cls, field: str, reason: str, description: str) -> InvalidArgument:
        """Returns the error for one wrong field."""
        return cls(violations=[FieldViolation(field, reason, description)])


class NotFound(DomainError):
    """The thing does not exist, or the caller may not know that it does."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"
    message = "There is no such resource, or you may not see it."


class AlreadyExists(DomainError):
    """A thing with the same natural key exists."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = "ALREADY_EXISTS"
    message = "The resource exists already."


class FailedPrecondition(DomainError):
    """The request is right but the state of the thing does not allow it."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"
    message = "The present state does not allow this."


class Aborted(DomainError):
    """Somebody else changed the thing meanwhile; read again and decide again."""

    code = grpc.StatusCode.ABORTED
    reason = "CONCURRENT_CHANGE"
    message = "The resource was changed by somebody else meanwhile. Read it again before you change it."


class EtagMismatch(Aborted):
    """The etag sent is not that of the present state."""

    reason = "ETAG_MISMATCH"


class IdempotencyKeyReused(InvalidArgument):
    """The request id was used before for another request."""

    reason = "REQUEST_ID_REUSED"
    message = "The request id was used before for a different request."


class PermissionDenied(DomainError):
    """The caller lacks a permission; the text never tells whether a row exists."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"
    message = "The permission {permission} is needed for this."


class Unauthenticated(DomainError):
    """No token, or one that does not hold."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"
    message = "A valid access token is needed."


class ResourceExhausted(DomainError):
    """A limit is reached; try again later."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "RATE_LIMITED"
    message = "Too many requests. Try again later."


class Unavailable(DomainError):
    """Something this service needs is down for now; callers are always told when to try again."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "DEPENDENCY_UNAVAILABLE"
    message = "{dependency} is not reachable at present. Try again later."

    def __init__(
        self, *, violations: Iterable[FieldViolation] = (), retry_after: float | None = 1.0, **metadata: object
    ) -> None:
        super().__init__(violations=violations, retry_after=retry_after, **metadata)


class DeadlineExceeded(DomainError):
    """The work was not done in the time that the caller gave."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = "DEADLINE_EXCEEDED"
    message = "The request was not finished in its time."


class Internal(DomainError):
    """A fault of ours; what it was stands in the log under the trace id, never in the answer."""

    code = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"
    message = "An internal error occurred. It was recorded."
