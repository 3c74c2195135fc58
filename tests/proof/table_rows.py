"""Mutants of the tables: ``python tests/proof/table_rows.py projects.verdict``; without names, all.

mutmut changes functions and leaves alone what stands outside of them, and that is where policy is:
words, ranks, patterns, limits. Here each row of each table is left out, given another row's value
or swapped with the next one, and each number is one more. Every mutant gets a process of its own,
in which the tests of its module have to fail. What survives stands in tests/README.md.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator, Sequence
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

from proof.pure_coverage import pure_modules

LIMIT = 300
"""Seconds after which a mutant that does not end counts as found."""

PURE_ROOMS = ("projects", "patterns", "report")
TESTED_WITH = {
    "html": "routes",
    "links": "merged_feed",
    **dict.fromkeys(("lint", "fingerprints"), "discover"),
}
"""Modules that another module's tests look at."""


def tests_of(module: str) -> list[str]:
    """Return the tests that have to find a mutant of *module*: its own, then those of its room."""
    *room, name = module.split(".")
    folder = Path("tests", *room)
    if room[:2] == ["drivers", "serial"]:
        return ["tests/drivers/serial/protocols"]
    own = folder / f"test_{TESTED_WITH.get(name, name)}.py"
    found = [str(each) for each in (own, folder) if each.is_file() or each.name in PURE_ROOMS]
    return found or ["tests/report"]  # It has the sentences that are made of wording.


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
    outside = {id(node) for value in _values(tree.body) for node in ast.walk(value)}
    calls = [node for node in ast.walk(tree) if id(node) in outside and isinstance(node, ast.Call)]
    makers = {node.func.id for node in calls if isinstance(node.func, ast.Name)}
    for statement in tree.body:  # What makes rows runs before mutmut can change it.
        if isinstance(statement, ast.FunctionDef) and statement.name in makers:
            outside.update(map(id, ast.walk(statement)))
    for number, node in enumerate(ast.walk(tree)):
        for twin, change in _twins(node) if id(node) in outside else ():
            changed = copy.deepcopy(tree)
            _become(changed, [*ast.walk(changed)][number], twin)
            ast.fix_missing_locations(changed)
            yield Mutant(module, getattr(node, "lineno", 0), change, changed)


def _values(body: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    """Yield what *body* and its classes assign, but for names of types."""
    for statement in body:
        match statement:
            case ast.ClassDef():
                yield from _values(statement.body)
            case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple() as values):
                yield from values.elts
            case ast.Assign(value=ast.Subscript()):
                pass
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                yield value


def _become(tree: ast.AST, place: ast.AST, twin: ast.AST) -> None:
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if value is place:
                setattr(parent, field, twin)
            elif isinstance(value, list):
                value[:] = [twin if each is place else each for each in value]


def _twins(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield what *node* may be mistaken for, and what that is called."""
    match node:
        case ast.Dict():
            yield from _rows(node)
        case ast.Set() | ast.Tuple(ctx=ast.Load()):
            yield from _elements(node)
        case ast.Call(
            func=ast.Attribute(attr="compile"), args=[ast.Constant(value=str() as word), *_]
        ):
            yield from _alternatives(node, word)
        case ast.Constant(value=bool() as flag):
            yield ast.Constant(not flag), f"{flag} -> {not flag}"
        case ast.Constant(value=int() | float() as number):
            yield ast.Constant(number + 1), f"{number} -> {number + 1}"


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:60]


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


def _elements(several: ast.Set | ast.Tuple) -> Iterator[tuple[ast.AST, str]]:
    """Yield *several* with each element left out, and where there is an order, swapped."""
    for number, element in enumerate(several.elts):
        without = copy.deepcopy(several)
        del without.elts[number]
        if without.elts:
            yield without, f"{_text(element)} is left out"
        if isinstance(several, ast.Tuple) and number:
            swapped = copy.deepcopy(several)
            swapped.elts[number - 1 : number + 1] = reversed(swapped.elts[number - 1 : number + 1])
            if ast.dump(swapped) != ast.dump(several):
                yield swapped, f"{_text(element)} comes before {_text(several.elts[number - 1])}"


def _alternatives(call: ast.Call, expression: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield *call*, which compiles a list of words, without each of them."""
    words = expression.split("|")
    for word in words if len(words) > 1 and "(" not in expression else ():
        without = copy.deepcopy(call)
        without.args[0] = ast.Constant("|".join(each for each in words if each != word))
        yield without, f"{word} is left out"


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


class _Hasty:
    """Has hypothesis leave what it finds as large as it is: that it fails is all that is asked."""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        """Set it, where tests/conftest.py has set the rest."""
        from hypothesis import Phase, settings  # noqa: PLC0415 - pytest wants to be the first

        phases = {Phase.explicit, Phase.generate}
        settings.register_profile("hasty", deadline=None, phases=phases, database=None)
        settings.load_profile("hasty")


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
    options = ["-x", "-q", "-n", "0", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=1"]
    return int(pytest.main([*options, *tests_of(mutant.module)], plugins=[_Hasty()]))


def main() -> None:
    """Try the mutants of the modules that are named, and say which survive."""
    options = argparse.ArgumentParser(description=__doc__)
    modules = [each[len("buildlight/") : -len(".py")].replace("/", ".") for each in pure_modules()]
    options.add_argument("modules", nargs="*", default=modules)
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = options.parse_args()
    whole, alive = 0, 0
    for module in chosen.modules:
        found = [*mutants(module)]
        itself = Mutant(module, 0, "none", source(module))
        if found and not survivors([itself], 1):
            raise SystemExit(f"{module}: its tests fail without any mutant")
        left = survivors(found, chosen.jobs)
        whole, alive = whole + len(found), alive + len(left)
        print(f"{module}: {len(found) - len(left)} of {len(found)} found", flush=True)
        for mutant in left:
            print(f"  line {mutant.line}: {mutant.change}", flush=True)
    print(f"{whole - alive} of {whole} ({(whole - alive) / whole:.1%})")


if __name__ == "__main__":
    main()
