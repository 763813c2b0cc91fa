"""What the load knows of one ik: how the newest entry of its chain must stand, and what may be
asked of it next.

    posted ──update──► posted ──reverse──► reversed ──post──► posted
           ──migrate─► posted
"""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.chaos import documents

USERS = 20
GROUP_KEYS = ("order", "batch")  # the balances of users are strong in groups of the first
GROUP_VALUES = ("0", "1", "2")
UPDATES_MAX = 8
Asked = tuple[str, dict[str, Any]]  # a document and its variables


def draw_body(rng: Random, ledger_ik: str) -> dict[str, Any]:
    """An entry of the load, as it is given."""
    amount = str(1 + rng.randrange(500))
    if rng.random() < 0.4:
        kind, parameters = "deposit", {"amount": amount}
    else:
        payer, payee = rng.sample(range(USERS), 2)
        kind = "guarded_transfer"
        parameters = {"from": f"u{payer}", "to": f"u{payee}", "amount": amount}
    body = {"ledger": {"ik": ledger_ik}, "type": kind, "parameters": parameters}
    return body | ({"groups": [_draw_group(rng)]} if rng.random() < 0.3 else {})


def _draw_group(rng: Random) -> dict[str, str]:
    return {"key": rng.choice(GROUP_KEYS), "value": rng.choice(GROUP_VALUES)}


@dataclass(frozen=True, slots=True)
class Chain:
    """The newest entry of an ik, as it was answered."""

    ik: str
    id: str
    position: int
    body: dict[str, Any]  # of the newest entry that isn't a reversal
    is_reversed: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    def moves(self) -> list[tuple[str, int]]:
        """What it adds to which account."""
        if self.is_reversed:
            return []
        given = self.body["parameters"]
        amount = int(given["amount"])
        if self.body["type"] == "deposit":
            return [("assets/bank", amount), ("liabilities/float", amount)]
        payer, payee = f"liabilities/users:{given['from']}", f"liabilities/users:{given['to']}"
        return [(payer, -amount), (payee, amount)]

    def standing(self) -> dict[str, Any]:
        """What is read of it by its ik."""
        return {
            "reversalPosition": self.position,
            "isReversal": self.is_reversed,
            "tags": self.tags,
            "groups": self.groups,
        }


def posted(answer: dict[str, Any], body: dict[str, Any]) -> Chain:
    """The chain that ends in a new entry, of this body."""
    groups = {each["key"]: each["value"] for each in body.get("groups", ())}
    return Chain(answer["ik"], answer["id"], answer["reversalPosition"], body, groups=groups)


@dataclass(frozen=True, slots=True)
class Post:
    """An entry, or entries that are posted together; of one whose ik is reversed the next one."""

    entries: tuple[tuple[str, dict[str, Any]], ...]  # ik and body

    def iks(self) -> list[str]:
        return [ik for ik, _ in self.entries]

    def asked(self) -> Asked:
        if len(self.entries) == 1:
            ((ik, body),) = self.entries
            return documents.POST, {"ik": ik, "entry": body}
        entries = [{"ik": ik, "entry": body} for ik, body in self.entries]
        return documents.POST_ALL, {"entries": entries}

    def learned(self, answer: dict[str, Any]) -> list[Chain]:
        """The chains as they are after the answer."""
        results = answer["results"] if len(self.entries) > 1 else [answer]
        given = zip(results, self.entries, strict=True)
        return [posted(result["entry"], body) for result, (_, body) in given]


@dataclass(frozen=True, slots=True)
class Update:
    """Labels for the newest entry: sent twice it counts once."""

    chain: Chain
    tags: dict[str, str]
    groups: dict[str, str]

    def iks(self) -> list[str]:
        return [self.chain.ik]

    def asked(self) -> Asked:
        update = {
            name: [{"key": key, "value": value} for key, value in labels.items()]
            for name, labels in (("tags", self.tags), ("groups", self.groups))
        }
        return documents.UPDATE, {"id": self.chain.id, "update": update}

    def learned(self, answer: dict[str, Any]) -> list[Chain]:
        assert answer["entry"]["id"] == self.chain.id
        tags, groups = self.chain.tags | self.tags, self.chain.groups | self.groups
        return [replace(self.chain, tags=tags, groups=groups)]


@dataclass(frozen=True, slots=True)
class Reversal:
    """Takes the newest entry back."""

    chain: Chain

    def iks(self) -> list[str]:
        return [self.chain.ik]

    def asked(self) -> Asked:
        return documents.REVERSE, {"id": self.chain.id}

    def learned(self, answer: dict[str, Any]) -> list[Chain]:
        entry = answer["entry"]
        assert entry["reversalPosition"] == self.chain.position + 1
        return [
            replace(
                self.chain, id=entry["id"], position=entry["reversalPosition"], is_reversed=True
            )
        ]


@dataclass(frozen=True, slots=True)
class Migration:
    """Posts another entry in the place of the newest one."""

    chain: Chain
    body: dict[str, Any]

    def iks(self) -> list[str]:
        return [self.chain.ik]

    def asked(self) -> Asked:
        return documents.MIGRATE, {"id": self.chain.id, "entry": self.body}

    def learned(self, answer: dict[str, Any]) -> list[Chain]:
        assert answer["entry"]["reversalPosition"] == self.chain.position + 2
        return [posted(answer["entry"], self.body)]


Request = Post | Update | Reversal | Migration


def draw_change(rng: Random, chain: Chain, number: int) -> Request:
    """What may be asked of the chain next."""
    body = draw_body(rng, chain.body["ledger"]["ik"])
    if chain.is_reversed:
        return Post(((chain.ik, body),))
    kind = rng.choice(["update", "update", "reverse", "migrate"])
    if kind == "reverse" or len(chain.tags) >= UPDATES_MAX:
        return Reversal(chain)
    if kind == "migrate":
        return Migration(chain, body)
    key, value = _draw_group(rng).values()
    groups = {} if key in chain.groups else {key: value}
    return Update(chain, {f"t{number}": str(number)}, groups)
