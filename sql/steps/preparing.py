"""What the steps that an operator names mean at this moment: each with its fingerprint and its preview."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from profiles.locations import locations
from profiles.secret import Secret
from sql.check import Case, read_parts
from sql.connect import connect
from sql.errors import ReadingError
from sql.replicas.values import ReplicasSnapshot
from sql.session import Session
from sql.snapshots import ConstraintsSnapshot, IndexesSnapshot, IndexReading, ServerIdentity, Unavailable
from sql.steps import fingerprint
from sql.steps.choosing import Choice, Readiness, UnknownStep, after, choose, predecessors
from sql.steps.estimate import earlier_runs
from sql.steps.facts import read_facts
from sql.steps.fingerprint import StepFacts
from sql.steps.journal import Journal, JournalEntry
from sql.steps.place import of_place, wrong_place
from sql.steps.plan import plan as plan_fix
from sql.steps.plan import rollback as plan_rollback
from sql.steps.preview import Preview, preview
from sql.steps.proven_end import read_proven_end
from sql.steps.remembered import remember
from sql.steps.replica_warnings import of_usage
from sql.steps.step import Direction, Plan, Step, Verb
from sql.surroundings import with_replicas
from sql.verdict import Parts

Tell = Callable[[str], None]


@dataclass(frozen=True)
class PreparedStep:
    """One step at this moment."""

    id: str
    readiness: Readiness
    step: Step | None = None
    """With its fingerprint."""
    facts: StepFacts | None = None
    preview: Preview | None = None
    sentence: str = ""
    """Why it is refused, or what is there already; a clause without a full stop."""
    listing: str = ""
    """A SELECT that shows the rows in the way, where there is one."""


@dataclass(frozen=True)
class Prepared:
    """The steps that were asked for, on the server as it was when they were looked at."""

    case: Case
    server: ServerIdentity
    direction: Direction
    plan: Plan
    """All of this direction; its steps carry their fingerprints."""
    parts: Parts
    steps: tuple[PreparedStep, ...]
    """In the order in which they were asked for; all of the plan where none was named, offered ones last."""
    facts: Mapping[str, StepFacts]
    """What every step of the plan rests on, by id, as far as it could be read."""
    taken_at: datetime = field(compare=False)

    @property
    def hash(self) -> str:
        """Of the plan."""
        return fingerprint.plan_hash(self.plan)

    @property
    def ready(self) -> tuple[PreparedStep, ...]:
        """Those that can be run."""
        return tuple(step for step in self.steps if step.readiness is Readiness.READY)

    @property
    def refused(self) -> tuple[PreparedStep, ...]:
        """Those that cannot."""
        return tuple(step for step in self.steps if step.readiness is Readiness.REFUSED)

    @property
    def unavailable(self) -> tuple[Unavailable, ...]:
        """What could not be read, and is therefore not planned."""
        return unread(self.parts)

    @property
    def previews(self) -> dict[str, Preview]:
        """By step id."""
        return {step.id: step.preview for step in self.steps if step.preview is not None}

    def of(self, step_id: str) -> PreparedStep:
        """One of the steps that were asked for.

        Raises:
            KeyError: it was not.
        """
        return {step.id: step for step in self.steps}[step_id]


async def prepare(
    case: Case,
    password: Secret | None,
    ids: Sequence[str] | None = None,
    direction: Direction | None = None,
    *,
    with_previews: bool = True,
    with_hash: bool = True,
    on_progress: Tell | None = None,
) -> Prepared:
    """Look at the server and say what the ids mean; on one read-only connection.

    Args:
        ids: None: every step of the direction (forward where none is given), offered ones too.
        with_previews: also what would block each step, how big it is and so on; a step that the preview
            refuses is refused.
        with_hash: stamp every step of the plan, not only those that were asked for.

    Raises:
        UnknownStep: no plan knows one of the ids, or they go both ways.
        SessionError: the server is out of reach, or was lost.
        ReadingError: what the plan rests on could not be read.
    """
    tell = on_progress or (lambda _: None)
    tell("connecting")
    session = await connect(case.profile, password)
    try:
        past = _past() if with_previews else ()
        looking = _Looking(session, case, tell, with_previews, with_hash, past, password)
        return await looking.prepared(ids, direction)
    finally:
        await session.close()


def unread(parts: Parts) -> tuple[Unavailable, ...]:
    """The parts of a plan that could not be read."""
    every = (parts.indexes, parts.constraints, parts.migration)
    return tuple(part for part in every if isinstance(part, Unavailable))


@dataclass(frozen=True)
class _Looking:
    """One look at the server."""

    session: Session
    case: Case
    tell: Tell
    with_previews: bool
    with_hash: bool
    past: Sequence[JournalEntry]
    """What the journal knows, for estimates."""
    password: Secret | None
    """For the replicas."""

    async def prepared(self, ids: Sequence[str] | None, direction: Direction | None) -> Prepared:
        parts = await read_parts(self.session, self.case.requirements, self.tell)
        plans = await self._plans(parts)
        if ids is None:
            way = direction or Direction.FIX
            plan = plans[way]
            choices = [Choice(each.id, Readiness.READY, each) for each in (*plan.steps, *plan.offered)]
        else:
            way, found = self._chosen(ids, plans, parts, direction)
            plan, choices = plans[way], list(found)
        self.tell("planning")
        if self.with_previews:
            parts = await self._with_replicas(parts, choices)
        steps, plan = await self._steps(plan, choices, parts)
        known = {each.id: each.facts for each in steps if each.facts is not None}
        if self.with_hash:
            plan = await self._stamped(plan, known)
        return Prepared(
            self.case, self.session.identity, way, plan, parts, steps, known, taken_at=datetime.now(UTC)
        )

    async def _with_replicas(self, parts: Parts, choices: Sequence[Choice]) -> Parts:
        """Replicas are asked one by one only before something goes that they may use."""
        drops = any(each.step is not None and each.step.verb is Verb.DROP_INDEX for each in choices)
        return await with_replicas(self.session, self.case.profile, self.password, parts, look=drops)

    def _chosen(
        self, ids: Sequence[str], plans: Mapping[Direction, Plan], parts: Parts, direction: Direction | None
    ) -> tuple[Direction, tuple[Choice, ...]]:
        try:
            return choose(ids, plans, parts, direction)
        except UnknownStep:
            # Of what could not be read there are no steps: that is the reason to give.
            for part in unread(parts):
                raise ReadingError(
                    f"{part.part} could not be read: {part.reason}", remedy=part.remedy
                ) from None
            raise

    async def _plans(self, parts: Parts) -> dict[Direction, Plan]:
        indexes = parts.indexes.indexes if isinstance(parts.indexes, IndexesSnapshot) else ()
        checks = parts.constraints.constraints if isinstance(parts.constraints, ConstraintsSnapshot) else ()
        known = await remember(self.session.identity)
        facts = await read_facts(self.session, indexes, checks, known)
        manifest = self.case.manifest
        return {
            Direction.FIX: plan_fix(manifest, parts, facts),
            Direction.ROLLBACK: plan_rollback(manifest, parts, facts),
        }

    async def _steps(
        self, plan: Plan, choices: Sequence[Choice], parts: Parts
    ) -> tuple[tuple[PreparedStep, ...], Plan]:
        """Each choice as it is now, and the plan with the fingerprints of those."""
        done: list[PreparedStep] = []
        coming: set[str] = set()
        for choice in choices:
            made = await self._step(plan, choice, coming, parts)
            if made.readiness is not Readiness.REFUSED:
                coming.add(made.id)
            done.append(made)
        stamped = {each.id: each.step for each in done if each.step is not None}
        plan = replace(
            plan,
            steps=tuple(stamped.get(step.id, step) for step in plan.steps),
            offered=tuple(stamped.get(step.id, step) for step in plan.offered),
        )
        return tuple(done), plan

    async def _step(self, plan: Plan, choice: Choice, coming: Collection[str], parts: Parts) -> PreparedStep:
        choice = await self._in_turn(plan, choice, coming)
        step = choice.step
        made = PreparedStep(choice.id, choice.readiness, sentence=choice.sentence, listing=choice.listing)
        if step is None:
            return made
        try:
            facts = await fingerprint.facts(self.session, step)
            step = replace(step, fingerprint=fingerprint.fingerprint(step, facts))
            made = replace(made, step=step, facts=facts)
            if made.readiness is Readiness.READY:
                return await self._looked_at(made, step, parts)
        except ReadingError as error:
            return replace(
                made, step=step, readiness=Readiness.REFUSED, sentence=f"it cannot be read: {error}"
            )
        return made

    async def _in_turn(self, plan: Plan, choice: Choice, coming: Collection[str]) -> Choice:
        """The choice, refused where something comes before it, or there where it was done before."""
        step = choice.step
        if step is None or choice.readiness is not Readiness.READY:
            return choice
        if step.goal is not None and await self._is_reached(step):
            return replace(choice, readiness=Readiness.THERE, sentence="an earlier go has done it")
        for first in predecessors(step, plan):
            if first.id not in coming and not (first.goal is not None and await self._is_reached(first)):
                return after(choice, first.id)
        return choice

    async def _is_reached(self, step: Step) -> bool:
        return (await read_proven_end(self.session, step, self.case.requirements)).reached

    async def _looked_at(self, made: PreparedStep, step: Step, parts: Parts) -> PreparedStep:
        """The step with its preview, refused where that says so."""
        server, profile = self.session.identity, self.case.profile
        if reason := wrong_place(server, profile):
            return replace(made, readiness=Readiness.REFUSED, sentence=reason)
        if not self.with_previews:
            return made
        self.tell(f"looking at {step.id}")
        past = earlier_runs(self.past, step, server.system_identifier)
        known = parts.replicas.replicas if isinstance(parts.replicas, ReplicasSnapshot) else None
        seen = await preview(self.session, step, self.case.requirements, earlier=past, replicas=known)
        more = (*of_place(server, profile), *of_usage(step, _index(step, parts), known))
        seen = replace(seen, warnings=(*more, *seen.warnings))
        made = replace(made, preview=seen)
        if seen.refused_reason is None:
            return made
        return replace(made, readiness=Readiness.REFUSED, sentence=seen.refused_reason)

    async def _stamped(self, plan: Plan, known: dict[str, StepFacts]) -> Plan:
        """The plan with a fingerprint on every step; one that cannot be read stays without."""

        async def stamp(step: Step) -> Step:
            if step.fingerprint is not None:
                return step
            try:
                known[step.id] = await fingerprint.facts(self.session, step)
            except ReadingError:
                return step
            return replace(step, fingerprint=fingerprint.fingerprint(step, known[step.id]))

        return replace(plan, steps=tuple([await stamp(step) for step in plan.steps]))


def _index(step: Step, parts: Parts) -> IndexReading | None:
    """The required index that a step acts on, as it was read."""
    read = parts.indexes.indexes if isinstance(parts.indexes, IndexesSnapshot) else ()
    return next((each for each in read if (each.table, each.name) == (step.table, step.target)), None)


def _past() -> Sequence[JournalEntry]:
    """A journal that cannot be read makes estimates poorer, and nothing else."""
    try:
        return list(Journal(locations().journal).read())
    except OSError:
        return ()
