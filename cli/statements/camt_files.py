"""Statements as ISO 20022 camt.053, of any version of the message.

`defusedxml` parses them: entities, document types and what stands outside the file are refused.
Each entry is read when it ends and then let go, so a long file takes little memory.

    BkToCstmrStmt/Stmt   Acct/Id: the account, Acct/Ccy · Bal: opening and closing balance
      Ntry               Amt @Ccy, CdtDbtInd, Sts, BookgDt: one booked entry
        NtryDtls/TxDtls  its transactions: more than one of a batch

CdtDbtInd says what an entry does to the balance, of a reversal too: RvslInd only says that the
entry takes back another one of the opposite direction.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from cli.failures import CommandFailure
from cli.statements.figures import Figure, parse_figure
from cli.statements.statements import (
    Problems,
    SkippedRow,
    Statement,
    StatementRow,
    check_row_count,
    described,
)
from shared.ledger.periods import parse_datetime
from shared.limits import STATEMENT_DEPTH_MAX

_MESSAGE = "BkToCstmrStmt"
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
_ZONED_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(Z|[+-][0-9]{2}:[0-9]{2})")
_BETWEEN = "\x1f"  # no XML can hold it: no two pairs become one id
_BOOKED = "BOOK"
_PENDING = {"PDNG": "pending", "INFO": "for information", "FUTR": "in the future"}


def read_camt(file: str, data: bytes, split_batches: bool = False) -> list[Statement]:
    """The statements of the file. Raises CommandFailure.

    `split_batches`: an entry of several transactions becomes a row for each of them.
    """
    parser = _Parser(file, split_batches)
    try:
        parser.feed(data)
        root = parser.close()
    except DefusedXmlException as error:
        told = "declares a document type or entities, which no statement needs"
        raise CommandFailure(f"{file} {told}: {error}") from error
    except ParseError as error:
        raise CommandFailure(f"{file} isn't well-formed XML: {error}") from error
    except (ValueError, LookupError) as error:  # an encoding that isn't known
        raise CommandFailure(f"{file} can't be read as XML: {error}") from error
    if not parser.statements and not _is_statement_message(root):
        held = ", ".join([_local(each) for each in [root, *root]][:2])
        raise CommandFailure(f"{file} isn't a camt.053 statement: it holds {held}")
    parser.problems.raise_any()
    return parser.statements


def _is_statement_message(root: Element) -> bool:
    return any(_local(each) == _MESSAGE for each in [root, *root])


def _local(element: Element) -> str:
    """The element's name without its namespace, which names the version."""
    return str(element.tag).rpartition("}")[2]


@dataclass(slots=True)
class _Open:
    """A statement while it is being read."""

    id: str | None = None
    rows: list[StatementRow] = field(default_factory=list)
    skipped: list[SkippedRow] = field(default_factory=list)


