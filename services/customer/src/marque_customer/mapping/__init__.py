"""Between rows and messages of the customer service."""
