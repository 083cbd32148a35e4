"""What each role should do next: collected here, drawn by the overview.

A duty is shown only to whoever can do it, and only while it is there to be done. Figures of cases
come through the desk's own queries, so that nobody learns of a case they may not see.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from core.cases import queries as cases
from core.cases.queries import CaseFilters
from core.cases.rules import CaseState
from core.i18n import _, n_, term
from core.membership import queries as membership
from core.messaging import queries as messaging
from core.messaging.allowance import ALARMING_SHARE, spending
from core.messaging.rules import GatewayKind
from core.primary import queries as primaries
from core.primary.queries import PrimaryView
from core.results import queries as results
from core.results.rules import Step
from core.staff import approvals
from core.staff.rules import ActKind, Actor, Role

SOON: Final = timedelta(hours=48)


@dataclass(frozen=True)
class Duty:
    """One thing to do: the sentence, the page where it is done, whether it can't wait."""

    text: str
    page: str
    is_urgent: bool = False


@dataclass(frozen=True)
class Figure:
    """One of the viewer's own counts."""

    label: str
    count: int


@dataclass(frozen=True)
class Looking:
    """Who looks, at what, when; ``session`` is a session of `core.database.reading`."""

    session: Any
    actor: Actor
    primary: PrimaryView | None
    now: datetime

    @property
    def opens(self) -> datetime | None:
        """When voting opens, once it is set."""
        timeline = self.primary.timeline if self.primary else None
        return timeline.voting_opens if timeline else None

    @property
    def is_closed(self) -> bool:
        """Whether voting is over."""
        timeline = self.primary.timeline if self.primary else None
        return timeline is not None and self.now >= timeline.voting_closes


Duties = Callable[[Looking], Iterator[Duty]]

# Where the second person of an act finds it.
_WHERE: Final[Mapping[ActKind, str]] = {
    ActKind.CREATE_ACCOUNT: "staff",
    ActKind.RESET_ACCOUNT: "staff",
    ActKind.CHANGE_GRANTS: "staff",
    ActKind.LIFT_FREEZE_EARLY: "freeze",
    ActKind.BRING_PUBLICATION_FORWARD: "timeline",
    ActKind.ADD_EXEMPTION: "address_policy",
    ActKind.SIGN_ADDRESS_POLICY: "address_policy",
    ActKind.CHANGE_ADDRESS_MODE: "address_policy",
    ActKind.APPROVE_ROLL_CHANGE: "readiness",
}
_OF_ADMINISTRATORS: Final = frozenset(
    {ActKind.CREATE_ACCOUNT, ActKind.RESET_ACCOUNT, ActKind.CHANGE_GRANTS}
)


def _to_confirm(look: Looking) -> Iterator[Duty]:
    for kind, page in _WHERE.items():
        if kind not in _OF_ADMINISTRATORS and not look.actor.has(Role.ORGANIZER):
            continue
        waiting = [
            proposal
            for proposal in approvals.pending(look.session, kind)
            if proposal.proposed_by != look.actor.account_id
        ]
        if waiting:
            text = _("Waits for a second person: {act}", act=term(kind))
            yield Duty(text, page, is_urgent=True)


def _organizer(look: Looking) -> Iterator[Duty]:
    if look.primary is None:
        yield Duty(_("Create the primary: its name and its instants."), "timeline", is_urgent=True)
        return
    if look.primary.timeline is None:
        yield Duty(_("Set the instants of the timeline."), "timeline", is_urgent=True)
        return
    if look.primary.readiness_signed_at is None and not look.is_closed:
        yield from _before_opening(look, look.primary)
    waiting = membership.waiting_applications(look.session)
    if waiting and membership.freeze_now(look.session, look.now) is None:
        yield _applications(waiting)
    if look.is_closed:
        yield from _after_closing(look, look.primary)


def _before_opening(look: Looking, primary: PrimaryView) -> Iterator[Duty]:
    missing = [item for item in primaries.readiness(look.session, primary.id) if not item.is_done]
    urgent = look.opens is not None and look.opens - look.now < SOON
    if missing:
        yield Duty(
            _("Readiness, next: {item}", item=term(missing[0].key)), "readiness", is_urgent=urgent
        )
    else:
        yield Duty(_("Everything is ready: sign readiness."), "readiness", is_urgent=urgent)


_STEP_PAGES: Final = {
    Step.EXPORTED: "count",
    Step.COUNTED: "count",
    Step.CANVASSED: "publication",
    Step.BUNDLE_SIGNED: "publication",
}


def _after_closing(look: Looking, primary: PrimaryView) -> Iterator[Duty]:
    steps = results.checklist(look.session, primary, look.now)
    for step in steps:
        if not step.is_done and not step.is_optional and step.step in _STEP_PAGES:
            text = _("Next step to publication: {step}", step=term(step.step))
            yield Duty(text, _STEP_PAGES[step.step], is_urgent=True)
            return


