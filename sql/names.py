"""Looking a host's name up, in a thread that cannot keep the program from ending.

asyncio's own look-up runs in the threads that the event loop waits for before it closes, and a resolver whose
name server is gone takes half a minute.
"""

from __future__ import annotations

import asyncio
import socket
import threading


async def addresses(name: str, port: int, timeout_s: float) -> list[str]:
    """The numeric addresses of a name, in the resolver's order.

    Raises:
        OSError, UnicodeError: the resolver's; `socket.gaierror` with EAI_AGAIN where it took too long.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(answer: list[str] | BaseException) -> None:
        if found.done():
            return
        if isinstance(answer, BaseException):
            found.set_exception(answer)
        else:
            found.set_result(answer)

    def look() -> None:
        answer: list[str] | BaseException
        try:
            entries = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
            answer = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            answer = error
        try:
            loop.call_soon_threadsafe(settle, answer)
        except RuntimeError:
            return  # The loop is closed: nobody waits any more.

    threading.Thread(target=look, name="pgdeck resolver", daemon=True).start()
    try:
        async with asyncio.timeout(timeout_s):
            return await found
    except TimeoutError:
        raise socket.gaierror(socket.EAI_AGAIN, "no answer in time") from None
