"""Mutants of the pure core: ``python tests/proof/mutate.py memory reading``; without names, all.

Each mutant is one small change of one module, made in a process of its own before that module's
tests run; a test has to fail. Rows of tables are policy: each row of each table is changed, too,
which tools for mutants leave alone. What survives stands in tests/README.md, with the reason.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT), str(HERE.parent)]

import httpx  # noqa: F401 - before any fork: what is imported once need not be imported again
import pydantic  # noqa: F401
import pytest

LIMIT = 300
"""Seconds after which a mutant that does not end counts as found."""

# Which tests have to find a mutant of a module, the quickest first.
TESTS: Mapping[str, Sequence[str]] = {
    "project": ("project", "memory", "rules", "reading"),
    "memory": ("memory", "rules", "reading", "quirks", "never_green"),
    "pairing": ("pairing", "reading", "rules"),
    "reading": ("reading", "rules", "never_green", "quirks", "memory"),
    "aggregate": ("aggregate", "rules", "report"),
    "counted": ("counted", "report", "teams"),
    "feeds.pace": ("pace", "polite"),
    "presets": ("pattern", "settings"),
    "fitting": ("pattern", "settings"),
    "hours": ("hours", "office"),
    "pattern": ("pattern", "lamp", "settings"),
    "cctray": ("cctray", "feed_documents"),
}

COMPARED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
COUNTED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A module with one small change in *line*."""

    module: str
    line: int
    change: str
    tree: ast.Module


def source(module: str) -> ast.Module:
    """Return *module* as it is."""
    path = ROOT / "buildlight" / (module.replace(".", "/") + ".py")
    return ast.parse(path.read_text(encoding="utf-8"))


def mutants(module: str) -> Iterator[Mutant]:
    """Yield every mutant of *module*."""
    tree = source(module)
    for number, node in enumerate(ast.walk(tree)):
        for twin, told in _twins(node):
            changed = copy.deepcopy(tree)
            place = [*ast.walk(changed)][number]
            _become(changed, place, twin)
            ast.fix_missing_locations(changed)
            change = told or f"{_text(node)} -> {_text(twin)}"
            yield Mutant(module, getattr(node, "lineno", 0), change, changed)


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:100]


def _become(tree: ast.AST, place: ast.AST, twin: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is place:
                setattr(parent, field, twin)
            elif isinstance(value, list):
                value[:] = [twin if each is place else each for each in value]


def _twins(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield what *node* may be mistaken for, and what that is called if it is no plain change."""
    if isinstance(node, ast.Dict) and len(node.keys) > 1:
        yield from _rows(node)
    else:
        yield from ((twin, "") for twin in _mistakes(copy.deepcopy(node)))


def _mistakes(twin: ast.AST) -> Iterator[ast.AST]:  # noqa: C901 - a table, as a match
    match twin:
        case ast.Compare(ops=[operator, *_]) if type(operator) in COMPARED:
            twin.ops[0] = COMPARED[type(operator)]()
            yield twin
        case ast.BoolOp():
            twin.op = ast.And() if isinstance(twin.op, ast.Or) else ast.Or()
            yield twin
        case ast.BinOp(op=operator) if type(operator) in COUNTED and not _is_type(twin):
            twin.op = COUNTED[type(operator)]()
            yield twin
        case ast.UnaryOp(op=ast.Not()):
            yield twin.operand
        case ast.IfExp():
            twin.body, twin.orelse = twin.orelse, twin.body
            yield twin
        case ast.If():
            twin.test = ast.UnaryOp(ast.Not(), twin.test)
            yield twin
        case ast.Call(func=ast.Name(id=name)) if name in CALLED:
            twin.func = ast.Name(CALLED[name], ast.Load())
            yield twin
        case ast.Constant(value=bool()):
            yield ast.Constant(not twin.value)
        case ast.Constant(value=int() | float() as number):
            yield ast.Constant(number + 1)
        case ast.Continue():
            yield ast.Break()


def _is_type(node: ast.BinOp) -> bool:
    return any(isinstance(each, ast.Constant) and each.value is None for each in ast.walk(node))


def _rows(table: ast.Dict) -> Iterator[tuple[ast.AST, str]]:
    """Yield *table* with each of its rows left out, and with each of another row's value."""
    for number, value in enumerate(table.values):
        without = copy.deepcopy(table)
        del without.keys[number], without.values[number]
        key = table.keys[number]
        name = _text(key) if key is not None else "a table"
        yield without, f"the row {name} is left out"
        others = [each for each in table.values if ast.dump(each) != ast.dump(value)]
        if others:
            other = copy.deepcopy(table)
            other.values[number] = copy.deepcopy(others[number % len(others)])
            yield other, f"the row {name} says {_text(other.values[number])}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the mutant where its module is asked for."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = f"buildlight.{mutant.module}"
        self._code = compile(mutant.tree, f"{self._name} (a mutant)", "exec")

    def find_spec(
        self, name: str, _path: object = None, _target: object = None, /
    ) -> ModuleSpec | None:
        """Return this loader for the module."""
        return importlib.util.spec_from_loader(name, self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Fill the module."""
        exec(self._code, module.__dict__)


def survivors(found: Sequence[Mutant], jobs: int) -> list[Mutant]:
    """Return those of *found* that no test finds, trying so many at once."""
    running: dict[int, Mutant] = {}
    left = []
    waiting = [*found]
    while waiting or running:
        # From this thread alone: what is forked beside another may wait for its locks for ever.
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            child = os.fork()
            if child == 0:
                os.setsid()  # A test may end its group.
                os._exit(_tried(mutant))
            running[child] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0:
            left.append(mutant)
    return left


def _tried(mutant: Mutant) -> int:
    """Run the tests in this process, and return pytest's exit status."""
    signal.alarm(LIMIT)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.chdir(ROOT)
    sys.meta_path.insert(0, _Finder(mutant))
    files = [f"tests/test_{each}.py" for each in TESTS[mutant.module]]
    options = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=1"]
    return int(pytest.main([*options, *files]))


def main() -> None:
    """Try the mutants of the modules that are named, and say which survive."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("modules", nargs="*", default=[*TESTS])
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    whole, alive = 0, 0
    for module in chosen.modules:
        found = [*mutants(module)]
        itself = Mutant(module, 0, "none", source(module))
        if not survivors([itself], 1):
            raise SystemExit(f"{module}: its tests fail without any mutant")
        left = survivors(found, chosen.jobs)
        whole, alive = whole + len(found), alive + len(left)
        print(f"{module}: {len(found) - len(left)} of {len(found)} found", flush=True)
        for mutant in left:
            print(f"  line {mutant.line}: {mutant.change}", flush=True)
    print(f"Score: {whole - alive} of {whole} ({(whole - alive) / whole:.1%})")


if __name__ == "__main__":
    main()
