"""What keeps the tree readable: sizes, banned names, who may do what. Read as text and AST."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("shared", "write_service", "read_service", "indexer", "connectors", "cli")
SHIPPED = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
TREES = (
    "shared",
    "write_service",
    "read_service",
    "indexer",
    "connectors",
    "cli",
    "infra",
    "loadtests",
    "examples",
    "tests",
)
EVERYTHING = sorted(path for name in TREES for path in (ROOT / name).rglob("*.py"))

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
BANNED_MODULES = {"utils", "helpers", "common", "base", "manager", "misc"}
TIME_CALLERS = {ROOT / "shared" / "clock.py", ROOT / "cli" / "app.py"}
ENVIRONMENT_READERS = {ROOT / "shared" / "settings.py", ROOT / "cli" / "app.py"}
MONEY = [
    path
    for path in SHIPPED
    if path.is_relative_to(ROOT / "shared" / "ledger")
    or path.is_relative_to(ROOT / "write_service" / "planning")
    or path.is_relative_to(ROOT / "indexer" / "projections")
    or path.is_relative_to(ROOT / "cli" / "reports")
    or path.is_relative_to(ROOT / "cli" / "statements")
    or path == ROOT / "connectors" / "stripe_txs.py"
    or path.name in {"packing.py", "outcomes.py", "plans.py", "items.py", "balances.py"}
]
PATHS = re.compile(r"/work/|/root/|/home/\w")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_a_module_is_short_enough_to_hold_one_thing(path: Path):
    assert len(path.read_text().splitlines()) <= FILE_LINES_MAX


@pytest.mark.parametrize("path", SHIPPED, ids=named)
def test_a_function_fits_on_a_screen(path: Path):
    long = [
        f"{node.name} takes {node.end_lineno - node.lineno + 1} lines"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


@pytest.mark.parametrize("path", MONEY, ids=named)
def test_money_meets_no_float(path: Path):
    floats = [
        f"line {node.lineno}"
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    ]
    assert floats == []


def test_only_the_clock_asks_for_the_time():
    asking = re.compile(
        r"\b(time\.(time|monotonic|perf_counter)\w*\(|\.now\(|\.today\(|\.utcnow\()"
    )
    guilty = [
        named(path)
        for path in SHIPPED
        if path not in TIME_CALLERS and asking.search(path.read_text())
    ]
    assert guilty == []


def test_only_settings_read_the_environment():
    reading = re.compile(r"\bos\.(environ|getenv)\b")
    guilty = [
        named(path)
        for path in SHIPPED
        if path not in ENVIRONMENT_READERS and reading.search(path.read_text())
    ]
    assert guilty == []


def test_no_module_is_a_drawer_for_everything():
    guilty = [
        named(path)
        for path in EVERYTHING
        if path.stem in BANNED_MODULES or path.parent.name in BANNED_MODULES - {"common"}
    ]
    assert guilty == []


def test_packages_hold_nothing_in_their_init():
    full = []
    for path in EVERYTHING:
        if path.name == "__init__.py" and path.stat().st_size:
            body = parsed(path).body
            is_docstring = len(body) == 1 and isinstance(body[0], ast.Expr)
            if path.parent.parent != ROOT or not is_docstring:
                full.append(named(path))
    assert full == []


def test_every_shipped_module_says_what_it_is_for():
    silent = [
        named(path)
        for path in SHIPPED
        if path.name != "__init__.py" and ast.get_docstring(parsed(path)) is None
    ]
    assert silent == []


def test_nothing_is_left_for_later():
    mark = re.compile(r"#.*\b(TODO|FIXME|XXX|HACK)\b|pytest\.mark\.(skip|xfail)\b")
    guilty = [
        named(path)
        for path in EVERYTHING
        if path != Path(__file__) and mark.search(path.read_text())
    ]
    assert guilty == []


def test_no_source_names_a_path_of_a_machine():
    allowed = {Path(__file__), ROOT / "tests" / "hostile" / "test_hostile.py"}
    guilty = [
        named(path) for path in EVERYTHING if path not in allowed and PATHS.search(path.read_text())
    ]
    assert guilty == []


def test_a_loop_without_end_has_a_way_out():
    endless = []
    for path in SHIPPED:
        for node in ast.walk(parsed(path)):
            if (
                isinstance(node, ast.While)
                and isinstance(node.test, ast.Constant)
                and node.test.value
            ):
                inside = [each for statement in node.body for each in ast.walk(statement)]
                if not any(isinstance(each, ast.Return | ast.Break | ast.Raise) for each in inside):
                    endless.append(f"{named(path)}:{node.lineno}")
    assert endless == []
