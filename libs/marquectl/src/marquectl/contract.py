"""The contracts as this client reads them: RPCs by name, and the kinds of rows that can be imported and exported."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import marque
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

SERVICES = ("network", "customer", "vehicle", "complaint", "survey", "campaign")


@dataclass(frozen=True)
class Method:
    """One RPC: `path` on the wire, the owning `service`, and its message classes."""

    path: str
    service: str
    input: type[Message]
    output: type[Message]


@dataclass(frozen=True)
class Kind:
    """One kind of rows.

    `name` as typed by the operator; `importer` and `lister` are RPCs (no lister: such rows are not exported); `items` the repeated field
    of a page. `key` names the fields of the natural key. Rows that follow each other with the same `key` are folded into one where `lines`
    names the field of their parts. `refers` are fields that point at rows of other kinds, which the service may come to know a moment
    later than we do. `replaces`: the service takes files that say that what they do not name goes.
    """

    name: str
    importer: str
    lister: str
    items: str
    key: tuple[str, ...]
    lines: str = ""
    refers: frozenset[str] = frozenset()
    order_by: str = ""
    replaces: bool = False

    @property
    def files(self) -> str:
        """The service that imports whole files of such rows, and tells how far it came."""
        return self.importer.rpartition("/")[0]

    @property
    def row(self) -> Descriptor:
        """The descriptor of the import row."""
        return message_of(self.request.DESCRIPTOR.fields_by_name["rows"])

    @property
    def request(self) -> type[Message]:
        """The class of the messages of the import stream."""
        return method(self.importer).input


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "dealers",
            "network.v1.NetworkImportService/ImportDealers",
            "network.v1.DealerService/ListDealers",
            "dealers",
            ("code",),
            order_by="code",
        ),
        Kind(
            "staff",
            "network.v1.NetworkImportService/ImportStaff",
            "network.v1.StaffService/ListStaff",
            "staff",
            ("dealer_code", "employee_number"),
            refers=frozenset({"dealer_code", "manager_employee_number"}),
        ),
        Kind(
            "customers",
            "customer.v1.CustomerImportService/ImportCustomers",
            "customer.v1.CustomerService/ListCustomers",
            "customers",
            ("source_key",),
            refers=frozenset({"dealer_code"}),
            order_by="create_time",
        ),
        Kind(
            "leads",
            "customer.v1.CustomerImportService/ImportLeads",
            "customer.v1.LeadService/ListLeads",
            "leads",
            ("source_key",),
            refers=frozenset({"dealer_code"}),
            order_by="create_time",
        ),
        Kind(
            "holdings",
            "customer.v1.CustomerImportService/ImportHoldings",
            "",  # holdings are listed by customer only
            "holdings",
            ("source_key",),
            refers=frozenset({"dealer_code", "customer_id", "customer_source_key"}),
        ),
        Kind(
            "vehicles",
            "vehicle.v1.VehicleImportService/ImportVehicles",
            "vehicle.v1.VehicleService/ListVehicles",
            "vehicles",
            ("vin",),
            order_by="vin",
        ),
        Kind(
            "sales",
            "vehicle.v1.VehicleImportService/ImportSales",
            "vehicle.v1.SaleService/ListSales",
            "sales",
            ("dealer_code", "invoice_number"),
            refers=frozenset({"dealer_code", "customer_id", "customer_source_key", "adviser_employee_number"}),
            order_by="invoice_date",
        ),
        Kind(
            "plant-stages",
            "vehicle.v1.VehicleImportService/ImportPlantStages",
            "vehicle.v1.CarOrderService/ListPlantMessages",
            "messages",
            ("message_id",),
        ),
        Kind(
            "channel-days",
            "vehicle.v1.VehicleImportService/ImportChannelDays",
            "vehicle.v1.ChannelDayService/ListChannelDays",
            "channel_days",
            ("dealer_code", "date"),
            refers=frozenset({"dealer_code"}),
        ),
        Kind(
            "repair-orders",
            "vehicle.v1.VehicleImportService/ImportRepairOrders",
            "vehicle.v1.RepairOrderService/ListRepairOrders",
            "repair_orders",
            ("dealer_code", "number"),
            lines="lines",
            refers=frozenset({"dealer_code", "customer_id", "customer_source_key", "adviser_employee_number"}),
            order_by="open_time",
        ),
        Kind(
            "cases",
            "complaint.v1.ComplaintImportService/ImportCases",
            "complaint.v1.CaseService/ListCases",
            "cases",
            ("source_key",),
            refers=frozenset({"dealer_code"}),
            order_by="receive_time",
        ),
        Kind(
            "audience-list-members",
            "campaign.v1.CampaignImportService/ImportAudienceListMembers",
            "",  # the people of a list are listed by it only
            "members",
            ("audience_list_id", "customer_id", "customer_source_key", "vin", "phone", "email"),
            replaces=True,
        ),
        Kind(
            "outside-spends",
            "campaign.v1.CampaignImportService/ImportOutsideSpends",
            "",  # what was spent is read in the reports of plans
            "spends",
            ("dealer_code", "source_key", "month", "channel", "source", "currency_code", "note"),
            refers=frozenset({"dealer_code"}),
        ),
        Kind(
            "kpi-values",
            "network.v1.NetworkImportService/ImportKpiValues",
            "network.v1.DealerScorecardService/ListKpiValues",
            "values",
            ("dealer_code", "kpi_code", "period"),
            refers=frozenset({"dealer_code", "kpi_code"}),
            order_by="update_time",
        ),
        Kind(
            "targets",
            "network.v1.NetworkImportService/ImportTargets",
            "network.v1.TargetService/ListTargets",
            "targets",
            ("dealer_code", "employee_number", "measure", "period"),
            refers=frozenset({"dealer_code", "employee_number"}),
            order_by="measure",
        ),
    )
}


def message_of(field: Any) -> Descriptor:
    """The message type of a field (a FieldDescriptor) that has one."""
    found: Descriptor = field.message_type
    return found


@cache
def _load() -> None:
    """Imports every generated module, so that the pool knows all services."""
    root = Path(next(iter(marque.__path__)))
    for path in sorted(root.rglob("*_pb2.py")):
        importlib.import_module(".".join(path.relative_to(root.parent).with_suffix("").parts))


@cache
def method(name: str) -> Method:
    """Returns an RPC, for example `customer.v1.CustomerService/GetCustomer`. Raises KeyError where the contracts have none."""
    _load()
    service, _, rpc = name.partition("/")
    found = descriptor_pool.Default().FindServiceByName(f"marque.{service}").methods_by_name[rpc]
    return Method(
        path=f"/marque.{service}/{rpc}",
        service=service.split(".")[0],
        input=message_factory.GetMessageClass(found.input_type),
        output=message_factory.GetMessageClass(found.output_type),
    )
