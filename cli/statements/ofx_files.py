"""Statements as OFX: the tags of OFX 1 and the XML of OFX 2, of bank and card accounts.

`bankfile` reads headers, encodings and tags, as banks write them; what they mean is read here, and
nothing is guessed: a file that is cut off or says a thing twice is refused.
"""

import re
from collections.abc import Iterator

from bankfile.model import ReadWarning
from bankfile.ofx.header import read_header
from bankfile.ofx.sgml import Node, parse_tags

from cli.failures import CommandFailure
from cli.statements.figures import Figure, parse_figure
from cli.statements.statements import (
    Correction,
    Problems,
    SkippedRow,
    Statement,
    StatementRow,
    check_row_count,
    described,
)
from shared.ledger.periods import parse_datetime

_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS"})
_ACCOUNTS = ("BANKACCTFROM", "CCACCTFROM")
_REPLACE, _DELETE = _ACTIONS = ("REPLACE", "DELETE")
_MOMENT = re.compile(
    r"(?P<date>[0-9]{8})(?P<time>[0-9]{6}|[0-9]{4})?(?:\.(?P<ms>[0-9]{1,3}))?"
    r"(?:\[(?P<sign>[+-]?)(?P<hours>[0-9]{1,2})(?:\.(?P<part>[0-9]{1,2}))?(?::[^\]]*)?\])?"
)
_PARTS = {None: 0, "0": 0, "00": 0, "15": 15, "30": 30, "45": 45, "5": 30, "25": 15, "75": 45}


def read_ofx(file: str, data: bytes) -> tuple[list[Statement], list[str]]:
    """The statements of the file, and what people should know. Raises CommandFailure."""
    header = read_header(data)
    if not header.body.rstrip().upper().endswith("</OFX>"):
        raise CommandFailure(f"{file} isn't a whole OFX file: </OFX> isn't its end")
    root, tag_warnings = parse_tags(header.body)
    nodes = list(_statements(root))
    if not nodes:
        raise CommandFailure(f"{file} has no statement of a bank or card account")
    problems = Problems(file)
    check_row_count(file, sum(len(each.find_all("STMTTRN")) for each in nodes))
    statements = [_statement(place, node, problems) for place, node in enumerate(nodes, 1)]
    problems.raise_any()
    return statements, [_told(each) for each in [*header.warnings, *tag_warnings]]


def _told(warning: ReadWarning) -> str:
    return f"{warning.field or warning.rule}: {warning.message}"


def _statements(root: Node) -> Iterator[Node]:
    """The statements in the order of the file. Raises CommandFailure if one is inside another."""
    for tag in sorted(_STATEMENTS):
        for node in root.find_all(tag):
            if any(node.find_all(inner) for inner in _STATEMENTS):
                raise CommandFailure(f"a <{tag}> isn't closed before the next statement")
            yield node


def _statement(place: int, node: Node, problems: Problems) -> Statement:
    where = f"statement {place}"
    account = next((each for tag in _ACCOUNTS if (each := node.child(tag)) is not None), None)
    currency = node.child_text("CURDEF")
    rows, deletions, corrections = [], [], []
    for number, each in enumerate(node.find_all("STMTTRN"), 1):
        row = _row(number, each, problems)
        if row is None:
            continue
        corrected = each.text("CORRECTFITID")
        if corrected is not None and corrected != row.bank_id:
            corrections.append(Correction(row, corrected))
        if corrected is not None and _action(each) == _DELETE:
            deletions.append(SkippedRow(row.where, row.description, f"takes {corrected[:80]} back"))
        else:
            rows.append(row)
    skipped = deletions + [
        SkippedRow(f"pending transaction {number}", _description(each), "pending")
        for number, each in enumerate(node.find_all("STMTTRNP"), 1)
    ]
    ledger = node.child("LEDGERBAL")
    balance = None if ledger is None else ledger.child_text("BALAMT")
    closing = None if balance is None else _figure(balance)
    if isinstance(closing, str):
        problems.add(where, f"the ledger balance: {closing}")
    return Statement(
        bank_account=account.child_text("ACCTID") if account is not None else None,
        currency=currency.upper() if currency else None,
        rows=tuple(rows),
        skipped=tuple(skipped),
        closing=closing if isinstance(closing, Figure) else None,
        corrections=tuple(corrections),
    )


def _row(number: int, node: Node, problems: Problems) -> StatementRow | None:
    """The row; None behind a problem."""
    bank_id = node.text("FITID")
    where = f"transaction {number}" + (f" ({bank_id[:80]})" if bank_id else "")
    for tag in ("FITID", "TRNAMT", "DTPOSTED"):
        count = len(node.find_all(tag))
        if count > 1 or (count == 0 and tag != "FITID"):
            problems.add(where, f"has {count} {tag}")
            return None
    corrected, action = node.text("CORRECTFITID"), _action(node)
    if corrected is not None and action not in _ACTIONS:
        problems.add(
            where, f"corrects {corrected[:80]} by {action[:80]}, not {' or '.join(_ACTIONS)}"
        )
        return None
    figure = _figure(node.text("TRNAMT") or "")
    if isinstance(figure, str):
        problems.add(where, figure)
        return None
    posted_ms = read_moment(node.text("DTPOSTED") or "")
    if isinstance(posted_ms, str):
        problems.add(where, posted_ms)
        return None
    converted = node.child("CURRENCY")
    currency = None if converted is None else converted.child_text("CURSYM")
    return StatementRow(where, posted_ms, figure, currency, _description(node), bank_id)


def _action(node: Node) -> str:
    return (node.text("CORRECTACTION") or "nothing").strip().upper()


def _description(node: Node) -> str:
    payee = node.child("PAYEE")
    name = node.child_text("NAME") or (payee.child_text("NAME") if payee is not None else None)
    return described([name, node.child_text("MEMO"), node.child_text("CHECKNUM")])


def _figure(text: str) -> Figure | str:
    """An amount; OFX knows the point and the comma as decimal marks, and no thousands."""
    if "," in text and "." in text:
        return f"{text!r} has two decimal marks"
    if len(text.split()) > 1:
        return f"{text[:40]!r} is not an amount"
    return parse_figure(text, "," if "," in text else ".")


def read_moment(text: str) -> int | str:
    """`20240131120000.000[-5:EST]` as an instant in ms, or what is wrong with it. UTC without a
    zone.
    """
    found = _MOMENT.fullmatch(text.strip())
    part = found and found["part"]
    if found is None or part not in _PARTS:
        return f"{text[:40]!r} is not a moment as 20240131120000[-5:EST]"
    date, time = found["date"], (found["time"] or "").ljust(6, "0")
    zone = f"{found['sign'] or '+'}{int(found['hours'] or 0):02d}:{_PARTS[part]:02d}"
    moment = f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}"
    posted_ms = parse_datetime(f"{moment}.{(found['ms'] or '0').ljust(3, '0')}{zone}")
    return f"{text[:40]!r} is not a moment that there is" if posted_ms is None else posted_ms
