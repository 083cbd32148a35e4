"""The checklist before voting: what is there, the roll and its seal, the signature."""

from collections.abc import Callable
from typing import Any, Final

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import (
    _,
    format_date,
    format_datetime,
    format_duration,
    format_number,
    format_percent,
    n_,
    refusal_text,
    term,
)
from core.membership.queries import MemberFilter, search_members
from core.places import name as place_name
from core.primary import service
from core.primary.queries import (
    PrimaryView,
    ReadinessItem,
    RollChangeView,
    RollView,
    active_primary,
    readiness,
    roll,
    roll_changes,
)
from core.primary.rules import ReadinessKey, RollChangeKind, RollExclusion
from core.primary.sealing import current_sealing, start_sealing
from core.staff import approvals
from core.staff.approvals import ProposalView
from core.staff.rules import ActKind, Actor, Role
from core.voting.address_policy import PolicyAct, policy_acts
from pages.lists import offer_csv
from pages.second_person import offer_decision, show_proposer
from pages.session import require_role, staff_dialog, staff_fragment
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.OBSERVER)
NOTICE: Final = "readiness_notice"
EVIDENCE_SHOWN: Final = 16


def attempt(act: Callable[[Any], object], done: str) -> None:
    """Do an act in a unit of work of its own; a refusal is said where the person looks."""
    try:
        with unit_of_work() as session:
            act(session)
    except Refused as refused:
        show_refusal(refused)
        return
    st.session_state[NOTICE] = done
    st.rerun()


def detail_text(item: ReadinessItem, policy: PolicyAct | None) -> str:
    """What there is of an item, or what to do about it."""
    if item.key is ReadinessKey.ADDRESS_POLICY_SIGNED and policy is not None:
        share = format_percent(policy.refused_share, 0)
        return _("{mode}; estimate: {share}", mode=term(policy.mode), share=share)
    if item.key is ReadinessKey.CONTESTS_EXIST and item.is_done:
        return n_("{count} contest", "{count} contests", item.count)
    if item.key is ReadinessKey.CONTESTS_HAVE_CANDIDATES and (item.count or item.missing):
        return _(
            "{count} candidates; contests without any: {missing}",
            count=format_number(item.count),
            missing=format_number(item.missing),
        )
    if item.key is ReadinessKey.ROLL_SEALED and item.is_done:
        return n_("{count} voter", "{count} voters", item.count)
    if item.is_done:
        return (item.evidence or "")[:EVIDENCE_SHOWN]
    todo = {
        ReadinessKey.TIMELINE_COMPLETE: _("Set it on the timeline page."),
        ReadinessKey.CONTESTS_EXIST: _("Enter them on the constituencies page."),
        ReadinessKey.CONTESTS_HAVE_CANDIDATES: _("Enter them on the candidates page."),
        ReadinessKey.ROLL_SEALED: _("Seal it below, from the cut-off on."),
        ReadinessKey.DIGEST_KEY_MATCHES: _("Restore the key file from its backup."),
        ReadinessKey.KEY_BACKUP_TESTED: _("Copy the key file elsewhere and test the copy below."),
        ReadinessKey.CEREMONY_REHEARSED: _("Trustees confirm their shares at the key ceremony."),
        ReadinessKey.ELECTION_KEY_INSTALLED: _("The key ceremony installs it."),
        ReadinessKey.ADDRESS_POLICY_SIGNED: _("Two people sign it on the page “Address rule”."),
    }
    return todo[item.key]


def show_checklist(items: tuple[ReadinessItem, ...], policy: PolicyAct | None) -> None:
    """Every item with its state in a word and a shape, who and when."""
    done = sum(item.is_done for item in items)
    st.progress(
        done / len(items),
        text=_("{done} of {all} items are there", done=done, all=len(items)),
    )
    for item in items:
        with st.container(border=True):
            mark, words, who = st.columns([1.3, 4, 3], vertical_alignment="center")
            if item.is_done:
                mark.markdown(f":material/check_circle: {_('done')}")
            else:
                mark.markdown(f":material/radio_button_unchecked: **{_('missing')}**")
            words.markdown(f"**{plain(term(item.key))}**")
            words.caption(plain(detail_text(item, policy)))
            if item.at is not None:
                who.caption(plain(f"{format_datetime(item.at)} · {item.author or _('system')}"))


