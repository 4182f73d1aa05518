"""The arithmetic of cars and visits, pure."""
