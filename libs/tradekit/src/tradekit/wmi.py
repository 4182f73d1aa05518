"""Who made a car, by the first characters of its VIN.

Two tables ship with the package. `data/wmi_vpic.csv` is taken from NHTSA vPIC (United States, public domain), without
the small makers of trailers (codes of six characters); it knows the vehicles sold in the United States.
`data/wmi_china.csv` is Marque's own list of makers in China, which vPIC mostly lacks; it is common knowledge of the
trade, not an official register, and says per row how sure it is. Where both know a code the Chinese table wins: vPIC
names only the makes that reached the United States.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tradekit import tables
from tradekit.vin import wmi as wmi_of


@dataclass(frozen=True, slots=True)
class Maker:
    """A maker's code with its makes, first the main one. `vehicle_type` is car, mpv, truck, bus, motorcycle,
    incomplete, low_speed, trailer or off_road; `manufacturer` and `country` are empty when unknown; `confidence` is
    official, high, medium or low.
    """

    wmi: str
    makes: tuple[str, ...]
    manufacturer: str
    vehicle_type: str
    country: str
    confidence: str


@cache
def _makers() -> dict[str, Maker]:
    makers: dict[str, Maker] = {}
    for row in tables.rows("wmi_vpic"):
        makes = tuple(row["makes"].split("|"))
        makers[row["wmi"]] = Maker(row["wmi"], makes, "", row["vehicle_type"], row["country"], "official")
    for row in tables.rows("wmi_china"):
        makes, company = tuple(row["makes"].split("|")), row["manufacturer"]
        makers[row["wmi"]] = Maker(row["wmi"], makes, company, row["vehicle_type"], "China", row["confidence"])
    return makers


def by_code(code: str) -> Maker | None:
    """Returns the maker of a code of three characters, or six for a small maker; None when no table knows it."""
    return _makers().get(code)


def maker(vin: str) -> Maker | None:
    """Returns the maker of a normalised VIN; a code ending in 9 needs positions 12–14 to agree, so it is never
    guessed from three.
    """
    return _makers().get(wmi_of(vin))
