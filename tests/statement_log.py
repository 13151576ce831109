"""What a server's log says that pgdeck sent, and whether a statement does more than a plain SELECT."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sql.demo.cluster import Cluster
from sql.parsing import statements

SETTINGS = {"log_statement": "all", "log_line_prefix": "@@%a@@", "autovacuum": "off"}
"""For `servers.start`: every statement is logged, with the application that sent it."""
ENTRY = re.compile(
    r"^@@(?P<application>[^@\n]*)@@(?P<level>[A-Z]+):  (?P<text>.*?)(?=^@@|\Z)", re.MULTILINE | re.DOTALL
)
STATEMENT = re.compile(r"(?:statement|execute [^:]+): (?P<sql>.*)", re.DOTALL)
HARMLESS_KINDS = {"select_stmt", "explain_stmt", "transaction_stmt", "variable_show_stmt"}
HARMFUL_FUNCTIONS = re.compile(
    r"nextval|setval|lo_\w+|pg_(try_)?advisory\w*|pg_(cancel|terminate)_backend|pg_notify|dblink\w*|txid_current"
    r"|pg_current_xact_id|pg_stat_reset\w*|pg_stat_statements_reset|pg_reload_conf|pg_rotate_logfile|pg_switch_wal"
    r"|pg_create_restore_point|pg_logical_emit_message|pg_export_snapshot|pg_replication_\w+|query_to_xml\w*"
)


def sent(cluster: Cluster) -> list[tuple[str, str]]:
    """Every statement in the log, as (application, SQL)."""
    found = []
    for entry in ENTRY.finditer(cluster.log.read_text(errors="replace")):
        match = STATEMENT.fullmatch(entry["text"].rstrip("\n")) if entry["level"] == "LOG" else None
        if match:
            # The server indents the lines of a statement after its first one.
            found.append((entry["application"], match["sql"].replace("\n\t", "\n")))
    return found


def harm(sql: str) -> list[str]:
    """What a text does beyond a plain SELECT; empty where it does nothing."""
    return [reason for kind, node in statements(sql) for reason in _harm(kind, node)]


def _harm(kind: str, node: Any) -> Iterator[str]:
    if kind == "variable_set_stmt" and node.is_local:
        return
    if kind not in HARMLESS_KINDS:
        yield kind
    for name, value in _every_node(node):
        if name in (
            "locking_clause",
            "into_clause",
            "insert_stmt",
            "update_stmt",
            "delete_stmt",
            "merge_stmt",
        ):
            yield name
        elif name == "func_call" and HARMFUL_FUNCTIONS.fullmatch(value.funcname[-1].string.sval):
            yield value.funcname[-1].string.sval
        elif name == "set_config" and not value:
            yield "a setting of the session"
    if kind == "explain_stmt" and any(option.def_elem.defname == "analyze" for option in node.options):
        yield "explain analyze"


def _every_node(node: Any) -> Iterator[tuple[str, Any]]:
    """Every part below a protobuf message, with the name of its field."""
    for field, value in node.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else [value]:
            yield field.name, each
            yield from _every_node(each)
