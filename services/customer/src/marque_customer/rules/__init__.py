"""The arithmetic of customers as pure functions."""
