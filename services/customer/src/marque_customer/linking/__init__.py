"""Finds records of the same person or organisation in batch: prepare, block, compare, train, score, cluster, say why.

Fellegi–Sunter with term frequencies and learned weights (splink on DuckDB). The room knows nothing of the service: it takes rows of text
with a role for each column, and gives pairs with a score and reasons. It is imported only by the process that links
(`python -m marque_customer.linking`), because splink, DuckDB and Arrow weigh more than the service itself.
"""
