"""A plan as a script for `psql -X -f`: guarded, one statement a round trip, each step checked in the catalog.

Run twice, it finds every end state there and does nothing. A statement in which psql could see one of its own
variables or commands is handed to the server by `\\gexec`, which sends it untouched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from textwrap import wrap

from sql.printable import one_line
from sql.quoting import literal
from sql.snapshots import ServerIdentity
from sql.steps.checks import needed, proved
from sql.steps.step import Direction, Plan, Refusal, Step, Verb

FUNCTIONS = Path(__file__).parent / "script_functions.sql"
WIDTH = 100
_QUOTED = re.compile(r"""[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*\"""", re.DOTALL)
_PSQL_SEES = re.compile(r"\\|(?<!:):(?!:)|--|/\*|\$|;")
NEEDS_QUIET = frozenset({Verb.CREATE_INDEX, Verb.DROP_INDEX, Verb.VALIDATE_CONSTRAINT, Verb.ANALYZE})
"""Steps that end in a deadlock with another build or change of the same table."""


@dataclass(frozen=True)
class Origin:
    """Where a plan was made: what the script says of itself, and the only database that it runs on."""

    profile: str
    manifest: str
    server: ServerIdentity
    taken_at: datetime


def script(plan: Plan, origin: Origin) -> str:
    """The text of the script that runs a plan, fix or rollback."""
    blocks = [
        _header(plan, origin),
        _settings(plan, origin.server),
        _guard(origin.server),
    ]
    if plan.steps:
        blocks.append(FUNCTIONS.read_text().rstrip())
        total = len(plan.steps)
        blocks += [_step(step, f"{place} of {total}") for place, step in enumerate(plan.steps, start=1)]
    blocks += [_refused(refusal) for refusal in plan.refused]
    done = "every step of this script stands." if plan.steps else "there was nothing to do."
    if plan.refused:
        done += f" Refused: {len(plan.refused)}, see the end of the script."
    blocks.append(f"\\echo pgdeck: {done} Run pgdeck verify to see the whole.")
    return "\n\n".join(blocks) + "\n"


def comment(text: str, indent: str = "") -> str:
    """`text` as comment lines that nothing in it can leave."""
    lines = wrap(one_line(text), WIDTH - 3 - len(indent), break_on_hyphens=False) or [""]
    return "\n".join(f"-- {indent}{line}".rstrip() for line in lines)


def statement(sql: str) -> str:
    """One statement as psql sends it unchanged, whatever stands in it."""
    if not _PSQL_SEES.search(_QUOTED.sub("", sql)):
        return f"{sql};"
    # A literal is the only place where psql looks for nothing; \gexec sends the result as it is.
    return f"SELECT {literal(sql)} \\gexec"


def _header(plan: Plan, origin: Origin) -> str:
    if plan.direction is Direction.FIX:
        what = f"Takes {origin.server.database} to the manifest {origin.manifest}."
    else:
        what = f"Takes away from {origin.server.database} what the manifest {origin.manifest} put there."
    lines = [
        what,
        f"Written by pgdeck for the profile {origin.profile} at {origin.taken_at:%Y-%m-%d %H:%M:%S} UTC,"
        f" PostgreSQL {origin.server.version} at {origin.server.address}.",
        "",
        "Run it with: psql -X -f FILE, as the owner of the tables, on a direct connection (no pooler),"
        " without -1. It stops at the first error; what is done stays done. Run it again and it goes on where"
        " it stopped: a step whose end is there already is left out.",
        "",
        f"Steps: {len(plan.steps)}. Refused: {len(plan.refused)}"
        + (" (at the end, with the reasons)." if plan.refused else "."),
    ]
    return "\n".join(comment(line) for line in lines)


def _settings(plan: Plan, server: ServerIdentity) -> str:
    off = ["statement_timeout", "idle_in_transaction_session_timeout"]
    if server.version_num >= 140000:
        # With client_connection_check_interval a lost client ends the build; without it the server finishes.
        off += ["idle_session_timeout", "client_connection_check_interval"]
    if server.version_num >= 170000:
        off.append("transaction_timeout")
    return "\n".join(
        [
            "\\set ON_ERROR_STOP on",
            "\\set AUTOCOMMIT on",
            "\\set QUIET on",
            "\\encoding UTF8",
            *(f"SET {name} = 0;" for name in off),
            "SET standard_conforming_strings = on;",
            "SET client_min_messages = warning;",
            "SET TimeZone = 'UTC';",
            f"SELECT set_config('search_path', {literal(plan.search_path)}, false) AS path \\gset pgdeck_",
        ]
    )


def _guard(server: ServerIdentity) -> str:
    system = "false"
    if server.system_identifier is not None:
        mine = literal(server.system_identifier)
        system = f"(pg_catalog.pg_control_system()).system_identifier::text <> {mine}"
    return "\n".join(
        [
            comment("Nothing runs anywhere else, in one transaction, or on a standby."),
            f"SELECT current_database() <> {literal(server.database)} AS other_database,",
            f"       {system} AS other_server,",
            "       transaction_timestamp() <> statement_timestamp() AS in_transaction,",
            "       pg_catalog.pg_is_in_recovery() AS standby \\gset pgdeck_",
            *_stop("other_database", "this script was written for another database"),
            *_stop("other_server", "this script was written for another server"),
            *_stop("in_transaction", "this script cannot run in one transaction: leave out -1"),
            *_stop("standby", "this is a standby: run the script on the primary"),
        ]
    )


def _stop(flag: str, sentence: str) -> list[str]:
    return [f"\\if :pgdeck_{flag}", f"DO $$ BEGIN RAISE EXCEPTION '{sentence}'; END $$;", "\\endif"]


def _step(step: Step, place: str) -> str:
    purpose = f"{step.priority}" + (f": {step.purpose}" if step.purpose else "")
    lines = [comment(f"Step {place}: {step.id} ({purpose})")]
    lines.append(comment(f"table {step.table}; lock {step.lock}: blocks {step.blocks}", "  "))
    if step.note:
        lines.append(comment(step.note, "  "))
    # SQL in a comment is never wrapped: a break inside a literal would change it for whoever copies it.
    lines.append(f"--   undo: {one_line('; '.join(step.undo) or 'nothing to take back')}")
    label = _label(step)
    return "\n".join(
        [
            *lines,
            "SET lock_timeout = '10s';",
            f"SELECT {needed(step)} AS needed \\gset pgdeck_",
            "\\if :pgdeck_needed",
            f"\\echo pgdeck: {place}: {label}",
            *_body(step),
            f"SELECT {proved(step)} AS proved \\gset pgdeck_",
            "\\else",
            f"\\echo pgdeck: {place}: {label}: nothing to do",
            "\\endif",
        ]
    )


def _body(step: Step) -> Iterator[str]:
    if step.verb in NEEDS_QUIET:
        schema, table = _table(step)
        free = f"pg_temp.pgdeck_table_is_free({literal(schema)}, {literal(table)})"
        yield f"SELECT {free} AS free \\gset pgdeck_"
    for name, value in step.timeouts.items():
        yield f"SET {name} = {literal(value)};"
    alone = len(step.statements) == 1 and step.verb is not Verb.SET_MIGRATION
    if not alone:
        yield "BEGIN;"
    for each in step.statements:
        yield statement(each)
    if step.verb is Verb.SET_MIGRATION:
        yield f"SELECT {proved(step)} AS proved \\gset pgdeck_"
    if not alone:
        yield "COMMIT;"
    yield "SET statement_timeout = 0;"
    yield "SET lock_timeout = '10s';"


def _table(step: Step) -> tuple[str, str]:
    from sql.quoting import table_name

    name = table_name(step.table)
    if name is None:
        raise ValueError(f"a step on a table without a schema: {step.table}")
    return name


def _refused(refusal: Refusal) -> str:
    lines = [comment(f"Refused: {refusal.target}: {refusal.reason}.")]
    if refusal.listing:
        lines.append(f"--   list them: {one_line(refusal.listing)};")
    return "\n".join(lines)


def _label(step: Step) -> str:
    r"""The step for \echo, which unquotes, expands and runs: all that could mean something is replaced."""
    target = "".join(each if each.isalnum() or each in "_-." else "?" for each in one_line(step.target))
    return f"{step.verb}: {target}"
