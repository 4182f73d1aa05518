"""The arithmetic of dealers, hours and staff: pure functions."""
