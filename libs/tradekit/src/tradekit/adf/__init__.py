"""Leads in ADF 1.0 (Auto-lead Data Format) as they really come: nearly XML, in any case, in any encoding, with what a sender added.

Nothing of a document type is ever read: there are no entities but XML's own five, HTML's names and numbers of
characters, each replaced once.
"""

from tradekit.adf.document import AdfDocument, AdfError, AdfProspect, AdfReason, parse
from tradekit.adf.problems import AdfProblem
from tradekit.adf.prospect import AdfContact, AdfTimeframe, AdfVehicle, AdfVendor

__all__ = [
    "AdfContact",
    "AdfDocument",
    "AdfError",
    "AdfProblem",
    "AdfProspect",
    "AdfReason",
    "AdfTimeframe",
    "AdfVehicle",
    "AdfVendor",
    "parse",
]
