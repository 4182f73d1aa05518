"""Permissions of the customer service, grouped by what people do with customers and leads. A line is `service.collection: verbs`."""

from __future__ import annotations

CUSTOMER_DESK = """
customer.customers: create read list search update
customer.contact_points: add remove verify
customer.relations: list
customer.consents: grant withdraw list check
customer.preferences: read set
customer.interactions: list log
"""

# One person, one customer: what sources said, merges, the queue of duplicates. The maker's, as it goes across dealers.
IDENTITY_LOOK = """
customer.customers: read_provenance
customer.merges: list
"""
IDENTITY = f"""{IDENTITY_LOOK}
customer.customers: merge unmerge
customer.duplicates: list decide
"""
COUNTER = "customer.customers: look_up"
CALLS = "customer.calls: look_up read note wrap_up place"

# How often and when people are contacted: who plans contacts reads the rules, who answers for them sets them.
CONTACT_RULES_LOOK = "customer.contact_rules: list"
CONTACT_RULES = "customer.contact_rules: list put"
OWN_PROFILE = """
customer.customers: read update
customer.contact_points: add remove verify
customer.relations: list
customer.consents: grant withdraw list check
customer.preferences: read set
customer.interactions: list
"""

# Leads and tasks: what is worked with at a dealer, what its manager decides, and what the maker's people may do for any dealer.
TASKS = "customer.tasks: create read list complete reassign cancel"
LEAD_LOOK = """
customer.leads: read list search
customer.lead_promises: list
customer.lead_rules: read
"""
LEAD_DESK = """
customer.leads: create update contact advance propose_loss win
customer.lead_promises: add settle
"""
LEAD_CARE = """
customer.leads: assign decide_loss recycle
customer.lead_calibration: read
"""
# What comes in from outside: leads of providers, mails and conversations of the systems that carry them.
LEAD_INTAKE = """
customer.leads: receive import
customer.inbound: receive
"""
LEADS_WORKED = LEAD_LOOK + LEAD_DESK + TASKS
LEADS_MANAGED = LEADS_WORKED + LEAD_CARE
LEADS_ALL = LEADS_MANAGED + LEAD_INTAKE + "\ncustomer.lead_rules: put"

# A person's rights: what they may ask for themselves, what the maker's people do on their word, and what is answered for by few.
RIGHTS_OWN = """
customer.data_exports: start read download
customer.erasures: start read
customer.restrictions: set
customer.identity_documents: add list remove
"""
RIGHTS_DESK = """
customer.data_exports: start read
customer.erasures: start read
customer.restrictions: set
customer.identity_documents: add list find
"""
RIGHTS = f"""{RIGHTS_OWN}{RIGHTS_DESK}
customer.erasures: list
customer.restrictions: lift
customer.retention_rules: list put
"""
PAPERS = "customer.identity_documents: add list"  # at a dealer: what a registration and an insurance need

# The showroom: what advisers of a dealer do after a lead, what its manager decides, and what only the maker does.
SHOWROOM_LOOK = """
customer.demo_cars: list
customer.test_drives: read list
customer.quotes: read list advise
customer.quote_rules: read
customer.referrals: read list
customer.fleet_deals: read list
"""
SHOWROOM_DESK = f"""{SHOWROOM_LOOK}
customer.test_drives: list_slots book confirm move check_licence complete miss cancel
customer.quotes: create revise request_approval send accept decline withdraw
customer.referrals: create
customer.fleet_deals: close_part
"""
SHOWROOM_MANAGED = f"""{SHOWROOM_DESK}
customer.demo_cars: create update
customer.quotes: decide_approval
"""
RECALLING = "customer.lead_recalls: list report record"
FLEET_DEALS = "customer.fleet_deals: create add_part"
SHOWROOM_ALL = f"""{SHOWROOM_MANAGED}
{RECALLING}
{FLEET_DEALS}
customer.quote_rules: put
"""

# Where customers stand, who belongs to whom, and what else they have.
PEOPLE_LOOK = """
customer.values: read list_history
customer.lifecycle_rules: read
customer.ties: list
customer.households: read
customer.organisations: read
customer.holdings: read list list_renewals
"""
PEOPLE_DESK = f"""{PEOPLE_LOOK}
customer.ties: create end
customer.organisations: put
customer.holdings: create renew end
"""
PEOPLE_INTAKE = "customer.holdings: import"
PEOPLE_ALL = f"{PEOPLE_DESK}{PEOPLE_INTAKE}\ncustomer.lifecycle_rules: put"
PEOPLE_OWN = "customer.values: read\ncustomer.holdings: read list"

# Asking again whether a loss is what the dealer says is the maker's, and the dealer never hears of it.
RECALLING_LOOK = "customer.lead_recalls: list report"