@staff_dialog(_("Seal the voter roll"), Role.ORGANIZER)
def seal_dialog(actor: Actor, primary: PrimaryView) -> None:
    """The consequence, once more."""
    st.write(
        _(
            "Active members who were admitted before the cut-off and are of age on the first "
            "voting day are taken as they stand in the register now. This is done once: "
            "afterwards only a commission's decision changes the roll."
        )
    )
    if st.button(_("Seal now"), type="primary", icon=":material/lock:"):
        try:
            start_sealing(primary.id, actor=actor)
        except Refused as refused:
            show_refusal(refused)
            return
        st.rerun()


@staff_fragment(Role.ORGANIZER, run_every=1)
def sealing_progress(actor: Actor, primary_id: str) -> None:
    """How far the sealing is; the page is drawn anew when it ends."""
    del actor
    job = current_sealing(primary_id)
    if job is None or not job.is_running:
        st.rerun()
        return
    seconds = (clock.now() - job.started_at).total_seconds()
    share = job.done / job.total if job.total else 0.0
    st.progress(
        share,
        text=_(
            "Sealing: {done} of {total} members",
            done=format_number(job.done),
            total=format_number(job.total),
        ),
    )
    if job.done and seconds:
        rate = job.done / seconds
        left = clock.now() - job.started_at
        left = left * ((job.total - job.done) / job.done)
        st.caption(
            _(
                "{rate} members a second, about {left} left. You can leave this page.",
                rate=format_number(rate),
                left=format_duration(left),
            )
        )


def show_roll(sealed: RollView) -> None:
    """Count, digest, and what was noticed at the sealing."""
    boxes = st.columns(3)
    boxes[0].metric(_("Voters at the sealing"), format_number(sealed.voters))
    boxes[1].metric(_("Voters now"), format_number(sealed.voters_now))
    boxes[2].metric(_("Changes since"), format_number(sealed.changes))
    st.caption(
        plain(
            _(
                "Sealed {at} by {name}. Admitted up to {last}, of age on {day}.",
                at=format_datetime(sealed.sealed_at),
                name=sealed.author or _("system"),
                last=format_date(sealed.last_admitted),
                day=format_date(sealed.age_day),
            )
        )
    )
    st.markdown(_("Digest (SHA-256)"))
    st.code(sealed.digest, language=None)
    rows = [
        {
            _("Beside the roll"): term(RollExclusion.ADMITTED_AFTER_CUTOFF),
            _("How many members"): format_number(sealed.admitted_after_cutoff),
        },
        {
            _("Beside the roll"): term(RollExclusion.UNDER_AGE),
            _("How many members"): format_number(sealed.under_age),
        },
    ]
    st.dataframe(rows, hide_index=True, width="content")
    if sealed.members_on_shared_numbers:
        st.warning(
            _(
                "{voters} voters share {numbers} mobile numbers. Of each number one vote counts: "
                "the others will be refused.",
                voters=format_number(sealed.members_on_shared_numbers),
                numbers=format_number(sealed.shared_numbers),
            ),
            icon=":material/warning:",
        )


