"""What is known of the driver's ways, held where no single module is its place."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from sql.steps.outcome import Outcome
from tests.servers import Database
from tests.sql.steps import running
from tests.sql.steps.running import TABLE, finish

SQL = Path(__file__).parents[2] / "sql"
LYING = """
CREATE FUNCTION lying(int) RETURNS int IMMUTABLE STRICT LANGUAGE plpgsql AS $$
BEGIN
    RAISE 'canceling statement due to lock timeout' USING ERRCODE = '22012';
END $$
"""


@pytest.mark.hazard("APG-02")
def test_no_connection_comes_from_a_pool() -> None:
    calls = {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for path in SQL.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute | ast.Name)
    }
    assert "connect" in calls
    assert not calls & {"create_pool", "Pool"}


@pytest.mark.hazard("APG-04")
async def test_the_sqlstate_says_how_a_step_ended_whatever_the_message_says(database: Database) -> None:
    await database.execute(TABLE + LYING)
    result = await finish(database, running.create(tail="(lying(a))"))
    assert (result.outcome, result.sqlstate) == (Outcome.FAILED, "22012")
