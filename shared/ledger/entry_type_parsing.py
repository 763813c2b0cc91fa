"""`ledgerEntries.types[…]` of a Schema document -> entry types, checked against the chart.

Whatever a line or condition can get wrong by itself is told; what depends on the chart's currencies
(a missing currency, an unbalanced type) only when the chart itself is sound, so that one fault in
it doesn't show up as hundreds.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from shared.ledger.amounts import in_int96, parse_int96
from shared.ledger.chart import AccountNode, ChartOfAccounts, CurrencyTemplate
from shared.ledger.chart_parsing import (
    CURRENCY_MEMBERS,
    STATUSES,
    ScopeUse,
    ScopeUses,
    parse_currency,
)
from shared.ledger.entry_type_balance import BalanceLine, balance_problems
from shared.ledger.schema_reader import ObjectReader, shown, shown_name
from shared.ledger.schemas import (
    POST_LINES_AS,
    ConditionTemplate,
    EntryType,
    LineTemplate,
    PairTemplate,
    TxTemplate,
)
from shared.ledger.strings import parameterized_string_problem, safe_string_problem, text_problem
from shared.ledger.templates import AmountExpression, Template, parameter_name_problem
from shared.limits import (
    ACCOUNT_PATH_CHARS_MAX,
    CONDITIONS_PER_ENTRY_MAX,
    GROUP_KEY_CHARS_MAX,
    GROUP_VALUE_CHARS_MAX,
    GROUPS_PER_ENTRY_MAX,
    LINES_PER_ENTRY_MAX,
    NAME_CHARS_MAX,
    PARAMETER_CHARS_MAX,
    PARAMETERS_PER_ENTRY_MAX,
    TAG_KEY_CHARS_MAX,
    TAG_VALUE_CHARS_MAX,
    TAGS_PER_ENTRY_MAX,
    TAGS_PER_LINE_MAX,
)

ENTRY_TYPE_MEMBERS = frozenset(
    {
        "conditions",
        "description",
        "groups",
        "lines",
        "parameters",
        "postLinesAs",
        "status",
        "tags",
        "type",
        "typeVersion",
    }
)
ACCOUNT_MATCH_MEMBERS = frozenset({"path"})
_LINE_MEMBERS = frozenset(
    ["account", "amount", "currency", "description", "key", "repeated", "tags", "tx"]
)
_CONDITION_MEMBERS = frozenset(["account", "currency", "postcondition", "precondition", "repeated"])
_BALANCES_MEMBERS = frozenset({"ownBalance", "totalBalance"})
_BOUNDS_MEMBERS = frozenset({"eq", "gte", "lte"})
_PAIR_MEMBERS = frozenset({"key", "value"})
_REPEATED_MEMBERS = frozenset({"key"})
_TX_MEMBERS = frozenset({"externalId", "id"})

_WHENS: tuple[tuple[Literal["pre", "post"], str], ...] = (
    ("pre", "precondition"),
    ("post", "postcondition"),
)
_SCOPES: tuple[tuple[Literal["own", "total"], str], ...] = (
    ("own", "ownBalance"),
    ("total", "totalBalance"),
)

Kind = Literal["text", "safe", "amount"]


class ParameterUses:
    """The parameters that a type's templates name, and what each must be."""

    __slots__ = ("amounts", "fields", "plain", "safe")

    def __init__(self) -> None:
        self.plain: dict[str, str] = {}  # name -> path of its first use
        self.fields: dict[str, set[str]] = {}  # array parameter -> fields of its elements
        self.amounts: set[str] = set()
        self.safe: set[str] = set()

    def add(
        self,
        reader: ObjectReader,
        member: str,
        names: Iterable[str],
        kind: Kind,
        repeated: str | None,
    ) -> bool:
        """Notes the names that the template at `member` uses, inside what `repeated` repeats.

        False when one is a field of an element that there isn't.
        """
        is_sound = True
        for name in names:
            array, dot, element_field = name.partition(".")
            if not dot:
                self.plain.setdefault(name, reader.at(member))
            elif array == repeated:
                self.fields[array].add(element_field)
            else:
                rule = f"only a line or condition with repeated.key {array} may use {{{{{name}}}}}"
                reader.violate(member, rule)
                is_sound = False
            if kind == "amount":
                self.amounts.add(name)
            elif kind == "safe":
                self.safe.add(name)
        return is_sound

    def add_repeated(self, array: str) -> None:
        """Notes an array parameter, even if no field of it is used."""
        self.fields.setdefault(array, set())

    def check(self, reader: ObjectReader) -> None:
        """Notes names that are used both as a text and as an array, and too many of them."""
        for array in self.fields:
            if array in self.plain:
                path = self.plain[array].removeprefix(f"{reader.path}.")
                rule = (
                    f"uses {{{{{array}}}}}, an array parameter: name a field, {{{{{array}.field}}}}"
                )
                reader.violate(path, rule)
        count = len(self.plain) + len(self.fields)
        if count > PARAMETERS_PER_ENTRY_MAX:
            rule = f"uses {count} parameters; at most {PARAMETERS_PER_ENTRY_MAX} are allowed"
            reader.violate("", rule)


