"""What is known of the call that is being served, handed down explicitly from the servicer to the unit of work."""

from __future__ import annotations

from dataclasses import dataclass, field

from servicekit.rpc.principal import Principal


@dataclass(slots=True)
class Call:
    """One call: who, by which method, under which request id, in which language.

    `request_id` is the caller's idempotency key (empty: none) and `request_hash` the digest of the request without it.
    `correlation_id` is told back to the caller and stands in every log line.
    """

    principal: Principal
    method: str
    request_id: str = ""
    request_hash: bytes = b""
    correlation_id: str = ""
    language: str = "en"
    seen: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    def saw(self, resource_type: str, resource_id: str, fields: tuple[str, ...]) -> None:
        """Notes that unmasked personal fields were shown; the audit trail takes it after the answer."""
        self.seen.append((resource_type, resource_id, fields))
