"""What can go wrong with cars, sales, ownerships and visits."""

from __future__ import annotations

from servicekit.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class VehicleNotFound(NotFound):
    """No such car in the caller's sight."""

    reason = "VEHICLE_NOT_FOUND"
    message = "There is no such vehicle, or you may not see it."


class VinInvalid(InvalidArgument):
    """The VIN breaks the shape of ISO 3779 or the law of the market; the violations say where."""

    reason = "VIN_INVALID"
    message = "The VIN is not valid."


class VinAlreadyRegistered(AlreadyExists):
    """The one neutral answer about a car that may be out of the caller's sight."""

    reason = "VIN_ALREADY_REGISTERED"
    message = "This VIN is registered already."


class VehicleScrapped(FailedPrecondition):
    """Nothing more is opened or changed for a scrapped car."""

    reason = "VEHICLE_SCRAPPED"
    message = "The vehicle is scrapped."


class VehicleAlreadySold(FailedPrecondition):
    """Somebody owns the car at the moment that the sale would start an ownership."""

    reason = "VEHICLE_ALREADY_SOLD"
    message = "The vehicle has an owner at that time already."


class DealerNotFound(NotFound):
    """No such dealer, or not one that the caller works for."""

    reason = "DEALER_NOT_FOUND"
    message = "There is no such dealer, or you do not work for it."


class CustomerNotFound(NotFound):
    """There is no such customer, they were erased, or have nothing to do with the dealers that the caller works for."""

    reason = "CUSTOMER_NOT_FOUND"
    message = "There is no such customer, or none who has to do with your dealer; look them up by phone or VIN first."


class SaleNotFound(NotFound):
    """No such sale in the caller's sight."""

    reason = "SALE_NOT_FOUND"
    message = "There is no sale {sale_id}, or you may not see it."


class SaleAlreadyReversed(FailedPrecondition):
    """A sale is reversed once."""

    reason = "SALE_ALREADY_REVERSED"
    message = "The sale {sale_id} is reversed already."


class SaleDatesInvalid(InvalidArgument):
    """The dates of a sale do not fit each other or the calendar."""

    reason = "SALE_DATES_INVALID"
    message = "The dates of the sale are not valid."


class InvoiceAlreadyRecorded(AlreadyExists):
    """The dealer has a sale under this invoice number."""

    reason = "INVOICE_ALREADY_RECORDED"
    message = "This dealer has recorded a sale under this invoice number already."


class CurrencyMixed(InvalidArgument):
    """All amounts of one document are in one currency."""

    reason = "CURRENCY_MIXED"
    message = "The amounts are not all in one currency."


class OwnershipNotFound(NotFound):
    """No such ownership in the caller's sight."""

    reason = "OWNERSHIP_NOT_FOUND"
    message = "There is no such ownership, or you may not see it."


class OwnershipOverlaps(AlreadyExists):
    """The same person has the same role with the car in that time."""

    reason = "OWNERSHIP_OVERLAPS"
    message = "This customer has this role with the vehicle in that time already."


class OwnershipAlreadyEnded(FailedPrecondition):
    """An ownership ends once."""

    reason = "OWNERSHIP_ALREADY_ENDED"
    message = "The ownership has ended already."


class OwnershipMovedOn(FailedPrecondition):
    """The car was handed on since the sale, so the sale cannot be taken back."""

    reason = "OWNERSHIP_MOVED_ON"
    message = "The vehicle was transferred since the sale."


class TransferBeforeStart(InvalidArgument):
    """A transfer lies before the ownership that it ends began."""

    reason = "TRANSFER_BEFORE_START"
    message = "The transfer lies before the ownership began."


class EndBeforeStart(InvalidArgument):
    """An ownership would end before it began."""

    reason = "END_BEFORE_START"
    message = "The end lies before the ownership began."


class FilterMissing(InvalidArgument):
    """A list that must be narrowed was not."""

    reason = "FILTER_MISSING"
    message = "Give a vehicle or a customer."


class RepairOrderNotFound(NotFound):
    """No such repair order in the caller's sight."""

    reason = "REPAIR_ORDER_NOT_FOUND"
    message = "There is no repair order {repair_order_id}, or you may not see it."


class RepairOrderNumberTaken(AlreadyExists):
    """The station has an order under this number."""

    reason = "REPAIR_ORDER_NUMBER_TAKEN"
    message = "This station has a repair order under this number already."


class RepairOrderClosed(FailedPrecondition):
    """A closed order stands as it is."""

    reason = "REPAIR_ORDER_CLOSED"
    message = "The repair order is closed."


class LinesMissing(FailedPrecondition):
    """An order without a line cannot be closed."""

    reason = "LINES_MISSING"
    message = "The repair order has no line."


class VehicleInWorkshop(FailedPrecondition):
    """Another station has the car in that time; `dealer_id` and `number` tell which only who may see its orders."""

    reason = "VEHICLE_IN_WORKSHOP"
    message = "Another station has the vehicle in the workshop in that time."


class RepairBeforeSale(InvalidArgument):
    """Work for an owner before the car had one."""

    reason = "REPAIR_BEFORE_SALE"
    message = "The vehicle was sold later: work for an owner cannot lie before it."


class StageNotReachable(FailedPrecondition):
    """The stage cannot follow on the present one."""

    reason = "STAGE_NOT_REACHABLE"
    message = "The stage cannot be reached from the present one."


class OdometerBelowLatest(InvalidArgument):
    """The odometer went back, and nobody says that it was replaced."""

    reason = "ODOMETER_BELOW_LATEST"
    message = "The odometer is below the latest reading. Say so if it was replaced."


class OdometerOutBelowIn(InvalidArgument):
    """The car left with less on the odometer than it came with."""

    reason = "ODOMETER_OUT_BELOW_IN"
    message = "The odometer on leaving is below that on arrival."


class CloseBeforeOpen(InvalidArgument):
    """The order would be closed before it was opened."""

    reason = "CLOSE_BEFORE_OPEN"
    message = "The repair order cannot be closed before it was opened."


class CausalPartNotUnique(InvalidArgument):
    """A line names more than one part as the cause of the fault."""

    reason = "CAUSAL_PART_NOT_UNIQUE"
    message = "A line may name one causal part at most."
