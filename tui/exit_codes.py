"""The exit codes are a contract with scripts and CI."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says when it ends."""

    OK = 0
    """Done; for `verify`: ENTERPRISE READY."""
    NOT_READY = 1
    """`verify`: NOT READY."""
    USAGE = 2
    """Usage, profile or manifest error."""
    UNKNOWN = 3
    """Could not connect or could not measure: UNKNOWN."""
    REFUSED = 4
    """Refused by a guard (class, read-only, hash mismatch, blockers)."""
    STEP_FAILED = 5
    """A step ran and failed, or did not verify."""
    INTERRUPTED = 130
    """Ctrl-C."""