class _Parser(DefusedXMLParser):
    """Reads entries and statements as they end."""

    def __init__(self, file: str, split_batches: bool) -> None:
        super().__init__(forbid_dtd=True, forbid_entities=True, forbid_external=True)
        self.statements: list[Statement] = []
        self.problems = Problems(file)
        self._file = file
        self._split_batches = split_batches
        self._stack: list[str] = []
        self._lines: list[int] = []
        self._open: _Open | None = None
        self._entries = 0
        self._rows = 0

    def _start(self, tag: str, attributes: list[str]) -> Element:
        """An element begins."""
        if len(self._stack) >= STATEMENT_DEPTH_MAX:
            raise CommandFailure(f"{self._file}: elements deeper than {STATEMENT_DEPTH_MAX}")
        self._stack.append(tag.rpartition("}")[2])
        self._lines.append(self.parser.CurrentLineNumber)
        if self._stack[-2:] == [_MESSAGE, "Stmt"]:
            self._open = _Open()
            self._entries = 0
        element: Element = super()._start(tag, attributes)
        return element

    def _end(self, tag: str) -> Element:
        """An element ends: entries and statements are read now."""
        element: Element = super()._end(tag)
        line = self._lines.pop()
        inside, name = self._stack[:-1], self._stack.pop()
        if self._open is not None and inside[-1:] == ["Stmt"] and name == "Ntry":
            self._entries += 1
            self._entry(f"entry {self._entries} (line {line})", element, self._open)
            element.clear()
        elif self._open is not None and inside[-2:] == [_MESSAGE, "Stmt"] and name == "Id":
            self._open.id = (element.text or "").strip() or None
        elif self._open is not None and inside[-1:] == [_MESSAGE] and name == "Stmt":
            self.statements.append(_statement(element, self._open, line, self.problems))
            self._open = None
            element.clear()
        return element

    def _entry(self, where: str, entry: Element, into: _Open) -> None:
        status = _text(entry, "Sts", "Cd") or _text(entry, "Sts") or _text(entry, "Sts", "Prtry")
        details = list(_all(entry, "NtryDtls", "TxDtls"))
        description = _description(entry, details, _direction(entry) == "DBIT")
        if status in _PENDING:
            into.skipped.append(SkippedRow(where, description, _PENDING[status]))
            return
        if status != _BOOKED:
            self.problems.add(where, f"has the status {status}, which is neither booked nor not")
            return
        posted = _posted(entry)
        money = _money(entry)
        for each in (posted, money):
            if isinstance(each, str):
                self.problems.add(where, each)
        if isinstance(posted, str) or isinstance(money, str):
            return
        figure, currency = money
        posted_ms, earlier_ms = posted
        bank_id, reference = _entry_id(entry, details), None
        if bank_id is None:
            reference = _text(entry, "NtryRef")
            bank_id = _within(into.id, reference)
        whole = StatementRow(
            where, posted_ms, figure, currency, description, bank_id, reference, earlier_ms
        )
        rows = [whole]
        if len(details) > 1:
            parts = _split(whole, details)
            if not self._split_batches:
                instead = () if isinstance(parts, str) else tuple(parts)
                rows = [replace(whole, instead=instead)]
            elif isinstance(parts, str):
                self.problems.add(where, parts)
                return
            else:
                rows = [replace(part, instead=(whole,)) for part in parts]
        self._rows += len(rows)
        check_row_count(self._file, self._rows)
        into.rows += rows


def _statement(element: Element, read: _Open, line: int, problems: Problems) -> Statement:
    currency = _text(element, "Acct", "Ccy")
    balances: dict[str, Figure] = {}
    for balance in _all(element, "Bal"):
        kind = _text(balance, "Tp", "CdOrPrtry", "Cd")
        if kind in (*_OPENING, *_CLOSING):
            money = _money(balance)
            if isinstance(money, str):
                problems.add(f"statement (line {line})", f"the balance {kind}: {money}")
            else:
                balances.setdefault(kind, money[0])
    return Statement(
        bank_account=_text(element, "Acct", "Id", "IBAN")
        or _text(element, "Acct", "Id", "Othr", "Id"),
        currency=currency,
        rows=tuple(read.rows),
        skipped=tuple(read.skipped),
        opening=next((balances[kind] for kind in _OPENING if kind in balances), None),
        closing=balances.get("CLBD"),
    )


def _split(whole: StatementRow, details: Sequence[Element]) -> list[StatementRow] | str:
    """A row for each transaction of a batch, or why they aren't the entry."""
    rows = []
    total = Figure(0, 0)
    for place, each in enumerate(details, 1):
        money = _money(each, whole.figure.digits < 0)
        if isinstance(money, str):
            money = _money_of(
                _find(each, "AmtDtls", "TxAmt", "Amt"), _direction(each), whole.figure.digits < 0
            )
        if isinstance(money, str):
            return f"transaction {place} of the batch: {money}"
        figure, currency = money
        if currency != whole.currency:
            return f"transaction {place} of the batch is in {currency}"
        total = _sum(total, figure)
        where = f"{whole.where}, transaction {place}"
        text = _details_text(each, figure.digits < 0) or whole.description
        part = StatementRow(where, whole.posted_ms, figure, currency, text, _details_id(each))
        rows.append(replace(part, earlier_ms=whole.earlier_ms))
    if _sum(total, whole.figure.negated()).digits:
        return "the transactions of the batch don't add up to the entry"
    return rows


def _sum(one: Figure, other: Figure) -> Figure:
    places = max(one.places, other.places)
    scaled = [each.digits * 10 ** (places - each.places) for each in (one, other)]
    return Figure(sum(scaled), places)


