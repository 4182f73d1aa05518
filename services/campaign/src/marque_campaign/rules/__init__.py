"""The arithmetic of campaigns: pure functions, no I/O."""
