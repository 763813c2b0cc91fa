"""The GraphQL documents that every load tool sends, and the Schema that they need."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "documents"
SCHEMA_FILE = Path(__file__).with_name("schema.json")


@cache
def document(name: str) -> str:
    """The text of `documents/<name>.graphql`."""
    return (FOLDER / f"{name}.graphql").read_text(encoding="utf-8")


def load_schema() -> dict[str, Any]:
    """The Schema of the load ledgers, a fresh copy."""
    schema: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return schema
