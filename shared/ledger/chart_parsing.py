"""`chartOfAccounts` of a Schema document -> the chart, everything inherited resolved.

    inherited        type (fixed by the root); unless overridden currencyMode, currency and
                     consistencyConfig (member by member, groups key by key)
    an account's own template, linkedAccount, clearing, payment, status

Parameters may stand in the name, currency and linked account of a template account or of one below
it: only an instance is given parameters.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from shared.ledger.accounts import ACCOUNT_TYPES, AccountType, CurrencyMode
from shared.ledger.chart import (
    AccountNode,
    ChartOfAccounts,
    ConsistencyConfig,
    CurrencyTemplate,
    LinkedAccountTemplate,
    Status,
)
from shared.ledger.currencies import CUSTOM, make_currency
from shared.ledger.schema_reader import ObjectReader
from shared.ledger.strings import parameterized_string_problem
from shared.ledger.templates import Template
from shared.limits import (
    CHART_ACCOUNTS_MAX,
    CHART_DEPTH_MAX,
    FILTER_LIST_MAX,
    GROUP_KEY_CHARS_MAX,
    NAME_CHARS_MAX,
    SAFE_STRING_CHARS_MAX,
)

CHART_MEMBERS = frozenset(
    {"accounts", "defaultConsistencyConfig", "defaultCurrency", "defaultCurrencyMode"}
)
CURRENCY_MEMBERS = frozenset({"code", "customCurrencyId"})
_ACCOUNT_MEMBERS = frozenset(
    {
        "children",
        "clearing",
        "consistencyConfig",
        "currency",
        "currencyMode",
        "key",
        "linkedAccount",
        "name",
        "payment",
        "status",
        "template",
        "type",
    }
)
_CONSISTENCY_MEMBERS = frozenset({"groups", "lines", "ownBalanceUpdates", "totalBalanceUpdates"})
_GROUP_CONSISTENCY_MEMBERS = frozenset({"key", "ownBalanceUpdates"})
_LINKED_MEMBERS = frozenset({"externalId", "id", "linkId", "linkIk", "linkType"})
_PAYMENT_MEMBERS = frozenset({"enabled"})

CONSISTENCY_MODES = ("eventual", "strong")
CURRENCY_MODES: tuple[CurrencyMode, ...] = ("single", "multi")
LINK_TYPES = ("CustomLink", "IncreaseLink", "StripeLink", "UnitLink")
STATUSES: tuple[Status, ...] = ("active", "disabled", "archived")


class ScopeUse(NamedTuple):
    """Where the document asks for a strong own or total balance."""

    path: str
    what: str


@dataclass(slots=True)
class ScopeUses:
    """All such places: a Schema may have uses of one kind only."""

    own: list[ScopeUse] = field(default_factory=list)
    total: list[ScopeUse] = field(default_factory=list)


class _Inherited(NamedTuple):
    """What a child account starts from."""

    type: AccountType | None
    currency_mode: CurrencyMode | None  # None: nothing above says
    currency: CurrencyTemplate | None
    consistency: ConsistencyConfig


def parse_currency(reader: ObjectReader) -> CurrencyTemplate | None:
    """A SchemaCurrencyMatchInput (or, for a chart's default, a CurrencyMatchInput)."""
    reader.require("code")

    def problem(text: str) -> str | None:
        return parameterized_string_problem(text, SAFE_STRING_CHARS_MAX)

    code = reader.template("code", problem)
    custom_id = reader.template("customCurrencyId", problem)
    if code is None or (custom_id is None and reader.has("customCurrencyId")):
        return None
    parts = [code] if custom_id is None else [code, custom_id]
    parameters = tuple(dict.fromkeys(name for part in parts for name in part.parameters))
    if code.is_constant and (custom_id is None or custom_id.is_constant):
        currency = make_currency(code.text, None if custom_id is None else custom_id.text)
        if isinstance(currency, str):
            reader.violate("", f"is not a currency: {currency}")
            return None
        return CurrencyTemplate(code, custom_id, currency, parameters)
    if code.is_constant and code.text != CUSTOM:
        reader.violate("customCurrencyId", f"goes with the code CUSTOM, not with {code.text}")
        return None
    return CurrencyTemplate(code, custom_id, None, parameters)


class ChartParser:
    """One pass over the accounts of a document, from the roots down."""

    __slots__ = ("_count", "_nodes", "_scopes")

    def __init__(self, scopes: ScopeUses) -> None:
        self._nodes: dict[str, AccountNode] = {}
        self._count = 0
        self._scopes = scopes

    def parse(self, reader: ObjectReader) -> ChartOfAccounts:
        """The chart; when violations were noted, as much of it as could be read."""
        mode, currency = self._default_currency(reader)
        consistency = ConsistencyConfig()
        config = reader.object("defaultConsistencyConfig", _CONSISTENCY_MEMBERS)
        if config is not None:
            consistency = self._consistency(config, consistency)
        inherited = _Inherited(None, mode, currency, consistency)
        reader.require("accounts")
        accounts = reader.objects("accounts", _ACCOUNT_MEMBERS, CHART_ACCOUNTS_MAX) or []
        roots: dict[str, AccountNode] = {}
        for account in accounts:
            self._account(account, None, inherited, roots)
        if self._count > CHART_ACCOUNTS_MAX:
            rule = f"must hold at most {CHART_ACCOUNTS_MAX} accounts in all, not {self._count}"
            reader.violate("accounts", rule)
        return ChartOfAccounts(roots, self._nodes)

    def _default_currency(
        self, reader: ObjectReader
    ) -> tuple[CurrencyMode | None, CurrencyTemplate | None]:
        """What the roots inherit. Without a mode, a default currency means single."""
        mode = reader.choice("defaultCurrencyMode", CURRENCY_MODES)
        member = reader.object("defaultCurrency", CURRENCY_MEMBERS)
        if member is None:
            if mode == "single":
                reader.violate("defaultCurrency", "is required with defaultCurrencyMode single")
            return mode, None
        if mode == "multi":
            reader.violate("defaultCurrency", "must be left out with defaultCurrencyMode multi")
            return mode, None
        currency = parse_currency(member)
        if currency is not None and currency.constant is None:
            member.violate("", "takes no parameters")
        return "single", currency

    def _account(
        self,
        reader: ObjectReader,
        parent: AccountNode | None,
        inherited: _Inherited,
        siblings: dict[str, AccountNode],
    ) -> None:
        """Reads one account with everything below it and places it among its siblings."""
        self._count += 1
        reader.require("key")
        key = reader.safe_string("key")
        if key is not None and key in siblings:
            reader.violate("key", f"{key} is used twice among accounts with one parent")
        is_template = reader.flag("template")
        under_template = is_template or (parent is not None and parent.is_under_template)
        mode, currency = self._currency(reader, inherited)
        account_type = self._type(reader, parent, inherited)
        consistency = inherited.consistency
        config = reader.object("consistencyConfig", _CONSISTENCY_MEMBERS)
        if config is not None:
            consistency = self._consistency(config, consistency)
        name = reader.text_template("name", NAME_CHARS_MAX)
        linked = self._linked_account(reader)
        parameters = _parameters(name, currency, linked)
        if not under_template:
            _refuse_parameters(reader, name, currency, linked)
        payment = reader.object("payment", _PAYMENT_MEMBERS)
        if payment is not None:
            payment.require("enabled")
        label = f"{key or '?'}:*" if is_template else key or "?"
        node = AccountNode(
            key=key or "?",
            pattern=label if parent is None else f"{parent.pattern}/{label}",
            depth=1 if parent is None else parent.depth + 1,
            type=account_type or "asset",
            name=name,
            is_template=is_template,
            is_under_template=under_template,
            currency_mode=mode or "multi",
            currency=currency,
            consistency=consistency,
            linked_account=linked,
            clearing=reader.flag("clearing"),
            payment_enabled=payment is not None and payment.flag("enabled"),
            status=reader.choice("status", STATUSES) or "active",
            parameters=parameters,
            path_parameters=parameters
            | (frozenset() if parent is None else parent.path_parameters),
            parent=parent,
            children={},
        )
        if key is not None and key not in siblings:
            siblings[key] = node
            self._nodes[node.pattern] = node
        self._children(
            reader, node, _Inherited(account_type, mode or "multi", currency, consistency)
        )

    def _children(self, reader: ObjectReader, node: AccountNode, inherited: _Inherited) -> None:
        if node.depth == CHART_DEPTH_MAX and reader.json.get("children"):
            reader.violate("children", f"go deeper than {CHART_DEPTH_MAX} levels")
            return
        children = reader.objects("children", _ACCOUNT_MEMBERS, CHART_ACCOUNTS_MAX)
        for child in children or ():
            self._account(child, node, inherited, node.children)

    def _type(
        self, reader: ObjectReader, parent: AccountNode | None, inherited: _Inherited
    ) -> AccountType | None:
        """The root's type; an account below may repeat it."""
        stated = reader.choice("type", ACCOUNT_TYPES)
        if inherited.type is None:
            if parent is None and not reader.has("type"):
                reader.violate(
                    "type", "is required at the root: asset, liability, income or expense"
                )
            return stated
        if stated is not None and stated != inherited.type:
            reader.violate("type", f"must be {inherited.type}, as at the root, not {stated}")
        return inherited.type

    def _currency(
        self, reader: ObjectReader, inherited: _Inherited
    ) -> tuple[CurrencyMode | None, CurrencyTemplate | None]:
        """Mode and currency of an account. A currency without a mode means single."""
        mode = reader.choice("currencyMode", CURRENCY_MODES)
        member = reader.object("currency", CURRENCY_MEMBERS)
        if mode == "multi":
            if member is not None:
                reader.violate("currency", "must be left out of a multi-currency account")
            return "multi", None
        if member is not None:
            return "single", parse_currency(member)
        if inherited.currency is not None:
            return "single", inherited.currency
        if mode == "single":
            reader.violate(
                "currency", "is required: the account is single-currency, and inherits none"
            )
            return "single", None
        if inherited.currency_mode is None:
            rule = "is required, or currencyMode multi: nothing above the account gives one"
            reader.violate("currency", rule)
        return inherited.currency_mode, None

    def _consistency(self, reader: ObjectReader, inherited: ConsistencyConfig) -> ConsistencyConfig:
        """What the config states, over what is inherited."""
        lines = reader.choice("lines", CONSISTENCY_MODES)
        own = reader.choice("ownBalanceUpdates", CONSISTENCY_MODES)
        total = reader.choice("totalBalanceUpdates", CONSISTENCY_MODES)
        if own == "strong":
            self._scopes.own.append(ScopeUse(reader.at("ownBalanceUpdates"), "ownBalanceUpdates"))
        if total == "strong":
            use = ScopeUse(reader.at("totalBalanceUpdates"), "totalBalanceUpdates")
            self._scopes.total.append(use)
        groups = dict.fromkeys(inherited.groups, True)
        seen: set[str] = set()
        members = reader.objects("groups", _GROUP_CONSISTENCY_MEMBERS, FILTER_LIST_MAX)
        for member in members or ():
            member.require("key")
            member.require("ownBalanceUpdates")
            key = member.safe_string("key", GROUP_KEY_CHARS_MAX)
            updates = member.choice("ownBalanceUpdates", CONSISTENCY_MODES)
            if key is None:
                continue
            if key in seen:
                member.violate("key", f"{key} is configured twice")
            seen.add(key)
            groups[key] = updates == "strong"
        return ConsistencyConfig(
            inherited.lines if lines is None else lines == "strong",
            inherited.own_balance if own is None else own == "strong",
            inherited.total_balance if total is None else total == "strong",
            frozenset(key for key, strong in groups.items() if strong),
        )

    def _linked_account(self, reader: ObjectReader) -> LinkedAccountTemplate | None:
        """`id` alone, or `externalId` with `linkId` or `linkIk`."""
        member = reader.object("linkedAccount", _LINKED_MEMBERS)
        if member is None:
            return None

        def problem(text: str) -> str | None:
            return parameterized_string_problem(text, NAME_CHARS_MAX)

        names = ("id", "externalId", "linkId", "linkIk")
        given = [name for name in names if member.has(name)]
        account_id, external_id, link_id, link_ik = (
            member.template(name, problem) for name in names
        )
        link_type = member.choice("linkType", LINK_TYPES)
        if "id" in given:
            if len(given) > 1:
                member.violate("", f"must give id alone, or externalId with a link, not {given}")
        elif "externalId" not in given or len(given) < 2:
            member.violate("", "must give id, or externalId with linkId or linkIk")
        is_known = link_type is not None or not member.has("linkType")
        if "linkIk" in given and is_known and link_type != "CustomLink":
            member.violate("linkType", "must be CustomLink with linkIk")
        parts = [part for part in (account_id, external_id, link_id, link_ik) if part is not None]
        parameters = tuple(dict.fromkeys(name for part in parts for name in part.parameters))
        return LinkedAccountTemplate(
            account_id, external_id, link_id, link_ik, link_type, parameters
        )


def _parameters(
    name: Template | None, currency: CurrencyTemplate | None, linked: LinkedAccountTemplate | None
) -> frozenset[str]:
    names: set[str] = set()
    for part in (name, currency, linked):
        if part is not None:
            names.update(part.parameters)
    return frozenset(names)


def _refuse_parameters(
    reader: ObjectReader,
    name: Template | None,
    currency: CurrencyTemplate | None,
    linked: LinkedAccountTemplate | None,
) -> None:
    """Notes parameters of an account that always exists: nothing would fill them in."""
    parts = (("name", name), ("currency", currency), ("linkedAccount", linked))
    for member, part in parts:
        if part is not None and part.parameters and reader.has(member):
            rule = "holds parameters, but only a template account or one below it is given any"
            reader.violate(member, rule)
