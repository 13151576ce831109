"""Which tests prove which hazard survived, on which versions: `python -m tests.hazards` prints the table.

A test names its hazards by `@pytest.mark.hazard("CIC-04", …)`. With the fixture `database` it runs on every
supported major, with `newest` on the newest.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.servers import ALL_MAJORS

TESTS = Path(__file__).parent
CONTRIBUTING = TESTS.parent / "CONTRIBUTING.md"
BEGIN, END = "<!-- hazards -->", "<!-- /hazards -->"
TITLES = {
    "DEF-01": "IF NOT EXISTS takes a name for a definition",
    "DEF-02": "the name is there with another definition",
    "DEF-03": "what the server prints depends on the session's settings",
    "DEF-04": "a printed CHECK, made again, prints differently",
    "DEF-05": "majors print differently",
    "DEF-06": "comparing texts or syntax trees is too weak",
    "DEF-07": "the same index under another name",
    "DEF-08": "search_path decides what a name means",
    "DEF-09": "names over 63 bytes are cut with a notice",
    "DEF-10": "a second statement in the text",
    "DEF-11": "table, server or object changed between preview and run",
    "DEF-12": "constraint names belong to their table",
    "IDX-01": "pg_indexes shows dead indexes as normal ones",
    "IDX-02": "duplicates under a unique build; a dead index that rejects writes",
    "IDX-03": "a dead index costs writes and HOT updates",
    "IDX-04": "what looks dead may be somebody's running build",
    "IDX-05": "how a dead index is mended",
    "IDX-06": "what REINDEX CONCURRENTLY leaves",
    "IDX-07": "valid, and not yet usable by old transactions",
    "IDX-08": "14.0 to 14.3 build corrupt indexes",
    "IDX-09": "a partitioned index is invalid by design until its children are attached",
    "CIC-01": "a concurrent build in a transaction block",
    "CIC-02": "who blocks a build, and who does not",
    "CIC-03": "the tool blocks itself",
    "CIC-04": "lock_timeout throws a nearly finished build away",
    "CIC-05": "timeouts of role and database reach the build",
    "CIC-06": "two builds on one table: the older one dies",
    "CIC-07": "what queues behind a build kills it",
    "CIC-08": "waiting for an advisory lock holds a snapshot",
    "CIC-09": "autovacuum yields, unless it prevents wraparound",
    "CIC-10": "prepared transactions block without a pid",
    "CIC-11": "disk, temporary files and WAL of a build",
    "CIC-12": "parallel workers build too",
    "CIC-13": "17 and newer build under another search_path",
    "CIC-14": "relations that take no concurrent build",
    "CIC-15": "partitioned tables need a recipe of their own",
    "CIC-16": "sessions that are read-only or isolated by default",
    "CIC-17": "event triggers that forbid DDL after the work is done",
    "DISC-01": "the client dies, the server finishes the build",
    "DISC-02": "client_connection_check_interval ends a build with its client",
    "DISC-03": "a notice to a client that is gone ends the build",
    "DISC-04": "a cancelled task cancels the statement",
    "DISC-05": "Ctrl-C is a coin toss",
    "DISC-06": "a screen that closes cancels its workers",
    "DISC-07": "a lost terminal",
    "DISC-08": "a network that says nothing for hours",
    "DISC-09": "terminated backends, restarts and crashes",
    "DISC-10": "cancelling the wrong statement",
    "DISC-11": "a monitor that is opened too late",
    "DIC-01": "a drop waits for every reader",
    "DIC-02": "a deadlock with a reader that upgrades its lock",
    "DIC-03": "a drop that was stopped half-way",
    "DIC-04": "indexes that something hangs on",
    "DIC-05": "no scans is not unused",
    "DIC-06": "standbys end queries when the drop arrives",
    "PRV-01": "rights that a step needs",
    "PRV-02": "names that may not be looked up",
    "PRV-03": "standbys",
    "PRV-04": "a failover in the middle of a build",
    "CON-01": "ADD CONSTRAINT stops everything while it waits",
    "CON-02": "ADD and VALIDATE in one transaction",
    "CON-03": "NOT VALID is enforced at once, also on old rows",
    "CON-04": "counting the rows in the way: NULL, row security",
    "CON-05": "VALIDATE fails without naming a row",
    "CON-06": "NOT ENFORCED looks like NOT VALID",
    "CON-07": "the name is there with another expression",
    "CON-08": "inheritance, partitions and foreign tables",
    "CON-09": "CHECKs of domains",
    "CON-10": "a probe by INSERT has side effects",
    "CON-11": "error messages quote rows",
    "CON-12": "CHECKs that depend on the moment",
    "ALB-01": "no revision table, or two",
    "ALB-02": "several heads, or another revision than was shown",
    "ALB-03": "a migration that runs at the same time",
    "ALB-04": "a revision longer than its column",
    "ALB-05": "an update that row security swallows",
    "ALB-06": "the revision is a mark, and says nothing of the schema",
    "PRG-01": "roles that may not see what others do",
    "PRG-02": "a progress row that vanished proves nothing",
    "PRG-03": "the first blocker is not the root of the chain",
    "PRG-04": "looking for blockers is not free",
    "PRG-05": "since when somebody waits is told by 14 and newer",
    "PRG-06": "blockers that are no clients",
    "POOL-01": "an unprivileged role counts itself alone",
    "POOL-02": "which limit on connections bites first",
    "POOL-03": "sessions that are idle in a transaction",
    "PGB-01": "a pooler that nobody mentioned",
    "PGB-02": "settings and locks leak to other clients",
    "PGB-03": "prepared statements of other clients",
    "PGB-04": "startup parameters are refused",
    "PGB-05": "a pooler whose pool is used up",
    "PGB-06": "columns of the console that come and go",
    "PGB-07": "the console cannot be read through the driver",
    "LAT-01": "EXPLAIN ANALYZE is not what a user waits for",
    "LAT-02": "a read-only transaction is no sandbox",
    "LAT-03": "a generic plan is another plan",
    "LAT-04": "the first run is not the others",
    "LAT-05": "a busy process charges the server with its own delays",
    "LAT-06": "coordinated omission",
    "LAT-07": "pg_stat_statements, in every version or not at all",
    "PLAN-01": "a small table needs no index",
    "PLAN-02": "an expression has no statistics before ANALYZE",
    "PLAN-03": "an index-only scan reads the table until it is vacuumed",
    "PLAN-04": "indexes that cannot serve the query",
    "SEC-01": "the driver quotes a password that it cannot read",
    "SEC-02": "crashes print secrets",
    "SEC-03": "argv can be read by everybody",
    "SEC-04": "queries of others hold secrets",
    "UI-01": "SQL that looks like markup",
    "APG-01": "types that the driver reads as something else",
    "APG-02": "what a pool of connections forgets",
    "APG-03": "a status tag is no evidence",
    "APG-04": "messages differ by version and language, SQLSTATEs do not",
    "APG-05": "a server that is down is another error on a socket than on TCP",
}
"""By id, in the order of the table. Each entry was reproduced before it was survived."""


@dataclass(frozen=True)
class Proof:
    """One test that proves a hazard survived."""

    hazard: str
    test: str
    majors: tuple[int, ...]
    """Empty: the test needs no server."""


def proofs() -> list[Proof]:
    """Every proof, by hazard.

    Raises:
        ValueError: a test names a hazard that has no title.
    """
    order = list(TITLES)
    found = [proof for path in sorted(TESTS.rglob("test_*.py")) for proof in _of_file(path)]
    return sorted(found, key=lambda proof: (order.index(proof.hazard), proof.test))


def table() -> str:
    """The markdown table."""
    rows = ["| hazard | what happens | versions | proven by |", "|---|---|---|---|"]
    every = proofs()
    for hazard in dict.fromkeys(proof.hazard for proof in every):
        mine = [proof for proof in every if proof.hazard == hazard]
        majors = {major for proof in mine for major in proof.majors}
        tests = "<br>".join(f"`{proof.test}`" for proof in mine)
        rows.append(f"| {hazard} | {TITLES[hazard]} | {_span(majors)} | {tests} |")
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


def _span(majors: set[int]) -> str:
    if not majors:
        return "no server needed"
    first, last = min(majors), max(majors)
    return str(last) if first == last else f"{first} to {last}"


if __name__ == "__main__":
    print(table())
