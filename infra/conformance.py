"""What the conformance tests show, read from their source: docs/conformance.md.

    @rule decorators ──► rule, section, test      client.<operation>( ──► operation, tests
    operation("…") in operations.mjs ──► Node     SLIPS ──► the guide's own slips

Nothing is run or imported from the tests, so the page can be made where no engine is.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "tests" / "conformance"
CELL_MAX = 3  # tests that a cell names
CLIENTS = frozenset({"client", "async_client", "sync_client"})  # what tests call the client
PAGE = ROOT / "docs" / "conformance.md"

PAYMENTS = frozenset(
    "createPayment retryPayment refundPayment getPayment listPayments listPaymentMethods "
    "getPaymentMethod deletePaymentMethod createPaymentMethodSetup getPaymentMethodSetup".split()
)

_HEAD = """# Conformance

Made from the sources of the tests by `python -m infra.docs`; `tests/style` holds it to them. Every
test here runs on the real engines, through the API. When all have run, everything that they posted
and changed is recomputed from the entries by `indexer.verify`: nothing may differ.

The guide's operations are in `tests/conformance/guide/`, one file each, and each is run.
"""

_CLIENTS = """
## Operations of the official clients

Python is `fragment-python` 1.4, async and sync, each test by both; Node is
`@fragment-dev/node-client` 1.4.0, unmodified, by `tests/conformance/node/operations.mjs`. Answers
are compared with books that the tests keep by themselves. The Node client's code generator is not
run: the address from which it reads the SDL is fixed in the program. Its `createCustomCurrency`
asks for no `__typename` and then reads it, so with any server the call makes the currency and then
throws a TypeError; the test expects both.
"""

_SLIPS = """
## The guide's own slips

Examples that do not work as printed, and what the tests do.
"""


def shipped_operations() -> list[str]:
    """Names of the operations that the official Python client ships."""
    text = files("fragment.std_queries").joinpath("queries.graphql").read_text(encoding="utf-8")
    return re.findall(r"^(?:query|mutation) (\w+)", text, re.MULTILINE)


def rules() -> dict[tuple[str, str], list[str]]:
    """(section, claim) -> the tests that show it. ValueError for a claim that is no constant."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for shown, function in _tests():
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and _name(decorator.func) == "rule":
                section, claim = (ast.literal_eval(argument) for argument in decorator.args)
                found[section, claim].append(shown)
    return dict(found)


def python_tests() -> dict[str, list[str]]:
    """Operation of the Python client -> the tests that call it, themselves or by a function."""
    by_method = {_snake_case(name): name for name in shipped_operations()}
    shared = _functions(TESTS / "asking.py")
    found: dict[str, list[str]] = defaultdict(list)
    for shown, function in _tests():
        functions = shared | _functions(TESTS / shown.partition("::")[0])
        for method in sorted(_methods(function, functions) & by_method.keys()):
            found[by_method[method]].append(shown)
    return dict(found)


def node_tests() -> dict[str, str]:
    """Operation of the Node client -> its test in operations.mjs."""
    script = (TESTS / "node" / "operations.mjs").read_text(encoding="utf-8")
    names = re.findall(r'^operation\("(\w+)"', script, re.MULTILINE)
    return dict.fromkeys(names, "operations.mjs")


def render_conformance() -> str:
    """The whole page."""
    page = _HEAD
    for section, rows in _by_section(rules()):
        page += f"\n## {section[0].upper()}{section[1:]}\n\n"
        page += _table(("rule", "tests"), rows)
    return page + _CLIENTS + "\n" + _operations() + _SLIPS + "\n" + _slips()


def _operations() -> str:
    python, node = python_tests(), node_tests()
    rows = []
    for name in sorted({*shipped_operations(), *node}, key=str.lower):
        if name in PAYMENTS:
            rows.append((f"`{name}`", "payments", ""))
        else:
            on_node = f"`{node[name]}`" if name in node else "not in this client"
            on_python = _cells(python[name]) if name in python else "not in this client"
            rows.append((f"`{name}`", on_python, on_node))
    return _table(("operation", "Python", "Node"), rows)


def _slips() -> str:
    slips = _constant(TESTS / "guide_slips.py", "SLIPS")
    return _table(("section", "slip", "what the tests do"), slips)


def _by_section(
    found: dict[tuple[str, str], list[str]],
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    sections: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for (section, claim), tests in found.items():
        sections[section].append((claim, _cells(tests)))
    for section in sorted(sections, key=_natural):
        yield section, sorted(sections[section])


def _cells(tests: Iterable[str]) -> str:
    named = [f"`{test}`" for test in tests]
    more = f" and {len(named) - CELL_MAX} more" if len(named) > CELL_MAX else ""
    return ", ".join(named[:CELL_MAX]) + more


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [_row(head), "|" + "---|" * len(head), *map(_row, rows)]
    return "\n".join(lines) + "\n"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _tests() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
                "test_"
            ):
                yield f"{path.name}::{node.name}", node


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(path: Path) -> dict[str, Function]:
    """The functions of a module that are no tests."""
    parts = ast.parse(path.read_text(encoding="utf-8")).body
    functions = {part.name: part for part in parts if isinstance(part, Function)}
    return {name: one for name, one in functions.items() if not name.startswith("test_")}


def _methods(function: Function, functions: dict[str, Function]) -> set[str]:
    """What a function's body calls on a client, and the functions that it names."""
    nodes = [node for part in function.body for node in ast.walk(part)]
    methods = {
        node.func.attr
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if _name(node.func.value) in CLIENTS
    }
    rest = {name: one for name, one in functions.items() if name != function.name}
    for name in {_name(node) for node in nodes if isinstance(node, ast.expr)} & rest.keys():
        methods |= _methods(rest[name], rest)
    return methods


def _constant(path: Path, name: str) -> Any:
    """The literal that a module gives to a name."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if name in map(_name, targets) and isinstance(node, ast.Assign | ast.AnnAssign):
            return ast.literal_eval(node.value or ast.Constant(None))
    raise ValueError(f"{path.name} has no constant {name}")


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]
