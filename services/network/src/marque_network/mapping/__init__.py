"""Between rows and messages of the network service."""
