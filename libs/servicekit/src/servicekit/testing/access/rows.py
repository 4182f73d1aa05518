"""The rows of docs/access.md as data: which rows each kind of caller sees, by where a row lies.

A caller works for dealer A, is A's customer, has the region of A, or is the maker's. A row lies at a place, seen from there:

    own     at dealer A, the owner's own         desk    at dealer A, another customer's
    shared  a customer of A and D                former  a car that the owner bought at A and has handed on
    group   at B: same group, other region       region  at C: same region, other group
    other   at D: neither                        maker   the maker's, of no dealer

`kind` of caller: owner · dealer (by the dealers of its token) · group (a dealer's, with the sight of its group) · region · maker.
A role's own name in a table goes before its kind.
"""

from __future__ import annotations

from typing import NamedTuple

from servicekit import roles

SEEN = "seen"
MASKED = "masked"  # seen, but no person is tied to it
HIDDEN = "hidden"  # as if it did not exist


class Seat(NamedTuple):
    """Where a caller sits: role, kind of scope."""

    role: str
    kind: str

    @property
    def name(self) -> str:
        """As failures name it."""
        return self.role if self.kind in (self.role, "maker", "dealer", "region") else f"{self.role} of a group"


class Sight(NamedTuple):
    """The places whose rows a kind of caller sees; those seen without persons apart. All others are hidden."""

    seen: frozenset[str]
    masked: frozenset[str] = frozenset()

    def of(self, place: str) -> str:
        """Returns SEEN, MASKED or HIDDEN."""
        return SEEN if place in self.seen else MASKED if place in self.masked else HIDDEN


def _sight(seen: str, masked: str = "") -> Sight:
    return Sight(frozenset(seen.split()), frozenset(masked.split()))


_ALL = "own desk shared former group region other maker"
_REST = "group region other maker"

