"""A service for the kit's own tests: it speaks the contracts of customer over a scratch table, and can be told to break.

Its writes are kept in `lab_writes` one by one, so that a test sees whether anything was done twice.
"""
