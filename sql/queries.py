"""What a probe may be: one SELECT that changes nothing, sent by the extended protocol.

A READ ONLY transaction is no sandbox (pg_terminate_backend, pg_advisory_lock, LOCK TABLE … are all allowed in
one), so the text is checked before it is ever sent.
"""

from __future__ import annotations

from typing import Any

from sql.parse_store import kept
from sql.parsing import DefinitionError, statements, walk

MEDDLING = frozenset(
    """
    dblink dblink_connect dblink_exec dblink_send_query lo_create lo_creat lo_from_bytea lo_import lo_put
    lo_unlink nextval pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock pg_advisory_unlock_all
    pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_cancel_backend pg_copy_logical_replication_slot
    pg_copy_physical_replication_slot pg_create_logical_replication_slot pg_create_physical_replication_slot
    pg_create_restore_point pg_drop_replication_slot pg_export_snapshot pg_import_system_collations
    pg_log_backend_memory_contexts pg_logical_emit_message pg_logical_slot_get_changes pg_notify pg_promote
    pg_reload_conf pg_replication_slot_advance pg_rotate_logfile pg_start_backup pg_backup_start
    pg_stat_reset pg_stat_reset_shared pg_stat_reset_single_table_counters pg_stat_statements_reset
    pg_stop_backup pg_backup_stop pg_switch_wal pg_terminate_backend pg_try_advisory_lock
    pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared
    pg_wal_replay_pause pg_wal_replay_resume set_config setval txid_current pg_current_xact_id
    """.split()
)
"""Functions that act on the server although they stand in a SELECT."""

_WRITING = {"InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE"}


@kept
def parameters_of(text: str) -> int:
    """How many parameters, `$1` to `$n`, a read-only query has.

    Raises:
        DefinitionError: it is not exactly one SELECT that only reads, or its parameters have a gap.
    """
    found = statements(text)
    if len(found) != 1:
        what = "there is no statement" if not found else f"there are {len(found)} statements"
        raise DefinitionError(what, "write exactly one SELECT")
    kind, node = found[0]
    if kind != "select_stmt":
        raise DefinitionError(f"it is {_verb(kind)}, not a SELECT", "write exactly one SELECT")
    numbers: set[int] = set()
    for each in walk(node):
        name = type(each).__name__
        _refuse_writing(name, each)
        if name == "ParamRef":
            numbers.add(int(each.number))
    gap = set(range(1, len(numbers) + 1)) - numbers
    if gap:
        raise DefinitionError(
            f"it uses ${max(numbers)} but not ${min(gap)}", "number the parameters $1, $2 … without a gap"
        )
    return len(numbers)


def _refuse_writing(name: str, node: Any) -> None:
    if name in _WRITING:
        raise DefinitionError(f"its WITH holds {_WRITING[name]}", "let it only read")
    if name == "IntoClause":
        raise DefinitionError("SELECT INTO makes a table", "remove INTO")
    if name == "LockingClause":
        raise DefinitionError("it locks the rows that it reads", "remove FOR UPDATE or FOR SHARE")
    if name == "FuncCall":
        function = str(node.funcname[-1].string.sval)
        if function in MEDDLING:
            raise DefinitionError(f"it calls {function}(), which acts on the server", "let it only read")


def _verb(kind: str) -> str:
    return kind.removesuffix("_stmt").replace("_", " ").upper()
