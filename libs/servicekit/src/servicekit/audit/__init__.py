"""The audit trail: who read and wrote what, chained afterwards so that no row can be changed unseen.

`reads` notes what was shown · `encoding` says what is hashed · `keys` sign · `appender` chains and closes segments · `verifying` looks for
what was changed · `records` lists · `drops` lets old segments go. Writes are noted by the unit of work (db/uow.py).
"""

from servicekit.audit.reads import COLUMNS, ReadAudit, roles_text

__all__ = ["COLUMNS", "ReadAudit", "roles_text"]
