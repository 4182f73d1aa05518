"""What is done: one function a call or event, one transaction."""
