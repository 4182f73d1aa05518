"""Between rows and messages."""