# entity → kind of caller (or role) → what it sees.
TABLE: dict[str, dict[str, Sight]] = {
    # A customer: himself; a dealer after a relation; a region of its dealers; the maker all.
    "customer": {
        "owner": _sight("own"),
        "dealer": _sight("own desk shared"),
        "group": _sight("own desk shared group"),
        "region": _sight("own desk shared region"),
        "maker": _sight(_ALL),
    },
    # A car by its exact VIN, with its technical history: any for dealers, without persons where it has nothing to do with them.
    "car": {
        "owner": _sight("own", "former"),
        "dealer": _sight("own desk former", _REST),
        "group": _sight("own desk former group", "region other maker"),
        "region": _sight("own desk former region", "group other maker"),
        "maker": _sight(_ALL),
    },
    # The same car in a list, in a search by a part, or for change: only where it has to do with the caller.
    "car at hand": {
        "owner": _sight("own", "former"),
        "dealer": _sight("own desk former"),
        "group": _sight("own desk former group"),
        "region": _sight("own desk former region"),
        "maker": _sight(_ALL),
    },
    # The same car, for what anybody may say of it who has to do with it: a person of the cars that they have now.
    "car to tell of": {
        "owner": _sight("own"),
        "dealer": _sight("own desk former"),
        "group": _sight("own desk former group"),
        "region": _sight("own desk former region"),
        "maker": _sight(_ALL),
    },
    # What is to come of a car, asked by its VIN: of one given away it is the new owner's.
    "car to come": {
        "owner": _sight("own"),
        "dealer": _sight("own desk former", _REST),
        "group": _sight("own desk former group", "region other maker"),
        "region": _sight("own desk former region", "group other maker"),
        "maker": _sight(_ALL),
    },
    # Who owns the car now, asked by its VIN.
    "present ownership": {
        "owner": _sight("own"),
        "dealer": _sight("own desk former", _REST),
        "group": _sight("own desk former group", "region other maker"),
        "region": _sight("own desk former region", "group other maker"),
        "maker": _sight(_ALL),
    },
    # The same ownership, for change.
    "ownership at hand": {
        "dealer": _sight("own desk former"),
        "group": _sight("own desk former group"),
        "region": _sight("own desk former region"),
        "maker": _sight(_ALL),
    },
    # Sales hold prices: own dealer (or the group, for who has its sight), the region its dealers.
    "sale": {
        "owner": _sight("own former"),
        "dealer": _sight("own desk former"),
        "group": _sight("own desk former group"),
        "region": _sight("own desk former region"),
        "maker": _sight(_ALL),
    },
    # A visit: the station's, and the person's who brought the car.
    "repair order": {
        "owner": _sight("own"),
        "dealer": _sight("own desk"),
        "group": _sight("own desk group"),
        "region": _sight("own desk region"),
        "maker": _sight(_ALL),
    },
    # A case: the responsible dealer's, and the person's whose it is; those who answer stations see technical ones alone.
    "case": {
        "owner": _sight("own"),
        "dealer": _sight("own desk"),
        "group": _sight("own desk group"),
        "region": _sight("own desk region"),
        "oem.technical": _sight(""),
        "maker": _sight(_ALL),
    },
    # Campaigns and lists of people: a dealer's own; the maker's are the maker's. Of templates a dealer may also use the maker's.
    **{
        entity: {
            "dealer": _sight("own"),
            "group": _sight("own group"),
            "region": _sight("own region"),
            "maker": _sight(_ALL),
        }
        for entity in (
            "campaign",
            "audience list",
            "segment",
            "marketing plan",
            "letter file",
            "message template at hand",
            "marketing event",
            "event registration",
        )
    },
    "message template": {
        "dealer": _sight("own maker"),
        "group": _sight("own group maker"),
        "region": _sight("own region maker"),
        "maker": _sight(_ALL),
    },
    # The same by its tracking code: how far it is, for anybody.
    "tracked case": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    # Questionnaires are the maker's: who may ask for them at all sees them.
    "questionnaire": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    "survey plan": dict.fromkeys(("region", "maker"), _sight(_ALL)),
    # Who was asked, and what they answered: the dealer's whom it is about, and the person's own.
    "invitation": {
        "owner": _sight("own"),
        "dealer": _sight("own desk"),
        "group": _sight("own desk group"),
        "region": _sight("own desk region"),
        "maker": _sight(_ALL),
    },
    # Who is to be called: staff of the dealer whom it is about.
    "call task": {
        "dealer": _sight("own desk"),
        "group": _sight("own desk group"),
        "region": _sight("own desk region"),
        "maker": _sight(_ALL),
    },
    # The same by its link: for whoever has it.
    "survey page": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    "open survey page": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    # A message of a campaign by the links that it carries: for whoever has them.
    "campaign message": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    # A code of an offer: the maker's is for every dealer.
    "offer code": {
        "dealer": _sight("own maker"),
        "group": _sight("own group maker"),
        "region": _sight("own region maker"),
        "maker": _sight(_ALL),
    },
    # The page of an event, for whoever has the link.
    "event page": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    # The dealer for whom somebody is invited.
    "survey desk": {"dealer": _sight("own"), "group": _sight("own group"), "maker": _sight(_ALL)},
    # A station's diary, to book in: a person may go to any station; staff keep their own.
    "diary": {
        "owner": _sight(_ALL),
        "dealer": _sight("own"),
        "group": _sight("own group"),
        "region": _sight("own region"),
        "maker": _sight(_ALL),
    },
    # Dealers are known to everybody who may ask at all.
    "dealer": dict.fromkeys(("owner", "dealer", "group", "region", "maker"), _sight(_ALL)),
    # Staff and calendars: a dealer's own, its group's, a region's; `maker` are the maker's own people.
    "staff": {
        "dealer": _sight("own"),
        "group": _sight("own group"),
        "region": _sight("own region"),
        "maker": _sight(_ALL),
    },
    "calendar": {
        "dealer": _sight("own"),
        "group": _sight("own group"),
        "region": _sight("own region"),
        "maker": _sight(_ALL),
    },
    # The dealer for whom something is written: those of the token, in the network and vehicle services those of the group too.
    "desk": {"dealer": _sight("own"), "group": _sight("own"), "maker": _sight(_ALL)},
    "counter": {"dealer": _sight("own"), "group": _sight("own group"), "maker": _sight(_ALL)},
    # Imports of files: one's own (`own` is the dealer system's, `other` the manager's); the maker's administrators and managers all.
    "import": {
        "dealer.system": _sight("own"),
        "oem.manager": _sight(_ALL),
        "oem.admin": _sight(_ALL),
        "dealer": _sight(""),
        "group": _sight(""),
        "maker": _sight(""),
    },
}


def kind_of(role: str) -> str:
    """Returns the kind of scope that a role is judged by."""
    if role == "owner":
        return "owner"
    if role.startswith("dealer."):
        return "dealer"
    return "region" if role == "oem.region" else "maker"


def seats() -> list[Seat]:
    """Returns a seat for every role of the role table, and those of a group: who may do most there, and who sees least."""
    found = [Seat(role, kind_of(role)) for role in roles.PERMISSIONS]
    return [*found, *(Seat(role, "group") for role in ("dealer.manager", "dealer.system", "dealer.technician"))]


def expected(entity: str, seat: Seat, place: str) -> str:
    """Returns SEEN, MASKED or HIDDEN. Raises KeyError where the table says nothing, which is a fault of the table."""
    table = TABLE[entity]
    return (table.get(seat.role) or table[seat.kind]).of(place)
