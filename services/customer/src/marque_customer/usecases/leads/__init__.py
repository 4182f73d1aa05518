"""What is done with leads."""
