"""Between rows and messages of the vehicle service, by noun."""