def read_account(
    reader: ObjectReader,
    member: str,
    chart: ChartOfAccounts | None,
    uses: ParameterUses,
    repeated: str | None = None,
) -> tuple[Template, AccountNode] | None:
    """A SchemaLedgerAccountMatchInput: its path and the node that the path leads to.

    `chart` None: it could not be read, so no path can be judged.
    """
    if not reader.require(member):
        return None
    match = reader.object(member, ACCOUNT_MATCH_MEMBERS)
    assert match is not None
    match.require("path")
    path = match.template(
        "path", lambda text: parameterized_string_problem(text, ACCOUNT_PATH_CHARS_MAX)
    )
    if path is None:
        return None
    is_sound = uses.add(match, "path", path.parameters, "safe", repeated)
    if chart is None or not is_sound:
        return None
    node = chart.resolve_template(path)
    if isinstance(node, str):
        match.violate("path", f"is not the path of a Ledger Account: {node}")
        return None
    uses.add(match, "path", node.path_parameters, "text", None)
    return path, node


def read_currency(
    reader: ObjectReader, node: AccountNode | None, uses: ParameterUses, repeated: str | None = None
) -> CurrencyTemplate | None:
    """The stated currency, checked against the account's; `node` None: the account is not known."""
    member = reader.object("currency", CURRENCY_MEMBERS)
    if member is None:
        if node is not None and node.currency_mode == "multi":
            reader.violate("currency", f"is required: {node.pattern} is multi-currency")
        return None
    currency = parse_currency(member)
    if currency is None:
        return None
    uses.add(reader, "currency", currency.parameters, "text", repeated)
    own = None if node is None or node.currency is None else node.currency.constant
    if own is not None and currency.constant is not None and currency.constant != own:
        reader.violate("currency", f"must be {own.key}, the currency of the account, or left out")
    return currency


def read_pairs(
    reader: ObjectReader,
    member: str,
    uses: ParameterUses,
    bounds: tuple[int, int, int],
    repeated: str | None = None,
) -> tuple[PairTemplate, ...]:
    """Tags or groups with unique keys. `bounds`: most pairs, characters of a key, of a value."""
    count_max, key_chars_max, value_chars_max = bounds
    pairs: dict[str, PairTemplate] = {}
    for pair in reader.objects(member, _PAIR_MEMBERS, count_max) or ():
        pair.require("key")
        pair.require("value")
        key = pair.safe_string("key", key_chars_max)
        value = pair.safe_template("value", value_chars_max)
        if value is not None:
            uses.add(pair, "value", value.parameters, "safe", repeated)
        if key is None or value is None:
            continue
        if key in pairs:
            pair.violate("key", f"{key} is used twice")
        pairs[key] = PairTemplate(key, value)
    return tuple(pairs.values())


