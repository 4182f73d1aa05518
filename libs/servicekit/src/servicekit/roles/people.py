"""Permissions about how well people are known: profiles that are complete, and the reports of it."""

from __future__ import annotations

PROFILE_LOOK = "customer.profiles: read\ncustomer.profile_rules: read"
PROFILE_REPORT = f"{PROFILE_LOOK}\ncustomer.profiles: list"
PROFILE_ALL = f"{PROFILE_REPORT}\ncustomer.profile_rules: put\ncustomer.duplicate_runs: start read"
HELD: dict[str, tuple[str, ...]] = {
    "owner": ("customer.profiles: read",),
    "dealer.sales": (PROFILE_LOOK,),
    "dealer.service": (PROFILE_LOOK,),
    "dealer.care": (PROFILE_REPORT,),
    "dealer.manager": (PROFILE_REPORT,),
    "dealer.system": (PROFILE_LOOK,),
    "oem.agent": (PROFILE_REPORT,),
    "oem.keyaccount": (PROFILE_REPORT,),
    "oem.region": (PROFILE_REPORT,),
    "oem.manager": (PROFILE_ALL,),
    "oem.admin": (PROFILE_ALL,),
    "service": (PROFILE_ALL,),
}
