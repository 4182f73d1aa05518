"""Sensitive columns: sealed at rest under keys that never stand in a database, and found by keyed hashes (docs/adr/0011)."""
