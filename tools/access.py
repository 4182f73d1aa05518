"""Writes docs/access.md from the role table and the contracts. `--check` fails when the page is not up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from marque.options.v1 import options_pb2
from servicekit import contract, roles

PAGE = Path(__file__).resolve().parent.parent / "docs" / "access.md"
HEAD = """# Who may see and do what

Made from `servicekit/roles` and the contracts by `make proto`; do not edit.

- Every service verifies every token again and trusts no identity header. A method is public, needs a permission, or is INTERNAL
  (services only: the gateway never routes it).
- Authorise, then validate, then look up: a refusal is the same whether or not the row exists.
- Fields of a kind that the caller may not see are absent and named in `masked_fields`; they cannot be searched or written.
- Reading unmasked personal fields is audited; so is every write, in its own transaction.

## Rows

| entity | owner | dealer roles | oem.region | other maker roles |
|---|---|---|---|---|
| customer | self | with a relation to their dealer or group (a counter look-up makes one) | relations of its dealers | all |
| car, technical history | cars owned, without persons | by exact VIN, without others' prices and persons | the same | all, masked |
| sale, ownership | own | own dealer or group | its dealers | all |
| repair order, appointment | own visits | own station or group | its dealers | all |
| survey invitation, answers | own | of the dealer or group; without persons where promised | its dealers, likewise | all |
| case | own, with its thread | where the dealer answers for it, or its group | its dealers | all; technical: technical cases |
| recall, once opened | by VIN, as anybody | all; its cars where related | the same | all, drafts too |
| consent, interaction | own | where the dealer is controller / own dealer's | its dealers' | contact centre, managers |
| dealer | all | all | all | all |
| staff, calendar | – | own dealer | its dealers | all |
| territory, target | – | own dealer | its dealers | all |
| dealer's contacts, visits, agreements, scorecard | – | own dealer, for its manager | its dealers | managers, administrators |
| dealer's admission file | – | – | its dealers | managers, administrators |

"""


def page() -> str:
    """Returns the page."""
    kinds = {
        value.number: value.name.removeprefix("DATA_CLASS_").lower()
        for value in options_pb2.DataClass.DESCRIPTOR.values
    }
    lines = [HEAD, "## Kinds of data a role sees\n", "| role | sees |", "|---|---|"]
    for role, classes in sorted(roles.CLASSES.items()):
        lines.append(f"| `{role}` | {', '.join(sorted(kinds[number] for number in classes)) or 'none'} |")
    lines += ["\n## Methods\n", "| method | rule | roles |", "|---|---|---|"]
    for name in contract.services():
        for method in contract.methods(name).values():
            holders = sorted(
                role for role, held in roles.PERMISSIONS.items() if method.permission in held and role != "service"
            )
            rule = method.permission or ("public" if method.public else "internal")
            lines.append(f"| {name.removeprefix('marque.')}/{method.name} | `{rule}` | {', '.join(holders)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        raise SystemExit("docs/access.md is not up to date: run `make proto`")
