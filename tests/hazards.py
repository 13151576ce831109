"""Which tests prove which hazard survived, on which versions: `python -m tests.hazards` prints the table.

A test names its hazards by `@pytest.mark.hazard("CIC-04", …)`. With the fixture `database` it runs on every
supported major, with `newest` on the newest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ALL_MAJORS

TESTS = Path(__file__).parent
CONTRIBUTING = TESTS.parent / "CONTRIBUTING.md"
BEGIN, END = "<!-- hazards -->", "<!-- /hazards -->"
NAMES = {
    "DEF": "definitions and names",
    "IDX": "states of an index",
    "CIC": "CREATE INDEX CONCURRENTLY",
    "DISC": "disconnect, cancel, crash",
    "DIC": "DROP INDEX CONCURRENTLY",
    "PRV": "privileges and replicas",
    "CON": "CHECK constraints",
    "ALB": "the migration's revision",
    "PRG": "progress and blockers",
    "POOL": "connections",
    "PGB": "poolers",
    "LAT": "latency",
    "PLAN": "the planner",
    "SEC": "secrets",
    "UI": "the screen",
    "APG": "the driver",
}
"""By the letters of an id, in the order of the table."""


@dataclass(frozen=True)
class Proof:
    """One test that proves a hazard survived."""

    hazard: str
    test: str
    majors: tuple[int, ...]
    """Empty: the test needs no server."""


def proofs() -> list[Proof]:
    """Every proof, by hazard."""
    found = [proof for path in sorted(TESTS.rglob("test_*.py")) for proof in _of_file(path)]
    return sorted(found, key=lambda proof: (_place(proof.hazard), proof.test))


def table() -> str:
    """The markdown table."""
    rows = ["| hazard | versions | proven by |", "|---|---|---|"]
    every = proofs()
    for hazard in dict.fromkeys(proof.hazard for proof in every):
        mine = [proof for proof in every if proof.hazard == hazard]
        majors = {major for proof in mine for major in proof.majors}
        tests = "<br>".join(f"`{proof.test}`" for proof in mine)
        rows.append(f"| {hazard} | {_span(majors)} | {tests} |")
    return "\n".join(rows)


def shown() -> str:
    """The table as CONTRIBUTING has it."""
    return CONTRIBUTING.read_text().split(BEGIN)[1].split(END)[0].strip()


def _of_file(path: Path) -> Iterator[Proof]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = {argument.arg for argument in node.args.args}
            name = f"{path.relative_to(TESTS)}::{node.name}"
            for hazard in _named(node):
                yield Proof(hazard, name, _majors(node, arguments))


def _majors(node: ast.FunctionDef | ast.AsyncFunctionDef, arguments: set[str]) -> tuple[int, ...]:
    if "database" in arguments:
        return ALL_MAJORS
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    on_newest = {"newest", "scene", "own_server"} & (arguments | names)
    return ALL_MAJORS[-1:] if on_newest else ()


def _named(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.hazard":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def _place(hazard: str) -> tuple[int, int]:
    match = re.fullmatch(r"([A-Z]+)-(\d+)", hazard)
    if match is None or match[1] not in NAMES:
        raise ValueError(f"{hazard} is no hazard's id")
    return list(NAMES).index(match[1]), int(match[2])


def _span(majors: set[int]) -> str:
    if not majors:
        return "no server needed"
    first, last = min(majors), max(majors)
    return str(last) if first == last else f"{first} to {last}"


if __name__ == "__main__":
    print(table())
