"""Figures beside their yardsticks: `python -m bench`."""
