"""Who calls: the verified facts of a token, and what they allow."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from servicekit import roles


@dataclass(frozen=True, slots=True)
class Principal:
    """A verified caller. Scope comes with the token: dealers, region, partner, own customer id; `staff_id` with the record of staff."""

    subject: str
    roles: frozenset[str] = frozenset()
    permissions: frozenset[str] = frozenset()
    dealers: frozenset[str] = frozenset()
    dealer_group: str = ""
    region: str = ""
    partner: str = ""
    customer_id: str = ""
    client: str = ""
    staff_id: str = ""
    expires_at: float = 0.0
    token: str = field(default="", repr=False)

    @classmethod
    def from_claims(cls, claims: dict[str, Any], token: str = "") -> Principal:
        """Builds the principal of verified claims; unknown roles give nothing."""
        held = frozenset(name for name in claims.get("roles", ()) if isinstance(name, str))
        return cls(
            subject=str(claims["sub"]),
            roles=held,
            permissions=roles.permissions(held),
            dealers=frozenset(dealer for dealer in claims.get("dealers", ()) if isinstance(dealer, str)),
            dealer_group=_text(claims, "dealer_group"),
            region=_text(claims, "region"),
            partner=_text(claims, "partner"),
            customer_id=_text(claims, "customer"),
            client=_text(claims, "client_id"),
            expires_at=float(claims["exp"]),
            token=token,
        )

    def may(self, permission: str) -> bool:
        """Tells whether the caller holds a permission."""
        return permission in self.permissions

    @property
    def is_service(self) -> bool:
        """Tells whether the caller is one of our own services."""
        return "service" in self.roles

    @property
    def is_dealer(self) -> bool:
        """Tells whether the caller works for, or is a system of, a dealer."""
        return any(role.startswith("dealer.") for role in self.roles)

    @property
    def is_owner(self) -> bool:
        """Tells whether the caller is a customer signed in."""
        return "owner" in self.roles

    @property
    def sees_all_rows(self) -> bool:
        """Tells whether no row is out of the caller's scope (`roles.UNSCOPED`)."""
        return bool(self.roles & roles.UNSCOPED)

    def sees(self, data_class: int) -> bool:
        """Tells whether the caller's roles show a kind of data (`DataClass`) on rows in scope."""
        return data_class in roles.visible_classes(self.roles)


def _text(claims: dict[str, Any], name: str) -> str:
    """A claim of scope; one that is null or no text gives none, for `None` is nobody's region."""
    value = claims.get(name)
    return value if isinstance(value, str) else ""


ANONYMOUS = Principal(subject="anonymous")