@staff_dialog(_("Change the roll by a decision"), Role.ORGANIZER)
def change_dialog(actor: Actor, primary: PrimaryView) -> None:
    """Whom, how, by which decision; a second organizer confirms it."""
    asked = st.text_input(_("IIN of the member"), max_chars=12)
    kind = st.selectbox(_("Change"), list(RollChangeKind), format_func=term)
    if kind is RollChangeKind.NUMBER_CHANGED:
        st.caption(_("The number becomes the one the register has now; both are told by SMS."))
    decision = st.text_input(_("Commission's decision"), max_chars=200)
    if not st.button(_("Propose"), type="primary", disabled=not asked.strip()):
        return
    with reading() as session:
        found, _total = search_members(session, MemberFilter(text=asked), actor=actor, limit=2)
    if len(found) != 1:
        st.error(_("The register has no member with this IIN."))
        return
    member = found[0]
    attempt(
        lambda session: service.propose_roll_change(
            session,
            primary.id,
            kind,
            member.id,
            actor=actor,
            decision=decision,
            now=clock.now(),
        ),
        _("Proposed. It waits for a second person."),
    )


def approve(actor: Actor, proposal_id: int) -> None:
    """Be the second person."""
    try:
        with unit_of_work() as session:
            service.approve_roll_change(session, proposal_id, actor=actor, now=clock.now())
    except Refused as refused:
        st.session_state[NOTICE] = refusal_text(refused)
        return
    st.session_state[NOTICE] = _("The roll is changed.")


def list_waiting(actor: Actor, waiting: tuple[ProposalView, ...]) -> None:
    """Proposed changes of the roll."""
    st.markdown(f"**{_('Waiting for a second person')}**")
    for proposal in waiting:
        with st.container(border=True):
            kind = term(RollChangeKind(proposal.payload["kind"]))
            member = proposal.payload["member_id"]
            st.markdown(f"{plain(kind)} · {_('member no. {number}', number=member)}")
            st.text(proposal.reason)
            show_proposer(proposal)
            offer_decision(actor, proposal, Role.ORGANIZER, confirm=approve, notice=NOTICE)


def list_changes(changes: tuple[RollChangeView, ...]) -> None:
    """Every change since the sealing."""
    rows = [
        {
            _("When"): format_datetime(change.at),
            _("Change"): term(change.kind),
            _("Member no."): str(change.member_id),
            _("Place"): place_name(change.place_code),
            _("Decision"): change.decision,
            _("Entered by"): ", ".join(filter(None, (change.author, change.second))),
        }
        for change in changes
    ]
    st.dataframe(rows, hide_index=True, width="stretch")
    offer_csv("roll-changes", list(rows[0]), [list(row.values()) for row in rows])


@staff_dialog(_("Test the backup of the key"), Role.ORGANIZER)
def backup_dialog(actor: Actor, primary: PrimaryView) -> None:
    """Compare a copy of the key file with the fingerprint; nothing of it is kept."""
    st.write(
        plain(
            _(
                "Choose the copy of the file digest-{primary} from where it is kept. It is "
                "compared with the fingerprint {fingerprint} and not stored.",
                primary=primary.id,
                fingerprint=primary.digest_fingerprint,
            )
        )
    )
    uploaded = st.file_uploader(_("Copy of the key file"))
    if st.button(_("Test"), type="primary", disabled=uploaded is None):
        assert uploaded is not None
        backup = uploaded.getvalue()
        attempt(
            lambda session: service.test_key_backup(
                session, primary.id, backup, actor=actor, now=clock.now()
            ),
            _("The copy is the key: the backup is tested."),
        )


@staff_dialog(_("Sign readiness"), Role.ORGANIZER)
def sign_dialog(actor: Actor, primary: PrimaryView) -> None:
    """The consequence, once more."""
    opens = primary.timeline.voting_opens if primary.timeline else None
    st.write(
        plain(
            _(
                "With your signature voting opens at {opens} by itself. Contests, candidates and "
                "the election key don't change any more.",
                opens=format_datetime(opens) if opens else "–",
            )
        )
    )
    if st.button(_("Sign"), type="primary", icon=":material/draw:"):
        attempt(
            lambda session: service.sign_readiness(
                session, primary.id, actor=actor, now=clock.now()
            ),
            _("Readiness is signed."),
        )


