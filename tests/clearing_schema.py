"""The quickstart Schema with clearing accounts: money on its way between two banks."""

import json
from pathlib import Path
from typing import Any

QUICKSTART = Path(__file__).parent.parent / "examples" / "quickstart_schema.json"
LEGS = "assets/transit"  # a clearing account above template ones: assets/transit/leg:<id>


def with_clearing() -> dict[str, Any]:
    """`send` puts an amount on its way, `arrive` takes it off again."""
    document: dict[str, Any] = json.loads(QUICKSTART.read_text())
    assets = document["chartOfAccounts"]["accounts"][0]
    leg = {"key": "leg", "template": True, "clearing": True}
    assets["children"].append({"key": "transit", "clearing": True, "children": [leg]})
    document["ledgerEntries"]["types"] += [_moving("send", ""), _moving("arrive", "-")]
    return document


def _moving(name: str, sign: str) -> dict[str, Any]:
    other = "" if sign else "-"
    return {
        "type": name,
        "lines": [
            {
                "key": "leg",
                "account": {"path": "assets/transit/leg:{{leg}}"},
                "amount": f"{sign}{{{{amount}}}}",
            },
            {
                "key": "bank",
                "account": {"path": "assets/banks/user-cash"},
                "amount": f"{other}{{{{amount}}}}",
            },
        ],
    }
