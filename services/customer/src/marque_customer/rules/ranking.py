"""How well a candidate of a search matches: 0 to 1, and by which kinds of field."""

from __future__ import annotations



def score(query: str, text: str, tokens: int) -> float:
    """Returns the score of a document's text (entries apart by line feeds, the name first) for a folded query.

    A whole entry counts 1, the beginning of one 0.9, a part of one less the more is left over, tokens alone 0.5.
    `tokens` is how many of the query's tokens the row was found by; the first entry, the name, wins over the others.
    """
    bare = query.replace(" ", "")
    best = 0.5 if tokens else 0.4
    for place, entry in enumerate(text.split("\n")):
        if bare not in entry and query not in entry:
            continue
        share = len(bare) / max(len(entry), 1)
        if entry in (query, bare):
            found = 1.0
        elif entry.startswith((query, bare)):
            found = 0.85 + 0.1 * share
        else:
            found = 0.5 + 0.3 * share
        best = max(best, min(1.0, found - (0.02 if place else 0.0)))
    return round(best, 4)
