"""Which probes share a connection, so that a slow one does not keep quick ones waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

HEAVY_S = 0.05
"""Half the shortest period of the deck: a longer run can cost another probe a measurement."""


def harm(lanes: Iterable[Iterable[float]]) -> float:
    """How long runs may keep probes of the same connection waiting, seconds, all together.

    Args:
        lanes: for each connection, what a run of each of its probes takes, seconds.
    """
    costs = [list(lane) for lane in lanes]
    return sum(max(lane) * (len(lane) - 1) for lane in costs if lane)


def heavy(costs: Mapping[int, float]) -> frozenset[int]:
    """The probes that belong on a second connection; none where one connection will do.

    Args:
        costs: by number of the probe, what a run takes, seconds.
    """
    ordered = sorted(costs, key=costs.__getitem__)
    if len(ordered) < 2 or costs[ordered[-1]] < HEAVY_S:
        return frozenset()

    def harm_from(place: int) -> float:
        lanes = ordered[:place], ordered[place:]
        return harm([costs[number] for number in lane] for lane in lanes)

    return frozenset(ordered[min(range(1, len(ordered)), key=harm_from) :])
