"""Markers: words, phones and addresses of nobody that a test plants in every field, and then looks for where nothing personal may be.

`words` makes them and finds them again in whatever form they were brought · `planting` puts them into requests, by the contract.
"""
