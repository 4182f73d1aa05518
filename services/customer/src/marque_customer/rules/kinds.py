"""The numbers of the contract's enums that rules and tables speak of."""

from __future__ import annotations

PERSON, ORGANISATION = 1, 2
ACTIVE, MERGED, ERASED, RESTRICTED = 1, 2, 3, 4
LISTED = (ACTIVE, RESTRICTED)
PHONE, EMAIL, MESSAGING, FAX = 1, 2, 3, 4
RELATION_SALE, RELATION_VISIT, RELATION_LOOK_UP, RELATION_ENTRY = 3, 5, 6, 7
