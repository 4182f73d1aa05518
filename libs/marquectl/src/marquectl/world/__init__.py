"""The sample world: rows of the import contracts, made from a seed and a size. Pure: no clock, no network, no platform."""

from marquectl.world.make import World, make_world

__all__ = ["World", "make_world"]
