"""A running platform whose processes a test kills, holds down and freezes, a load on it, and the accounts of what became of each write."""
