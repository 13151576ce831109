"""What the watch tells the deck: facts as messages, never calls into panes."""

from __future__ import annotations

from textual.message import Message

from sql.snapshots import Event


class Arrived(Message):
    """A reading arrived, failed, or the server was lost."""

    def __init__(self, event: Event) -> None:
        super().__init__()
        self.event = event


class Waiting(Message):
    """The watch waits for something before it can start; says for what."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what


class Stopped(Message):
    """The watch ended for a reason that trying again would not mend."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__()
        self.reason = reason
        self.remedy = remedy


class Copied(Message):
    """A text is to be copied."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