class EntryTypeParser:
    """Reads entry types against one chart."""

    __slots__ = ("_chart", "_chart_is_sound", "_scopes")

    def __init__(
        self, chart: ChartOfAccounts | None, chart_is_sound: bool, scopes: ScopeUses
    ) -> None:
        self._chart = chart
        self._chart_is_sound = chart_is_sound
        self._scopes = scopes

    def parse(self, reader: ObjectReader) -> EntryType | None:
        """One entry type; None when it has no name or a bad one. Faults are noted on the reader."""
        uses = ParameterUses()
        reader.require("type")
        name = reader.safe_string("type")
        description = reader.text_template("description")
        if description is not None:
            uses.add(reader, "description", description.parameters, "text", None)
        lines = self._lines(reader, uses)
        conditions = self._conditions(reader, uses, lines)
        tag_bounds = (TAGS_PER_ENTRY_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX)
        tags = read_pairs(reader, "tags", uses, tag_bounds)
        group_bounds = (GROUPS_PER_ENTRY_MAX, GROUP_KEY_CHARS_MAX, GROUP_VALUE_CHARS_MAX)
        groups = read_pairs(reader, "groups", uses, group_bounds)
        uses.check(reader)
        fixed = _read_fixed(reader, uses, is_runtime=lines is None)
        if lines is not None and self._chart_is_sound:
            self._check_balance(reader, lines, fixed)
        version = reader.version("typeVersion") if reader.has("typeVersion") else 1
        if name is None or version is None:
            return None
        return EntryType(
            type=name,
            version=version,
            description=description,
            status=reader.choice("status", STATUSES) or "active",
            lines=None if lines is None else tuple([line for line in lines if line is not None]),
            conditions=conditions,
            tags=tags,
            groups=groups,
            fixed=fixed,
            post_lines_as=reader.choice("postLinesAs", POST_LINES_AS) or "raw_lines",
            parameters=frozenset(uses.plain).difference(fixed),
            amount_parameters=frozenset(uses.amounts),
            repeated={array: frozenset(fields) for array, fields in uses.fields.items()},
            json=reader.json,
        )

    # --- Lines ---

    def _lines(self, reader: ObjectReader, uses: ParameterUses) -> list[LineTemplate | None] | None:
        """The lines, None for each that can't be used; None in all for a runtime type."""
        members = reader.objects("lines", _LINE_MEMBERS, LINES_PER_ENTRY_MAX, count_min=1)
        if members is None:
            return None
        keys: set[str] = set()
        lines = [self._line(member, uses, keys) for member in members]
        balancing = [place for place, line in enumerate(lines) if line and line.is_balancing]
        from_tx = any(line is not None and line.tx and line.amount is None for line in lines)
        for place in balancing if not from_tx else balancing[1:]:
            rule = (
                "is required" if not from_tx else "is required: one line already balances the rest"
            )
            members[place].violate("amount", rule)
        return lines

    def _line(
        self, reader: ObjectReader, uses: ParameterUses, keys: set[str]
    ) -> LineTemplate | None:
        repeated = _read_repeated(reader, uses)
        reader.require("key")
        key = reader.safe_string("key")
        if key is not None:
            if key in keys:
                reader.violate("key", f"{key} is used twice in the entry type")
            keys.add(key)
        account = read_account(reader, "account", self._chart, uses, repeated)
        node = None if account is None else account[1]
        amount = reader.amount("amount")
        if amount is not None and not uses.add(
            reader, "amount", amount.parameters, "amount", repeated
        ):
            amount = None
        currency = read_currency(reader, node if self._chart_is_sound else None, uses, repeated)
        description = reader.text_template("description")
        if description is not None:
            uses.add(reader, "description", description.parameters, "text", repeated)
        tag_bounds = (TAGS_PER_LINE_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX)
        tags = read_pairs(reader, "tags", uses, tag_bounds, repeated)
        tx = _read_tx(reader, uses, repeated)
        if node is not None:
            if node.linked_account is not None and not reader.has("tx"):
                reader.violate("tx", f"is required: {node.pattern} is a Linked Ledger Account")
            if node.linked_account is None and reader.has("tx"):
                reader.violate(
                    "tx", f"must be left out: {node.pattern} is no Linked Ledger Account"
                )
        if amount is None and not reader.has("amount") and not reader.has("tx") and repeated:
            reader.violate("amount", "is required in a repeated line")
        is_broken = (amount is None and reader.has("amount")) or (tx is None and reader.has("tx"))
        if key is None or account is None or is_broken:
            return None
        return LineTemplate(
            key, account[0], account[1], amount, currency, description, tags, tx, repeated
        )

    def _check_balance(
        self, reader: ObjectReader, lines: list[LineTemplate | None], fixed: Mapping[str, str]
    ) -> None:
        """Notes what is certainly unbalanced, unless a line could not be read."""
        balance_lines: list[BalanceLine] = []
        for line in lines:
            if line is None:
                return
            currency = line.node.currency or line.currency
            balance_lines.append(BalanceLine(line.node.type, line.amount, currency, line.repeated))
        for problem in balance_problems(balance_lines, fixed):
            reader.violate("lines", problem)

    # --- Conditions ---

    def _conditions(
        self, reader: ObjectReader, uses: ParameterUses, lines: list[LineTemplate | None] | None
    ) -> tuple[ConditionTemplate, ...]:
        conditions: list[ConditionTemplate] = []
        members = reader.objects("conditions", _CONDITION_MEMBERS, CONDITIONS_PER_ENTRY_MAX)
        for member in members or ():
            conditions.extend(self._condition(member, uses, lines))
        return tuple(conditions)

    def _condition(
        self, reader: ObjectReader, uses: ParameterUses, lines: list[LineTemplate | None] | None
    ) -> list[ConditionTemplate]:
        """One condition of the document: a template for each balance that it bounds."""
        repeated = _read_repeated(reader, uses)
        account = read_account(reader, "account", self._chart, uses, repeated)
        node = None if account is None else account[1]
        currency = read_currency(reader, node if self._chart_is_sound else None, uses, repeated)
        if node is not None and node.linked_account is not None:
            rule = f"is a Linked Ledger Account, which supports no conditions: {node.pattern}"
            reader.violate("account.path", rule)
        if not reader.has("precondition") and not reader.has("postcondition"):
            reader.violate("", "must give a precondition, a postcondition or both")
        templates: list[ConditionTemplate] = []
        for when, member in _WHENS:
            balances = reader.object(member, _BALANCES_MEMBERS)
            if balances is None:
                continue
            if not balances.has("ownBalance") and not balances.has("totalBalance"):
                balances.violate("", "must bound ownBalance or totalBalance")
            for scope, name in _SCOPES:
                bounds = balances.object(name, _BOUNDS_MEMBERS)
                if bounds is None:
                    continue
                self._check_scope(bounds, scope, account, lines)
                limits = _read_bounds(bounds, uses, repeated)
                if account is not None:
                    templates.append(
                        ConditionTemplate(*account, currency, when, scope, *limits, repeated)
                    )
        return templates

    def _check_scope(
        self,
        reader: ObjectReader,
        scope: Literal["own", "total"],
        account: tuple[Template, AccountNode] | None,
        lines: list[LineTemplate | None] | None,
    ) -> None:
        """The balance must be kept strong, and a line must be able to move it."""
        uses = self._scopes.own if scope == "own" else self._scopes.total
        uses.append(ScopeUse(reader.path, f"a condition on {scope}Balance"))
        if account is None:
            return
        path, node = account
        config = node.consistency
        if not (config.own_balance if scope == "own" else config.total_balance):
            rule = f"needs consistencyConfig.{scope}BalanceUpdates strong on {node.pattern}"
            reader.violate("", rule)
        if lines is None or any(line is None for line in lines):
            return
        if not any(line is not None and _may_move(line.path, path, scope) for line in lines):
            whose = "the account" if scope == "own" else "the account or one below it"
            reader.violate("", f"is on {path.text}, but no line of the entry type goes to {whose}")


