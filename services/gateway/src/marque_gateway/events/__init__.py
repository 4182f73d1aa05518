"""The page on which people register for an event, `/e/{token}`, and its entry for their calendar."""

from marque_gateway.events.door import CALENDAR, PAGE, EventDoor

__all__ = ["CALENDAR", "PAGE", "EventDoor"]
