"""Steps and plans as values: what would be run, in which order, what it locks, how it is undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from profiles.manifest import Priority


class Verb(StrEnum):
    """What a step does; with dashes it begins the step's id."""

    CREATE_INDEX = "create index"
    DROP_INDEX = "drop index"
    SWAP_INDEX = "swap index"
    RENAME_INDEX = "rename index"
    ADD_CONSTRAINT = "add constraint"
    VALIDATE_CONSTRAINT = "validate constraint"
    DROP_CONSTRAINT = "drop constraint"
    SWAP_CONSTRAINT = "swap constraint"
    ANALYZE = "analyze"
    SET_MIGRATION = "set migration"


class Direction(StrEnum):
    """Which way a plan goes."""

    FIX = "fix"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class IndexStands:
    """End state: this index is valid on this table with this definition."""

    schema: str
    table: str
    name: str
    unique: bool
    tail: str
    """Everything of the definition after the table, as the manifest has it: `(status, score DESC)`."""


@dataclass(frozen=True)
class IndexGone:
    """End state: no index bears the name."""

    schema: str
    name: str
    only_dead: bool = False
    """A valid index of that name is left alone: only a dead one is in the way."""
    was: IndexStands | None = None
    """What may be dropped; an index of that name with another definition is left alone."""


@dataclass(frozen=True)
class ConstraintStands:
    """End state: this CHECK constraint is on this table, and validated where that is asked."""

    schema: str
    table: str
    name: str
    definition: str
    """`CHECK (…)`, as the manifest has it; empty where it was compared when the plan was made."""
    validated: bool


@dataclass(frozen=True)
class ConstraintGone:
    """End state: the table has no constraint of that name."""

    schema: str
    table: str
    name: str
    definition: str = ""
    """What may be dropped; a constraint of that name with another definition is left alone."""


@dataclass(frozen=True)
class StatisticsStand:
    """End state: the planner knows this table, and what the expressions of these indexes come to."""

    schema: str
    table: str
    indexes: tuple[str, ...] = ()
    """Indexes on expressions: of those the planner knows nothing before ANALYZE has seen them."""

    @property
    def name(self) -> str:
        """What an operator types to confirm it."""
        return self.table


@dataclass(frozen=True)
class MigrationAt:
    """End state: the migration table holds this one revision."""

    schema: str
    table: str
    revision: str
    before: str
    """The revision that must stand there when the step runs."""


EndState: TypeAlias = (
    IndexStands | IndexGone | ConstraintStands | ConstraintGone | StatisticsStand | MigrationAt
)
"""What the catalog must show when a step is done; where it shows that already, the step is not needed."""


@dataclass(frozen=True)
class Step:
    """One statement to run (two in one transaction where names are swapped)."""

    verb: Verb
    target: str
    """What it acts on, as the id names it: `idx_x`, `leads.ck_y`."""
    table: str
    """`schema.table`, each quoted as SQL needs it."""
    statements: tuple[str, ...]
    """Exact SQL without semicolons; several of them run in one transaction."""
    end: EndState
    undo: tuple[str, ...]
    """The statements that take it back; empty where nothing can."""
    lock: str
    """The strongest lock it takes on the table, as pg_locks names it."""
    blocks: str
    """What that lock keeps waiting."""
    timeouts: Mapping[str, str]
    """Settings it runs under, in PostgreSQL's notation."""
    priority: Priority = Priority.NORMAL
    purpose: str = ""
    note: str = ""
    """What the operator should know before it runs, one or two sentences."""
    goal: EndState | None = None
    """What the chain of steps is for, where this is one of several; stands it already, none is needed."""
    mends: str = ""
    """Which reading it is for: `index:NAME`, `constraint:TABLE.NAME` or `migration`."""
    fingerprint: str | None = None
    """Of the facts at preview; None before there was one."""

    @property
    def id(self) -> str:
        """`VERB:TARGET`, such as `create-index:idx_x`."""
        return f"{self.verb.replace(' ', '-')}:{self.target}"

    @property
    def sql(self) -> str:
        """The statements as one text."""
        return as_text(self.statements)

    @property
    def undo_sql(self) -> str:
        """The undo as one text; empty where nothing can take it back."""
        return as_text(self.undo)


@dataclass(frozen=True)
class Refusal:
    """What a plan leaves alone, and why."""

    target: str
    reason: str
    listing: str = ""
    """A SELECT that shows the rows in the way, where there are some."""


@dataclass(frozen=True)
class Plan:
    """Ordered steps that take a database to its manifest, or back."""

    direction: Direction
    steps: tuple[Step, ...]
    refused: tuple[Refusal, ...] = ()
    search_path: str = "public"
    """Under which functions, types and operators in definitions are found."""
    offered: tuple[Step, ...] = field(default=())
    """Steps that nobody needs but that tidy up; never run unless named."""


def as_text(statements: tuple[str, ...]) -> str:
    """Several statements as one transaction, one as itself."""
    if len(statements) <= 1:
        return "".join(statements)
    return ";\n".join(("BEGIN", *statements, "COMMIT"))