def _may_move(line_path: Template, path: Template, scope: str) -> bool:
    """Whether a line to `line_path` could move the own or total balance of `path`."""
    line_segments = line_path.text.split("/")
    segments = path.text.split("/")
    if len(line_segments) < len(segments) or (
        scope == "own" and len(line_segments) != len(segments)
    ):
        return False
    for one, other in zip(line_segments, segments, strict=False):
        if one.partition(":")[0] != other.partition(":")[0]:
            return False
        if one != other and "{{" not in one and "{{" not in other:
            return False
    return True


# --- Parts ---------------------------------------------------------------------------------------


def _read_repeated(reader: ObjectReader, uses: ParameterUses) -> str | None:
    """The array parameter that a line or condition is repeated over."""
    member = reader.object("repeated", _REPEATED_MEMBERS)
    if member is None:
        return None
    member.require("key")
    key = member.string("key", parameter_name_problem)
    if key is not None:
        uses.add_repeated(key)
    return key


def _read_tx(reader: ObjectReader, uses: ParameterUses, repeated: str | None) -> TxTemplate | None:
    """A SchemaTxMatchInput: an id or an external id."""
    member = reader.object("tx", _TX_MEMBERS)
    if member is None:
        return None
    if member.has("id") == member.has("externalId"):
        member.violate("", "must give one of id and externalId")

    def problem(text: str) -> str | None:
        return parameterized_string_problem(text, NAME_CHARS_MAX)

    tx_id = member.template("id", problem)
    external_id = member.template("externalId", problem)
    for name, template in (("id", tx_id), ("externalId", external_id)):
        if template is not None:
            uses.add(member, name, template.parameters, "text", repeated)
    return None if tx_id is None and external_id is None else TxTemplate(tx_id, external_id)


