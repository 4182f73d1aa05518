"""The numbers of the contract's enums that rules and tables speak of."""

from __future__ import annotations

PERSON, ORGANISATION = 1, 2
ACTIVE, MERGED, ERASED, RESTRICTED = 1, 2, 3, 4
LISTED = (ACTIVE, RESTRICTED)
PHONE, EMAIL, MESSAGING, FAX = 1, 2, 3, 4
RELATION_SALE, RELATION_VISIT, RELATION_LOOK_UP, RELATION_ENTRY = 3, 5, 6, 7

# The states of a pair in the queue of duplicates (DuplicateState).
OPEN, JOINED, DISTINCT, LATER, SUSPENDED = 1, 2, 3, 4, 5
UNDECIDED = (OPEN, LATER)
DECIDED = {JOINED: "merged", DISTINCT: "two different customers", SUSPENDED: "asked of the survivor of a merge"}
FOUND_AT_WRITE, FOUND_BY_BATCH = 1, 2
BY_PERSON, BY_QUEUE, BY_BATCH = 1, 2, 3