def _registrar(look: Looking) -> Iterator[Duty]:
    if look.actor.has(Role.ORGANIZER):
        return
    waiting = membership.register_counts(look.session, actor=look.actor).waiting
    if waiting and membership.freeze_now(look.session, look.now) is None:
        yield _applications(waiting)


def _applications(waiting: int) -> Duty:
    text = n_(
        "{count} application for membership waits for a decision.",
        "{count} applications for membership wait for a decision.",
        waiting,
    )
    return Duty(text, "applications")


def _desk(look: Looking) -> Iterator[Duty]:
    overdue = cases.overdue_count(look.session, look.actor, now=look.now)
    if overdue:
        text = n_("{count} case is overdue.", "{count} cases are overdue.", overdue)
        yield Duty(text, "cases", is_urgent=True)
    if look.actor.has(Role.OPERATOR):
        states = cases.state_counts(look.session, look.actor, now=look.now)
        waiting = states[CaseState.RECEIVED] + states[CaseState.TRIAGE]
        if waiting:
            text = n_("{count} case waits for triage.", "{count} cases wait for triage.", waiting)
            yield Duty(text, "cases")


def _commissioner(look: Looking) -> Iterator[Duty]:
    states = cases.state_counts(look.session, look.actor, CaseFilters(mine=True), now=look.now)
    mine = sum(states[state] for state in (CaseState.ASSIGNED, CaseState.INVESTIGATION))
    if mine:
        yield Duty(n_("You lead {count} case.", "You lead {count} cases.", mine), "cases")


def _trustee(look: Looking) -> Iterator[Duty]:
    if look.primary is None or look.is_closed:
        return
    for ceremony in results.ceremonies(look.session, look.primary.id):
        confirmed = {share.trustee_id for share in ceremony.shares if share.confirmed_at}
        if ceremony.completed_at is None and look.actor.account_id not in confirmed:
            text = _("Confirm your share: {ceremony}", ceremony=term(ceremony.kind))
            yield Duty(text, "ceremony", is_urgent=True)


def _canvasser(look: Looking) -> Iterator[Duty]:
    if look.primary is None or not look.is_closed:
        return
    state = results.count_state(look.session, look.primary)
    signed = {signer.account_id for signer in state.signers}
    if state.imports and look.actor.account_id not in signed:
        yield Duty(_("Read the totals and sign the canvass."), "publication", is_urgent=True)


def _administrator(look: Looking) -> Iterator[Duty]:
    failed = sum(
        group.messages for kind in GatewayKind for group in messaging.given_up(look.session, kind)
    )
    if failed:
        text = n_(
            "{count} message could not be sent.", "{count} messages could not be sent.", failed
        )
        yield Duty(text, "health", is_urgent=True)
    codes = spending(look.session, now=look.now)
    if codes.is_exhausted:
        yield Duty(_("No more codes are sent: decide on the allowance."), "health", is_urgent=True)
    elif codes.share >= ALARMING_SHARE:
        yield Duty(_("The allowance of codes is nearly used up."), "health", is_urgent=True)


_BY_ROLES: Final[tuple[tuple[frozenset[Role], Duties], ...]] = (
    (frozenset({Role.ORGANIZER, Role.ADMINISTRATOR}), _to_confirm),
    (frozenset({Role.ORGANIZER}), _organizer),
    (frozenset({Role.REGISTRAR}), _registrar),
    (frozenset({Role.OPERATOR, Role.COMMISSIONER}), _desk),
    (frozenset({Role.COMMISSIONER}), _commissioner),
    (frozenset({Role.TRUSTEE}), _trustee),
    (frozenset({Role.CANVASSER}), _canvasser),
    (frozenset({Role.ADMINISTRATOR}), _administrator),
)


def duties(look: Looking) -> tuple[Duty, ...]:
    """What the viewer should do next, urgent things first."""
    found = [
        duty for roles, collect in _BY_ROLES if roles & look.actor.roles for duty in collect(look)
    ]
    return tuple(sorted(found, key=lambda duty: not duty.is_urgent))


def figures(look: Looking) -> tuple[Figure, ...]:
    """The viewer's own counts, by role."""
    actor, session = look.actor, look.session
    shown: list[Figure] = []
    if actor.has(Role.ORGANIZER, Role.REGISTRAR, Role.OBSERVER):
        register = membership.register_counts(session, actor=actor)
        shown += [
            Figure(_("Members of the party"), register.active),
            Figure(_("Applications waiting"), register.waiting),
        ]
    if actor.has(Role.OPERATOR, Role.COMMISSIONER):
        states = cases.state_counts(session, actor, now=look.now)
        open_now = sum(
            states[state]
            for state in (
                CaseState.RECEIVED,
                CaseState.TRIAGE,
                CaseState.NEEDS_INFO,
                CaseState.ADMISSIBILITY,
                CaseState.ASSIGNED,
                CaseState.INVESTIGATION,
                CaseState.DELIBERATION,
                CaseState.APPEAL,
            )
        )
        shown += [
            Figure(_("Open cases"), open_now),
            Figure(_("Overdue"), cases.overdue_count(session, actor, now=look.now)),
        ]
    return tuple(shown)
