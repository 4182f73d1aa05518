"""Permissions of the complaint service, grouped by what people do with cases. A line is `service.collection: verbs`."""

from __future__ import annotations

# Cases: what a customer does with their own, what is worked with at a dealer or the contact centre, and what those see who only look.
CASE_OWN = """
complaint.cases: create read list answer
complaint.messages: add list
"""
CASE_LOOK = """
complaint.cases: read list search list_entries
complaint.policies: read
"""
CASE_WORK = (
    CASE_LOOK
    + """
complaint.cases: create update acknowledge assess investigate propose answer resolve close reopen escalate wait resume assign
complaint.messages: add list
complaint.notes: add list
"""
)
CASE_TECHNICAL = (
    CASE_LOOK
    + """
complaint.cases: acknowledge assess investigate resolve wait resume escalate
complaint.notes: add list
"""
)
CASE_IMPORTS = "complaint.cases: import\ncomplaint.imports: upload read list cancel"
CASES_ALL = CASE_WORK + CASE_IMPORTS + "\ncomplaint.policies: put"

# What past cases teach: words to count by, reports, signals of defects.
LEARNING_DESK = """
complaint.terms: list suggest
complaint.cases: count
"""
LEARNING_WATCH = (
    LEARNING_DESK
    + """
complaint.suggesters: read
complaint.defect_signals: list read list_evidence follow
"""
)
LEARNING_ALL = (
    LEARNING_WATCH
    + """
complaint.terms: put
complaint.suggesters: train
complaint.defect_signals: mute scan
"""
)
# What is given without owing it: asked for by who works on cases, decided by who has a limit.
GOODWILL_LOOK = "complaint.goodwill: list\ncomplaint.goodwill_policies: read"
GOODWILL_DESK = GOODWILL_LOOK + "\ncomplaint.goodwill: ask"
GOODWILL_DECIDED = GOODWILL_DESK + "\ncomplaint.goodwill: decide"
GOODWILL_ALL = GOODWILL_DECIDED + "\ncomplaint.goodwill_policies: put"
RELATING = "complaint.cases: merge split list_similar run"
FILES = "complaint.attachments: upload read"
FILES_ALL = "complaint.attachments: upload read remove"
KNOWLEDGE = "complaint.knowledge: read search rate"
KNOWLEDGE_ALL = "complaint.knowledge: read search rate put"
CASEWORK: dict[str, tuple[str, ...]] = {
    "owner": (FILES, KNOWLEDGE),
    "dealer.sales": (GOODWILL_DESK, RELATING, FILES, KNOWLEDGE),
    "dealer.service": (GOODWILL_DESK, RELATING, FILES, KNOWLEDGE),
    "dealer.care": (GOODWILL_DESK, RELATING, FILES, KNOWLEDGE),
    "dealer.manager": (GOODWILL_DECIDED, RELATING, FILES_ALL, KNOWLEDGE),
    "dealer.system": (GOODWILL_LOOK, RELATING, FILES, KNOWLEDGE),
    "oem.agent": (GOODWILL_DESK, RELATING, FILES, KNOWLEDGE),
    "oem.keyaccount": (GOODWILL_DECIDED, RELATING, FILES_ALL, KNOWLEDGE),
    "oem.region": (GOODWILL_DECIDED, "complaint.cases: list_similar run\ncomplaint.attachments: read", KNOWLEDGE),
    "oem.quality": ("complaint.cases: list_similar", KNOWLEDGE),
    "oem.technical": ("complaint.cases: list_similar run", FILES, KNOWLEDGE_ALL),
    "oem.manager": (GOODWILL_ALL, RELATING, FILES_ALL, KNOWLEDGE_ALL),
    "oem.admin": (GOODWILL_ALL, RELATING, FILES_ALL, KNOWLEDGE_ALL),
    "service": (GOODWILL_ALL, RELATING, FILES_ALL, KNOWLEDGE_ALL),
}
LEARNING: dict[str, tuple[str, ...]] = {
    "dealer.care": (LEARNING_DESK,),
    "dealer.manager": (LEARNING_DESK,),
    "dealer.service": (LEARNING_DESK,),
    "oem.agent": (LEARNING_DESK,),
    "oem.region": (LEARNING_DESK,),
    "oem.technical": (LEARNING_WATCH,),
    "oem.quality": (LEARNING_ALL,),
    "oem.manager": (LEARNING_ALL,),
    "oem.admin": (LEARNING_ALL,),
    "service": (LEARNING_ALL,),
}

# Teams, macros, saved views, notices of signals, churn.
TEAM = "complaint.tasks: add move finish list"
TOOLS = "complaint.macros: list\ncomplaint.views: put list remove"
TOOLS_ALL = TOOLS + "\ncomplaint.macros: put"
NOTICES = "complaint.defect_signals: list_notices read_notices"
CHURN = "complaint.cases: compare_churn"
TEAMWORK: dict[str, tuple[str, ...]] = {
    "dealer.sales": (TEAM, TOOLS),
    "dealer.service": (TEAM, TOOLS),
    "dealer.care": (TEAM, TOOLS),
    "dealer.manager": (TEAM, TOOLS),
    "dealer.system": ("complaint.tasks: list",),
    "oem.agent": (TEAM, TOOLS),
    "oem.keyaccount": (TEAM, TOOLS),
    "oem.region": ("complaint.tasks: list", TOOLS),
    "oem.technical": (TEAM, TOOLS, NOTICES),
    "oem.quality": (TOOLS, NOTICES, CHURN),
    "oem.manager": (TEAM, TOOLS_ALL, NOTICES, CHURN),
    "oem.admin": (TEAM, TOOLS_ALL, NOTICES, CHURN),
    "service": (TEAM, TOOLS_ALL, NOTICES, CHURN),
}
