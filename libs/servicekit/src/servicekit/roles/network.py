"""Permissions of the network service, grouped by what people do with dealers and staff. A line is `service.collection: verbs`."""

from __future__ import annotations

# Groups of permissions, by what a person does with them. A line is `service.collection: verbs`.
NETWORK_LOOK = "network.dealers: read list search"
STAFF_LOOK = """
network.staff: read list search
network.calendars: read list compute
network.territories: read list
network.targets: read list
"""

# The dealer as a customer of the maker: what its manager and the maker's people for it see, and agree on.
PARTNER_LOOK = """
network.dealers: list_status_changes
network.dealer_contacts: read list
network.visits: read list list_actions complete_action
network.agreements: read list
network.kpis: list
network.scorecard_models: read
network.kpi_values: list
network.scores: read list compare
network.targets: propose agree
"""
PARTNER_CARE = """
network.admissions: read list
network.dealer_contacts: create update
network.visits: plan update complete cancel
network.kpi_values: record
network.calendars: close_days
"""
NETWORK_IMPORTS = """
network.dealers: import
network.staff: import
network.targets: import
network.kpi_values: import
network.imports: upload read list cancel
"""
NETWORK_DESK = """
network.dealers: create update activate suspend terminate
network.territories: create update end
network.admissions: put
network.agreements: draft update sign amend terminate
network.kpis: put
network.scorecard_models: put
network.calendars: put copy
network.staff: create update
"""
PRESENCE = "network.presence: report list"
ASSIGNING = """
network.assignments: suggest assign read list end
network.presence: report list
"""
LEAVING = """
network.staff: leave
network.hand_overs: read
"""
ASSIGNMENT_LOOK = "network.assignments: read list"
PROVISIONING = "network.staff: provision"  # of an identity provider's own client
GROUP_MAPPING = "network.staff: provision map_groups"
