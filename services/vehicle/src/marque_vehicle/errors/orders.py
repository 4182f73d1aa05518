"""What can go wrong with the catalogue and with orders for cars."""

from __future__ import annotations

from servicekit.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class CatalogueModelNotFound(NotFound):
    """No such model, or nothing of it is offered on the day."""

    reason = "CATALOGUE_MODEL_NOT_FOUND"
    message = "The catalogue has no such model on that day."


class CatalogueInvalid(InvalidArgument):
    """A model contradicts itself; the violations say where."""

    reason = "CATALOGUE_INVALID"
    message = "The model contradicts itself."


class CataloguePriceOverlaps(AlreadyExists):
    """A day would have two prices."""

    reason = "CATALOGUE_PRICE_OVERLAPS"
    message = "Another price holds on one of these days; end it first."


class CataloguePriceInForce(FailedPrecondition):
    """A price that has begun is not rewritten."""

    reason = "CATALOGUE_PRICE_IN_FORCE"
    message = "The price has begun: only its end may change, and not into the past."


class ConfigurationInvalid(InvalidArgument):
    """The catalogue does not offer this; the violations say why."""

    reason = "CONFIGURATION_INVALID"
    message = "This configuration cannot be ordered."


class CarOrderNotFound(NotFound):
    """No such order in the caller's sight."""

    reason = "CAR_ORDER_NOT_FOUND"
    message = "There is no such order, or you may not see it."


class OrderCodeTaken(AlreadyExists):
    """The one neutral answer about an order that may be another dealer's."""

    reason = "ORDER_CODE_TAKEN"
    message = "There is an order of this code already."


class CarOrderClosed(FailedPrecondition):
    """An order that was met or called off stands as it is."""

    reason = "CAR_ORDER_CLOSED"
    message = "The order was met or called off already."


class CarOrderInBuild(FailedPrecondition):
    """The body is built, so that the car will come."""

    reason = "CAR_ORDER_IN_BUILD"
    message = "The car is in build already."


class CarOrderOfAnotherCar(FailedPrecondition):
    """The plant gave the order another car than the one that is sold."""

    reason = "CAR_ORDER_OF_ANOTHER_CAR"
    message = "The order is for another car."
