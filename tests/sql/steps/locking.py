"""Steps with the locks that they take, for what is asked before and after a run."""

from __future__ import annotations

from dataclasses import replace

from sql.steps import ddl
from sql.steps.chain import ACCESS_EXCLUSIVE, BUILD_BLOCKS, INSTANT_BLOCKS, SHARE_UPDATE
from sql.steps.step import IndexStands, Step, Verb
from tests.sql.steps import running


def create(name: str = "i", tail: str = "(a)", *, unique: bool = False) -> Step:
    """CREATE INDEX CONCURRENTLY on `t`."""
    return _building(running.create(name, tail, unique=unique))


def drop(name: str = "i") -> Step:
    """DROP INDEX CONCURRENTLY of an index of `t`."""
    return _building(running.drop(name))


def add_check(name: str = "ck", definition: str = "CHECK (a > 0)") -> Step:
    """ADD CONSTRAINT … NOT VALID on `t`."""
    return replace(running.add_check(name, definition), lock=ACCESS_EXCLUSIVE, blocks=INSTANT_BLOCKS)


def validate(name: str = "ck") -> Step:
    """VALIDATE CONSTRAINT of `t`."""
    return _building(running.validate(name))


def drop_check(name: str = "ck") -> Step:
    """DROP CONSTRAINT of `t`."""
    return replace(running.drop_check(name), lock=ACCESS_EXCLUSIVE, blocks=INSTANT_BLOCKS)


def rename(name: str, to: str) -> Step:
    """ALTER INDEX … RENAME of an index of `t`."""
    made = running.create(to, "(b)")
    statements = (ddl.rename_index("public", name, to),)
    end = IndexStands("public", "t", to, False, "(b)")
    return replace(
        made,
        verb=Verb.RENAME_INDEX,
        statements=statements,
        end=end,
        lock=SHARE_UPDATE,
        blocks="nothing but DDL on this index",
    )


def migrate(before: str, revision: str) -> Step:
    """Set the revision in `alembic_version`."""
    made = running.migrate(before, revision)
    return replace(made, table="public.alembic_version", lock="RowExclusiveLock")


def _building(step: Step) -> Step:
    return replace(step, lock=SHARE_UPDATE, blocks=BUILD_BLOCKS)
