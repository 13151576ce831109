"""What a server says to an idle session before it ends it."""

from __future__ import annotations

import asyncio

import pytest

from sql.errors import SessionError
from sql.farewell import Farewell
from tests.servers import Database
from tests.sql.sessions import session
from tests.waiting import until


def message(kind: bytes, **fields: str) -> bytes:
    """As the protocol has it."""
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"
    return kind + (len(body) + 4).to_bytes(4, "big") + body


class Taking(asyncio.Protocol):
    """Takes what is handed on."""

    def __init__(self) -> None:
        self.taken = b""

    def data_received(self, data: bytes) -> None:
        self.taken += data


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (message(b"E", S="FATAL", V="FATAL", C="57P05", M="idle"), "57P05"),
        (message(b"E", S="FATAL", V="FATAL", C="57P05", M="idle") + b"X\0\0\0\4", "57P05"),
        (message(b"N", S="WARNUNG", V="WARNING", C="57P02", M="crash"), "57P02"),
        (message(b"E", S="ERROR", V="ERROR", C="42501", M="permission denied"), ""),
        (message(b"N", S="NOTICE", V="NOTICE", C="00000", M="57P01"), ""),
        (b"E\0\0", ""),
        (b"N\xff\xff\xff\xffC57P", ""),
        (b"", ""),
    ],
)
def test_only_goodbyes_are_heard_and_everything_is_handed_on(data: bytes, state: str) -> None:
    taking = Taking()
    farewell = Farewell(taking)
    farewell.data_received(data)
    assert farewell.sqlstate == state
    assert taking.taken == data


async def test_an_idle_session_that_is_ended_tells_why(database: Database) -> None:
    async with session(database) as watching:
        control = await database.connect()
        await watching.fetch("identity")
        pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pgdeck watch' AND datname = $1"
        found = await control.fetchval(pid, database.name)
        await control.execute(f"SELECT pg_terminate_backend({found})")
        await control.close()
        await until(lambda: watching.closed)
        for _ in range(2):
            with pytest.raises(SessionError, match="due to administrator command") as lost:
                await watching.fetch("identity")
            assert lost.value.sqlstate == "57P01"


@pytest.mark.parametrize("database", [15], ids=["pg15"], indirect=True)
async def test_a_time_limit_of_the_server_is_named(database: Database) -> None:
    async with session(database) as watching:
        await watching._connection.execute("SET idle_session_timeout = '50ms'")
        await until(lambda: watching.closed)
        with pytest.raises(SessionError, match=r"idle_session_timeout\) \(57P05\)"):
            await watching.fetch("identity")