@staff_dialog(_("Withdraw the signature"), Role.ORGANIZER)
def withdraw_dialog(actor: Actor, primary: PrimaryView) -> None:
    """Only before voting opens."""
    st.write(_("Voting will not open until readiness is signed again."))
    reason = st.text_input(_("Reason"), max_chars=300)
    if st.button(_("Withdraw"), type="primary"):
        attempt(
            lambda session: service.withdraw_readiness(
                session, primary.id, actor=actor, reason=reason, now=clock.now()
            ),
            _("The signature is withdrawn."),
        )


def show_signature(
    primary: PrimaryView, items: tuple[ReadinessItem, ...], *, may_act: bool
) -> None:
    """Signed or not, and the button that fits."""
    now = clock.now()
    opens = primary.timeline.voting_opens if primary.timeline else None
    if primary.readiness_signed_at is not None:
        st.success(
            _("Readiness was signed {at}.", at=format_datetime(primary.readiness_signed_at)),
            icon=":material/verified:",
        )
        before = opens is not None and now < opens
        if may_act and before and st.button(_("Withdraw the signature")):
            withdraw_dialog(primary)
        return
    ready = all(item.is_done for item in items)
    if opens is not None and now >= opens:
        st.error(
            _("The hour of voting has come, but readiness is not signed: nobody can vote."),
            icon=":material/error:",
        )
    if may_act and st.button(
        _("Sign readiness"),
        type="primary",
        icon=":material/draw:",
        disabled=not ready,
        help=None if ready else _("Every item must be there first."),
    ):
        sign_dialog(primary)


def show_sealing(primary: PrimaryView, *, may_act: bool) -> None:
    """Not sealed yet: the button, the work, or why it went wrong."""
    job = current_sealing(primary.id)
    if job is not None and job.is_running:
        sealing_progress(primary.id)
        return
    if job is not None and job.refusal is not None:
        show_refusal(job.refusal)
    if job is not None and job.failed:
        st.error(_("The sealing failed and left nothing behind. Try again."))
    timeline = primary.timeline
    if timeline is None:
        st.info(_("The roll is taken by the cut-off: set the timeline first."))
        return
    st.info(
        plain(
            _(
                "Not sealed yet. It can be sealed from {cutoff} on, before voting opens at {opens}.",
                cutoff=format_datetime(timeline.cutoff),
                opens=format_datetime(timeline.voting_opens),
            )
        )
    )
    early = clock.now() < timeline.cutoff
    if may_act and st.button(
        _("Seal the voter roll"), type="primary", icon=":material/lock:", disabled=early
    ):
        seal_dialog(primary)


def show_primary(actor: Actor, primary: PrimaryView) -> None:
    """The whole page of an existing primary."""
    with reading() as session:
        items = readiness(session, primary.id)
        policy = next(iter(policy_acts(session, primary.id)), None)
        sealed = roll(session, primary.id)
        changes = tuple(roll_changes(session, primary.id))
        waiting = approvals.pending(session, ActKind.APPROVE_ROLL_CHANGE)
    may_act = actor.has(Role.ORGANIZER, place=None) and not actor.read_only
    show_signature(primary, items, may_act=may_act)
    show_checklist(items, policy)
    if may_act and st.button(_("Test the backup of the key"), icon=":material/key:"):
        backup_dialog(primary)
    st.subheader(_("Voter roll"))
    if sealed is None:
        show_sealing(primary, may_act=may_act)
        return
    show_roll(sealed)
    st.subheader(_("Changes of the roll"))
    if may_act and st.button(_("Change the roll by a decision"), icon=":material/gavel:"):
        change_dialog(primary)
    if waiting and may_act:
        list_waiting(actor, waiting)
    if changes:
        list_changes(changes)
    else:
        st.caption(_("None: the roll is as it was sealed."))


st.title(_("Readiness"))
notice = st.session_state.pop(NOTICE, None)
if notice:
    st.info(plain(notice))
with reading() as session:
    found = active_primary(session)
if found is None:
    st.info(_("No primary has been created yet."))
else:
    show_primary(actor, found)
