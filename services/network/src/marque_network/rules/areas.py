"""Areas on the map: checked, compared and asked whether they hold a point, in degrees, by shapely (GEOS).

An edge is a straight line in degrees, as in GeoJSON (RFC 7946). Shared edges are no overlap: areas count as apart where
they share less than `SLIVER` square degrees, about 10 m² at the equator, because neighbours are drawn by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, radians

from shapely import Point, Polygon  # type: ignore[import-untyped]

SLIVER = 1e-9
_DEGREE_KM = 111.195  # of the sphere of `rules.places`
Ring = Sequence[Sequence[float]]
Rings = Sequence[Ring]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The box of degrees around an area."""

    west: float
    south: float
    east: float
    north: float


def fault(rings: Rings) -> str:
    """Returns what is wrong with an area (rings of [longitude, latitude], the outer one first), in words; empty for none."""
    for ring in rings:
        if len({tuple(point) for point in ring}) < 3:
            return "A ring needs three different corners."
        if not all(-180 <= longitude <= 180 and -90 <= latitude <= 90 for longitude, latitude in ring):
            return "A corner lies outside -180 to 180 degrees of longitude or -90 to 90 of latitude."
    shape = _shape(rings)
    if not shape.is_valid:
        return "The lines cross each other, or a hole lies outside."
    west, _, east, _ = shape.bounds
    if east - west > 180:
        return "It is wider than 180 degrees; give an area across the 180th meridian as two."
    return "" if shape.area > SLIVER else "It has no ground."


def bounds(rings: Rings) -> Bounds:
    """Returns the box around a valid area."""
    return Bounds(*_shape(rings).bounds)


def size(rings: Rings) -> float:
    """Returns about how large a valid area is, in square kilometres: enough to tell the smaller of two."""
    shape = _shape(rings)
    return float(shape.area * _DEGREE_KM**2 * cos(radians(shape.centroid.y)))


def holds(rings: Rings, latitude: float, longitude: float) -> bool:
    """Tells whether a point lies in a valid area or on its edge."""
    return bool(_shape(rings).covers(Point(longitude, latitude)))


def overlap(one: Rings, other: Rings) -> bool:
    """Tells whether two valid areas share ground."""
    return bool(_shape(one).intersection(_shape(other)).area > SLIVER)


def _shape(rings: Rings) -> Polygon:
    return Polygon(rings[0], rings[1:])
