"""What failures of the things around us mean to a caller: a database or neighbour that is down is UNAVAILABLE, not a crash."""

from __future__ import annotations

import asyncio
import errno
import socket

import asyncpg
import grpc
import grpc.aio
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from servicekit.errors import Aborted, DeadlineExceeded, DomainError, Unavailable

_DATABASE_DOWN = (
    asyncpg.CannotConnectNowError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection died between two messages of one statement
    asyncpg.InvalidAuthorizationSpecificationError,
    ConnectionError,
    PoolTimeout,
    socket.gaierror,
)
_NOT_REACHED = (
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EPIPE,
    errno.EHOSTUNREACH,
    errno.ENETUNREACH,
    errno.ETIMEDOUT,
)
_RETRY = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)


def as_domain_error(error: BaseException) -> DomainError | None:
    """Returns the error to tell, or None where the failure is a fault of our own code."""
    if isinstance(error, DomainError):
        return error
    cause = _cause(error)
    if isinstance(cause, _RETRY):
        return Aborted()
    if isinstance(cause, asyncpg.QueryCanceledError):
        return DeadlineExceeded()
    if isinstance(cause, _DATABASE_DOWN) or (isinstance(cause, OSError) and cause.errno in _NOT_REACHED):
        return Unavailable(dependency="The database", retry_after=1)
    if isinstance(cause, TimeoutError | asyncio.TimeoutError):
        return Unavailable(dependency="The database", retry_after=1)
    if isinstance(error, DBAPIError) and (error.connection_invalidated or isinstance(error, OperationalError)):
        return Unavailable(dependency="The database", retry_after=1)
    if isinstance(error, grpc.aio.AioRpcError) and error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ):
        return Unavailable(dependency="A neighbouring service", retry_after=1)
    return None


def is_transient(error: BaseException) -> bool:
    """Tells whether trying again later can help: what is not, is a fault of the message or of our code."""
    known = as_domain_error(error)
    return known is not None and known.code in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    )


def _cause(error: BaseException) -> BaseException:
    """The driver's own exception below SQLAlchemy's wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