def _read_bounds(
    reader: ObjectReader, uses: ParameterUses, repeated: str | None
) -> tuple[AmountExpression | None, AmountExpression | None, AmountExpression | None]:
    """`eq`, or one or both of `gte` and `lte`."""
    bounds: list[AmountExpression | None] = []
    for name in ("eq", "gte", "lte"):
        amount = reader.amount(name)
        if amount is not None:
            uses.add(reader, name, amount.parameters, "amount", repeated)
        bounds.append(amount)
    eq, gte, lte = bounds
    if not any(reader.has(name) for name in _BOUNDS_MEMBERS):
        reader.violate("", "must give eq, gte or lte")
    if reader.has("eq") and (reader.has("gte") or reader.has("lte")):
        reader.violate("eq", "can't be given together with gte or lte")
    if (
        gte is not None
        and lte is not None
        and gte.terms == lte.terms
        and gte.constant > lte.constant
    ):
        reader.violate("gte", f"must not be greater than lte, {lte.text}")
    return eq, gte, lte


def _read_fixed(reader: ObjectReader, uses: ParameterUses, is_runtime: bool) -> dict[str, str]:
    """The parameters that the Schema fills in: texts or integers, each used by the type."""
    fixed: dict[str, str] = {}
    values: Any = reader.json.get("parameters")
    if values is None:
        return fixed
    if not isinstance(values, dict):
        reader.violate("parameters", f"must be an object, not {shown(values)}")
        return fixed
    for name, value in values.items():
        member = f"parameters.{shown_name(name)}"
        if name not in uses.plain and not is_runtime:
            reader.violate(member, "is not a parameter that the entry type uses")
        if isinstance(value, int) and not isinstance(value, bool) and in_int96(value):
            value = str(value)
        if not isinstance(value, str):
            reader.violate(member, f"must be a string or an integer, not {shown(value)}")
            continue
        problem = text_problem(value, PARAMETER_CHARS_MAX)
        if problem is None and name in uses.safe:
            problem = safe_string_problem(value)
        if problem is None and name in uses.amounts and parse_int96(value) is None:
            problem = "an integer within ±(2^120 - 1)"
        if problem is not None:
            reader.violate(member, f"must be {problem}, not {shown(value)}")
        fixed[name] = value
    return fixed