# --- Members of an entry -------------------------------------------------------------------------
def _all(element: Element, *path: str) -> Iterator[Element]:
    """Every element at the path below `element`, whatever its namespace."""
    if not path:
        yield element
        return
    for child in element:
        if _local(child) == path[0]:
            yield from _all(child, *path[1:])


def _find(element: Element, *path: str) -> Element | None:
    return next(_all(element, *path), None)


def _text(element: Element, *path: str) -> str | None:
    """The text at the path; None when there is none."""
    found = _find(element, *path)
    return None if found is None else (found.text or "").strip() or None


def _direction(element: Element) -> str | None:
    return _text(element, "CdtDbtInd")


Money = tuple[Figure, str]  # with its sign; the currency's code


def _money(element: Element, is_debit: bool | None = None) -> Money | str:
    """Amt and CdtDbtInd of an entry, a balance or a transaction, or what is wrong with them."""
    return _money_of(_find(element, "Amt"), _direction(element), is_debit)


def _money_of(amount: Element | None, direction: str | None, is_debit: bool | None) -> Money | str:
    """`is_debit`: what is meant where the element doesn't say it."""
    if amount is None:
        return "has no amount"
    if direction not in ("CRDT", "DBIT", None) or (direction is None and is_debit is None):
        return f"the CdtDbtInd is {direction}, not CRDT or DBIT"
    text = (amount.text or "").strip()
    figure = parse_figure(text) if re.fullmatch(r"[0-9]+(\.[0-9]*)?", text) else None
    if not isinstance(figure, Figure):
        return f"{text[:40]!r} is not an amount"
    currency = amount.get("Ccy")
    if not currency:
        return "the amount has no currency"
    below_zero = direction == "DBIT" if direction is not None else is_debit
    return (figure.negated() if below_zero else figure), currency


def _posted(entry: Element) -> tuple[int, int | None] | str:
    """When the entry was booked, and when earlier versions took it to be; or what is wrong with
    that. A date's zone says nothing: a booking day is one of the calendar.
    """
    for name in ("BookgDt", "ValDt"):
        text = _text(entry, name, "DtTm") or _text(entry, name, "Dt")
        if text is not None:
            zoned = _ZONED_DATE.fullmatch(text)
            posted_ms = parse_datetime(zoned[1] if zoned else text)
            if posted_ms is None:
                return f"{text[:40]!r} is not a date"
            return posted_ms, parse_datetime(f"{zoned[1]}T00:00:00{zoned[2]}") if zoned else None
    return "has neither a booking date nor a value date"


def _entry_id(entry: Element, details: Sequence[Element]) -> str | None:
    """The bank's id of an entry: its own, or that of its only transaction."""
    only = details[0] if len(details) == 1 else None
    return _text(entry, "AcctSvcrRef") or (None if only is None else _details_id(only))


def _within(statement_id: str | None, reference: str | None) -> str | None:
    """An id of an entry's reference, which by itself says nothing outside of its statement: many
    banks number each one's entries from 1. None if either is missing.
    """
    if statement_id is None or reference is None:
        return None
    return f"{statement_id}{_BETWEEN}{reference}"


def _details_id(details: Element) -> str | None:
    """The bank's id of a transaction."""
    return _text(details, "Refs", "AcctSvcrRef") or _text(details, "Refs", "TxId")


def _description(entry: Element, details: Sequence[Element], is_debit: bool) -> str:
    text = _details_text(details[0], is_debit) if len(details) == 1 else None
    return described([text, _text(entry, "AddtlNtryInf")])


def _details_text(details: Element, is_debit: bool) -> str:
    """Who is at the other end, and what it is for."""
    parties = []
    for party in ("Cdtr", "UltmtCdtr") if is_debit else ("Dbtr", "UltmtDbtr"):
        parties.append(_text(details, "RltdPties", party, "Nm"))
        parties.append(_text(details, "RltdPties", party, "Pty", "Nm"))
    told = [each.text for each in _all(details, "RmtInf", "Ustrd")]
    references = [each.text for each in _all(details, "RmtInf", "Strd", "CdtrRefInf", "Ref")]
    return described([*parties, *told, *references, _text(details, "AddtlTxInf")])
