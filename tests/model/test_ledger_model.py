"""The whole ledger through GraphQL against the oracle: every balance, list and group.

rules ─► mutations ─► write tier ─► twins ─► indexer ─► queries ─┐
     └─► Oracle (a list of entries) ─────────────────────────────┴─► equal?
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.model import ledger_schema as book
from tests.model.drawing import (
    AMOUNTS,
    CODES,
    EPOCH,
    EXTRAS,
    FUNDS,
    GROUPS,
    MOMENTS,
    ORDERS,
    PAYMENTS,
    SWAPS,
    TAGS,
    USERS,
)
from tests.model.ledger_world import LedgerWorld
from tests.model.oracle import INT96, Entry, Oracle, Reasons

LEDGER = "model"
STEPS = 40  # at most, an example
EXAMPLES = 15  # a round
ROUNDS_MAX = 10
STEPS_MIN = 2_000  # in all
OFFSETS = st.sampled_from([0, 330, -480])
ENTRIES = st.one_of(FUNDS, PAYMENTS, SWAPS, EXTRAS)

ADD = """mutation($ik: SafeString!, $entry: LedgerEntryInput!) {
  addLedgerEntry(ik: $ik, entry: $entry) {
    ... on AddLedgerEntryResult { isIkReplay entry { id ik reversalPosition } }
    ... on Error { code message }
  }
}"""
ADD_ALL = """mutation($entries: [AddLedgerEntryInput!]!) {
  addLedgerEntries(entries: $entries) {
    ... on AddLedgerEntriesResult { results { isIkReplay entry { id ik reversalPosition } } }
    ... on AddLedgerEntriesError { errors { ik code } }
    ... on BadRequestError { code message }
  }
}"""
UPDATE = """mutation($entry: LedgerEntryMatchInput!, $update: UpdateLedgerEntryInput!) {
  updateLedgerEntry(ledgerEntry: $entry, update: $update) {
    ... on UpdateLedgerEntryResult {
      entry { id tags { key value } groups { key value } }
    }
    ... on Error { code message }
  }
}"""
REVERSE = """mutation($id: ID!) {
  reverseLedgerEntry(id: $id) {
    ... on ReverseLedgerEntryResult {
      isIkReplay
      reversedLedgerEntry { id reversalPosition }
      reversingLedgerEntry { id ik reversalPosition }
    }
    ... on Error { code message }
  }
}"""
MIGRATE = """mutation($input: MigrateLedgerEntryInput!) {
  migrateLedgerEntry(input: $input) {
    ... on MigrateLedgerEntryResult {
      isIkReplay
      reversingLedgerEntry { id ik reversalPosition }
      newLedgerEntry { id ik reversalPosition }
    }
    ... on Error { code message }
  }
}"""
BALANCES = """query($path: String!, $ledger: SafeString!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ledger}}) {
    ownBalances { nodes { amount currency { code } } }
    childBalances { nodes { amount currency { code } } }
    balances { nodes { amount currency { code } } }
  }
}"""
STRONG = """query($path: String!, $ledger: SafeString!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ledger}}) {
    ownBalance(consistencyMode: strong)
  }
}"""
MOMENT = """query($path: String!, $ledger: SafeString!, $at: LastMoment!, $during: Period!) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ledger}}) {
    own: ownBalance(at: $at, currency: {code: USD})
    child: childBalance(at: $at, currency: {code: USD})
    total: balance(at: $at, currency: {code: USD})
    ownChange: ownBalanceChange(period: $during, currency: {code: USD})
    childChange: childBalanceChange(period: $during, currency: {code: USD})
    totalChange: balanceChange(period: $during, currency: {code: USD})
  }
}"""
LIST = """query(
  $ledger: SafeString!, $filter: LedgerEntriesFilterSet, $first: Int, $after: String
) {
  ledger(ledger: {ik: $ledger}) {
    ledgerEntries(filter: $filter, first: $first, after: $after) {
      nodes {
        id ik posted type typeVersion hidden isReversal isReversed reversalPosition
        tags { key value } groups { key value }
        lines { nodes { amount account { path } currency { code } } }
      }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
LINES = """query($ledger: SafeString!, $path: String!, $first: Int, $after: String) {
  ledgerAccount(ledgerAccount: {path: $path, ledger: {ik: $ledger}}) {
    lines(first: $first, after: $after) {
      nodes { amount posted currency { code } }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
GROUP = """query($ledger: SafeString!, $group: EntryGroupMatchInput!, $first: Int, $after: String) {
  ledger(ledger: {ik: $ledger}) {
    ledgerEntryGroup(ledgerEntryGroup: $group) {
      balances(first: $first, after: $after) {
        nodes { ownBalance(consistencyMode: use_account) account { path } currency { code } }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}"""
STATS = """query($ledger: SafeString!, $first: Int, $after: String) {
  ledger(ledger: {ik: $ledger}) {
    entryStats(first: $first, after: $after) {
      nodes { type typeVersion count reversalsCount netCount }
      pageInfo { hasNextPage endCursor }
    }
  }
}"""
MIGRATIONS = """query($ledger: SafeString!) {
  ledger(ledger: {ik: $ledger}) {
    migrations { nodes { status schemaVersion { version } } }
  }
}"""


def iso(ms: int) -> str:
    """As the API takes and gives it."""
    moment = EPOCH + timedelta(milliseconds=ms)
    return f"{moment.year:04d}{moment:-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def pairs(things: dict[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in things.items()]


def unpaired(things: list[dict[str, str]]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in things}


class WholeLedger(RuleBasedStateMachine):
    """Steps are mutations, restarts, following; `compare` reads everything."""

    steps = 0

    @invariant()
    def count(self) -> None:
        """One step more."""
        type(self).steps += 1

    @initialize(offset=OFFSETS)
    def open(self, offset: int) -> None:
        self.offset_ms = offset * 60_000
        self.extras = 0
        self.ids: dict[tuple[str, int], str] = {}
        self.oracle = Oracle(book.is_strong, frozenset([book.STRONG_GROUP]))
        self.world = LedgerWorld()
        self.world.run(self.world.rig.store(book.schema(0)))
        self.world.run(self.world.rig.create(LEDGER, book.KEY, offset_minutes=offset))

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.compare_all("2024-02", "2024", self.paths_posted_to())
                assert self.world.findings() == []
            finally:
                self.world.close()

    # --- Steps ------------------------------------------------------------------------------------
    @rule()
    def restart(self) -> None:
        """A new write process knows nothing but the table."""
        self.world.restart()

    @rule()
    def follow(self) -> None:
        """The indexer catches up."""
        self.world.follow()

    @precondition(lambda self: self.extras < 3)
    @rule()
    def store_schema(self) -> None:
        """A next version with an account and a type more; the ledger comes to be on it."""
        self.extras += 1
        self.world.run(self.world.rig.store(book.schema(self.extras)))
        self.world.migrate()

    @rule(asked=ENTRIES)
    def post(self, asked: Any) -> None:
        body, entry = self.built(asked)
        told = self.world.ask(ADD, ik=entry.ik, entry=body)["addLedgerEntry"]
        expected = self.expected([entry])[0]
        if isinstance(expected, tuple):
            assert told.get("code") == CODES[expected[0]], (told, expected)
            return
        assert told.get("isIkReplay") == expected, (told, expected)
        self.learn(told["entry"])

    @rule(asked=st.lists(ENTRIES, min_size=1, max_size=4, unique_by=lambda one: one[1][0]))
    def post_atomically(self, asked: Any) -> None:
        built = [self.built(each) for each in asked]
        entries = [{"ik": entry.ik, "entry": body} for body, entry in built]
        told = self.world.ask(ADD_ALL, entries=entries)["addLedgerEntries"]
        expected = self.expected([entry for _, entry in built])
        reasons = {word for each in expected if isinstance(each, tuple) for word in each}
        if reasons:
            codes = {each["code"] for each in told["errors"]}
            assert codes & {CODES[word] for word in reasons}, (told, expected)
            return
        assert [each["isIkReplay"] for each in told["results"]] == expected, told
        for each in told["results"]:
            self.learn(each["entry"])

    @precondition(lambda self: self.oracle.chains)
    @rule(data=st.data(), tags=TAGS, remove=TAGS, groups=GROUPS)
    def update(self, data: Any, tags: Any, remove: Any, groups: Any) -> None:
        ik = data.draw(st.sampled_from(sorted(self.oracle.chains)))
        remove = {key: value for key, value in remove.items() if key not in tags}
        entry = self.oracle.newest(ik)
        assert entry is not None
        remove = {key: entry.tags[key] for key in remove if key in entry.tags}
        update = {"tags": pairs(tags), "tagsToRemove": pairs(remove), "groups": pairs(groups)}
        match = {"ik": ik, "ledger": {"ik": LEDGER}}
        told = self.world.ask(UPDATE, entry=match, update=update)["updateLedgerEntry"]
        refused = self.oracle.update(ik, tags, remove, groups)
        if refused is not None:
            assert told.get("code") == CODES[refused], (told, refused)
            return
        assert unpaired(told["entry"]["tags"]) == entry.tags
        assert unpaired(told["entry"]["groups"]) == entry.groups

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def reverse(self, data: Any) -> None:
        ik, position = data.draw(st.sampled_from(sorted(self.ids)))
        told = self.world.ask(REVERSE, id=self.ids[(ik, position)])["reverseLedgerEntry"]
        expected = self.oracle.reverse(ik, position)
        if isinstance(expected, tuple):
            assert told.get("code") == CODES[expected[0]], (told, expected)
            return
        assert told["isIkReplay"] == expected
        self.learn(told["reversingLedgerEntry"])

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), moment=MOMENTS, user=USERS, order=ORDERS, amount=AMOUNTS)
    def migrate(self, data: Any, moment: int, user: str, order: str, amount: int) -> None:
        """Replaces an entry by one of fund's version 2."""
        ik, position = data.draw(st.sampled_from(sorted(self.ids)))
        body, entry = self.built(("fund", (ik, moment, user, order, amount, 2)))
        given = {"id": self.ids[(ik, position)], "newLedgerEntry": body}
        told = self.world.ask(MIGRATE, input=given)["migrateLedgerEntry"]
        expected = self.oracle.migrate(ik, position, entry)
        if isinstance(expected, tuple):
            assert told.get("code") == CODES[expected[0]], (told, expected)
            return
        if expected:
            assert told.get("isIkReplay", True), told
            return
        assert told["isIkReplay"] is False
        self.learn(told["reversingLedgerEntry"])
        self.learn(told["newLedgerEntry"])

    @rule(
        at=st.sampled_from(["1599", "1969", "1970-01-01", "2024-02", "2024-02-29T12", "2401"]),
        during=st.sampled_from(
            ["1600", "1969-Q4", "2024-02-29", "2024-02-29T12", "2024", "2023-12"]
        ),
        first=st.integers(0, 2),
    )
    def compare(self, at: str, during: str, first: int) -> None:
        """What can be read of every third account, lists and groups is what the oracle adds up."""
        self.compare_all(at, during, self.paths_posted_to()[first::3])

    def compare_all(self, at: str, during: str, paths: list[str]) -> None:
        """Everything that can be read is what the oracle adds up."""
        self.world.follow()
        for path in paths:
            self.compare_balances(path)
            self.compare_moment(path, at, during)
            self.compare_lines(path)
        self.compare_entries()
        self.compare_groups()
        self.compare_stats()

    # --- Asking -----------------------------------------------------------------------------------
    def built(self, asked: Any) -> tuple[dict[str, Any], Entry]:
        kind, args = asked
        body, entry = getattr(book, kind)(*args)
        return body | {"ledger": {"ik": LEDGER}, "posted": iso(entry.posted_ms)}, entry

    def expected(self, entries: list[Entry]) -> list[bool | Reasons]:
        """The oracle's answers; a type that isn't there, or takes nothing, refuses its entry."""
        words: list[Reasons | None] = []
        for entry in entries:
            standing = self.oracle.newest(entry.ik)
            replays = standing is not None and standing.reverses is None
            word: Reasons | None = None
            if not replays and entry.type == "fund" and entry.version == 1 and self.extras:
                word = ("archived",)
            elif not replays and entry.type in {f"extra-{at}" for at in range(self.extras + 1, 4)}:
                word = ("unknown",)
            words.append(word)
        if any(words):
            return [word or False for word in words]
        return self.oracle.post(entries)

    def learn(self, entry: dict[str, Any]) -> None:
        self.ids[(entry["ik"], entry["reversalPosition"])] = entry["id"]

    def paths_posted_to(self) -> list[str]:
        """Every account that was ever posted to, and those above."""
        found = set()
        for entry in self.oracle.entries():
            for line in entry.lines:
                keys = line.path.split("/")
                found |= {"/".join(keys[: at + 1]) for at in range(len(keys))}
        return sorted(found)

    # --- Comparing --------------------------------------------------------------------------------
    def compare_balances(self, path: str) -> None:
        own = {code: self.oracle.own(path, code) for code in ("USD", "EUR")}
        child = {code: self.oracle.child(path, code) for code in ("USD", "EUR")}
        both = {code: own[code] + child[code] for code in own}
        account = self.read(BALANCES, [*own.values(), *child.values(), *both.values()], path=path)
        if account is None:
            return
        for field, sums in (("ownBalances", own), ("childBalances", child), ("balances", both)):
            told = {
                each["currency"]["code"]: int(each["amount"]) for each in account[field]["nodes"]
            }
            assert {code: told.get(code, 0) for code in sums} == sums, (path, field)
            assert told.keys() <= sums.keys()
        if book.is_strong(path):
            strong = self.world.ask(STRONG, path=path, ledger=LEDGER)["ledgerAccount"]
            assert int(strong["ownBalance"]) == own["USD"], path

    def read(self, query: str, sums: Iterable[int], **variables: Any) -> Any:
        """The account asked for; None when a sum has left Int96 and just that was told."""
        if all(abs(each) <= INT96 for each in sums):
            answer = self.world.run(self.world.rig.ask(query, ledger=LEDGER, **variables))
            assert "errors" not in answer.body, (answer.body["errors"], list(sums), variables)
            return answer.data["ledgerAccount"]
        codes = {code for code, _ in self.world.refusals(query, ledger=LEDGER, **variables)}
        assert codes == {"amount_overflow"}
        return None

    def compare_moment(self, path: str, at: str, during: str) -> None:
        end = self.span(at)[1]
        start, stop = self.span(during)
        sums = {
            "own": self.oracle.own(path, "USD", end_ms=end),
            "child": self.oracle.child(path, "USD", end_ms=end),
            "ownChange": self.oracle.own(path, "USD", start, stop),
            "childChange": self.oracle.child(path, "USD", start, stop),
        }
        sums["total"] = sums["own"] + sums["child"]
        sums["totalChange"] = sums["ownChange"] + sums["childChange"]
        told = self.read(MOMENT, sums.values(), path=path, at=at, during=during)
        if told is None:
            return
        assert {name: int(amount) for name, amount in told.items()} == sums, (path, at, during)

    def span(self, text: str) -> tuple[int, int]:
        """First and last-but-one moment of a period in the ledger's own time, in UTC ms."""
        date, _, hour = text.partition("T")
        year, *rest = date.split("-")
        if rest and rest[0].startswith("Q"):
            month, months = 3 * int(rest[0][1:]) - 2, 3
        else:
            month, months = (int(rest[0]), 1) if rest else (1, 12)
        start = datetime(int(year), month, int(rest[1]) if len(rest) > 1 else 1, tzinfo=UTC)
        if hour:
            start += timedelta(hours=int(hour))
            end = start + timedelta(hours=1)
        elif len(rest) > 1:
            end = start + timedelta(days=1)
        else:
            beyond = int(year) * 12 + month - 1 + months
            end = datetime(beyond // 12, beyond % 12 + 1, 1, tzinfo=UTC)
        one = timedelta(milliseconds=1)
        return (start - EPOCH) // one - self.offset_ms, (end - EPOCH) // one - self.offset_ms

    def compare_lines(self, path: str) -> None:
        told = [
            (each["posted"], int(each["amount"]), each["currency"]["code"])
            for each in self.world.walk(LINES, ("ledgerAccount", "lines"), ledger=LEDGER, path=path)
        ]
        due = [
            (iso(entry.posted_ms), line.amount, line.currency)
            for entry in self.oracle.listed()
            for line in entry.lines
            if line.path == path
        ]
        assert [posted for posted, _, _ in told] == [posted for posted, _, _ in due], path
        assert sorted(told) == sorted(due), path

    def compare_entries(self) -> None:
        self.compare_list({"showHidden": True}, self.oracle.listed(hidden=True))
        self.compare_list({}, self.oracle.listed())
        for filter_, wanted in (
            ({"type": {"equalTo": "fund"}}, lambda entry: entry.type == "fund"),
            (
                {"tag": {"equalTo": {"key": "user", "value": "ann"}}},
                lambda entry: entry.tags.get("user") == "ann",
            ),
            (
                {"group": {"equalTo": {"key": "order", "value": "o-1"}}},
                lambda entry: entry.groups.get("order") == "o-1",
            ),
            (
                {"posted": {"after": "1970-01-01T00:00:00.000Z"}},
                lambda entry: entry.posted_ms >= 0,
            ),
        ):
            self.compare_list(filter_, self.oracle.listed(wanted))

    def compare_list(self, filter_: dict[str, Any], due: list[Entry]) -> None:
        told = self.world.walk(LIST, ("ledger", "ledgerEntries"), ledger=LEDGER, filter=filter_)
        assert [each["posted"] for each in told] == [iso(entry.posted_ms) for entry in due], filter_
        assert sorted(map(self.as_told, told)) == sorted(map(self.as_due, due)), filter_

    @staticmethod
    def as_told(entry: dict[str, Any]) -> tuple[Any, ...]:
        lines = tuple(
            (line["account"]["path"], int(line["amount"]), line["currency"]["code"])
            for line in entry["lines"]["nodes"]
        )
        return (
            entry["ik"],
            entry["reversalPosition"],
            entry["posted"],
            (entry["type"], entry["typeVersion"]),
            (entry["hidden"], entry["isReversal"], entry["isReversed"]),
            sorted(unpaired(entry["tags"]).items()),
            sorted(unpaired(entry["groups"]).items()),
            lines,
        )

    @staticmethod
    def as_due(entry: Entry) -> tuple[Any, ...]:
        return (
            entry.ik,
            entry.position,
            iso(entry.posted_ms),
            (entry.type, entry.version),
            (entry.hidden, entry.reverses is not None, entry.reversed_by is not None),
            sorted(entry.tags.items()),
            sorted(entry.groups.items()),
            tuple((line.path, line.amount, line.currency) for line in entry.lines),
        )

    def compare_groups(self) -> None:
        groups = {pair for entry in self.oracle.entries() for pair in entry.groups.items()}
        for key, value in sorted(groups):
            due = self.oracle.group_balances(key, value)
            if any(abs(each) > INT96 for each in due.values()):
                continue  # that it is told so is seen where balances are compared
            nodes = self.world.walk(
                GROUP,
                ("ledger", "ledgerEntryGroup", "balances"),
                ledger=LEDGER,
                group={"key": key, "value": value},
            )
            told = {
                (each["account"]["path"], each["currency"]["code"]): int(each["ownBalance"])
                for each in nodes
            }
            assert len(told) == len(nodes)
            assert told == due, (key, value)

    def compare_stats(self) -> None:
        nodes = self.world.walk(STATS, ("ledger", "entryStats"), ledger=LEDGER)
        told = {
            (each["type"], each["typeVersion"]): (int(each["count"]), int(each["reversalsCount"]))
            for each in nodes
        }
        assert all(
            int(each["netCount"]) == int(each["count"]) - int(each["reversalsCount"])
            for each in nodes
        )
        assert told == self.oracle.stats()


def test_the_whole_ledger_agrees_with_the_oracle():
    """In rounds until enough steps were made: how many an example has is drawn. Explaining a
    failure would take minutes, so that phase is left out."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
    asked = settings(max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, phases=phases)
    WholeLedger.steps = 0
    for _ in range(ROUNDS_MAX):
        run_state_machine_as_test(WholeLedger, settings=asked)
        if WholeLedger.steps >= STEPS_MIN:
            return
    raise AssertionError(f"only {WholeLedger.steps} steps were made")
