"""A person's rights across the platform: what is held is shown, forgotten, or kept without use."""
