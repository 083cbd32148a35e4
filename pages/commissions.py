"""Commissions: where they stand, who sits in them, what lies before them."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

import streamlit as st

from core import clock, places
from core.cases import queries, service
from core.cases.queries import CommissionView, MemberView
from core.cases.routing import CommissionKind
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, format_date, n_, term
from core.settings import settings
from core.staff.rules import Actor, Office, Role
from pages.lists import offer_csv
from pages.session import require_role, staff_dialog
from pages.wording import place_choices, plain, show_refusal
from pages.workload import draw_workload

actor = require_role(Role.ORGANIZER, Role.COMMISSIONER)
may_edit = actor.has(Role.ORGANIZER)


def name_of(commission: CommissionView) -> str:
    """A commission by its title, else by its place."""
    return commission.title or places.name(commission.place)


@staff_dialog(_("New commission"), Role.ORGANIZER, width="small")
def new_commission(acting: Actor) -> None:
    """Place, kind, quorum."""
    kind = st.radio(
        _("Kind"), list(CommissionKind), format_func=term, horizontal=True, key="new_kind"
    )
    names = place_choices(with_centre=True)
    place = st.selectbox(
        _("Place"),
        list(names),
        format_func=lambda code: names[code],
        placeholder=_("type a few letters"),
        key="new_place",
    )
    title = st.text_input(_("Title (for a panel)"), max_chars=200, key="new_title")
    quorum = st.number_input(_("Quorum"), 1, 99, 3, key="new_quorum")
    if not st.button(_("Set up"), type="primary", width="stretch"):
        return
    try:
        with unit_of_work() as session:
            service.create_commission(
                session,
                actor=acting,
                place=place,
                quorum=int(quorum),
                kind=kind,
                title=title,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


@staff_dialog(_("Members and quorum"), Role.ORGANIZER, width="medium")
def edit_commission(acting: Actor, commission: CommissionView) -> None:
    """Give and end seats, change the quorum."""
    with reading() as session:
        possible = queries.possible_members(session, acting, commission.id)
    st.markdown(f"**{plain(name_of(commission))}**")
    for member in commission.members:
        who, end = st.columns([4, 1], vertical_alignment="center")
        who.text(f"{member.name} · {office_words(member)}")
        if end.button(_("End"), key=f"end_{commission.id}_{member.account_id}", width="stretch"):
            try:
                with unit_of_work() as session:
                    leave = service.end_substitution if member.ends_at else service.end_seat
                    leave(
                        session,
                        commission.id,
                        actor=acting,
                        account_id=member.account_id,
                        now=clock.now(),
                    )
            except Refused as refused:
                show_refusal(refused)
                return
            st.rerun()
    st.divider()
    if possible:
        names = {item.account_id: item.name for item in possible}
        give_seat(acting, commission, names)
        with st.expander(_("A substitute for a time"), icon=":material/swap_horiz:"):
            seat_substitute(acting, commission, names)
    else:
        st.caption(
            _("No other account holds the role of commissioner here. An administrator gives it.")
        )
    quorum, keep = st.columns([3, 1], vertical_alignment="bottom")
    wanted = quorum.number_input(_("Quorum"), 1, 99, commission.quorum, key="edit_quorum")
    if keep.button(_("Change"), key="change_quorum", width="stretch"):
        try:
            with unit_of_work() as session:
                service.set_quorum(session, commission.id, actor=acting, quorum=int(wanted))
        except Refused as refused:
            show_refusal(refused)
            return
        st.rerun()


def office_words(member: MemberView) -> str:
    """The office, and in whose place until when."""
    if member.stands_in_for is None or member.ends_at is None:
        return term(member.office)
    return _(
        "{office}, for {name} until {day}",
        office=term(member.office),
        name=member.stands_in_for,
        day=format_date(member.ends_at - timedelta(seconds=1)),
    )


def seat_substitute(acting: Actor, commission: CommissionView, names: dict[int, str]) -> None:
    """Somebody who sits in another's place, whose seat rests meanwhile."""
    st.caption(
        _("The other's seat rests meanwhile; the cases they lead are led by the substitute.")
    )
    present = {
        member.account_id: member.name for member in commission.members if member.ends_at is None
    }
    absent_id = st.selectbox(
        _("Who is away"),
        list(present),
        index=None,
        format_func=lambda key: present.get(key, ""),
        placeholder=_("choose"),
        key="substitute_absent",
    )
    account_id = st.selectbox(
        _("Who stands in"),
        list(names),
        index=None,
        format_func=lambda key: names.get(key, ""),
        placeholder=_("type a few letters"),
        key="substitute_account",
    )
    last_day = st.date_input(
        _("Last day"), value=None, format="DD.MM.YYYY", key="substitute_last_day"
    )
    if not st.button(_("Seat the substitute"), width="stretch", key="save_substitute"):
        return
    if absent_id is None or account_id is None or last_day is None:
        st.error(_("Say who is away, who stands in, and until when."))
        return
    until = datetime.combine(last_day + timedelta(1), time(), settings().zone)
    try:
        with unit_of_work() as session:
            service.seat_substitute(
                session,
                commission.id,
                actor=acting,
                account_id=account_id,
                absent_id=absent_id,
                until=until,
                now=clock.now(),
            )
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def give_seat(acting: Actor, commission: CommissionView, names: dict[int, str]) -> None:
    """A seat, an office, and what the conflict rule needs to know of the person."""
    account_id = st.selectbox(
        _("Commissioner"),
        list(names),
        index=None,
        format_func=lambda key: names.get(key, ""),
        placeholder=_("type a few letters"),
        key="seat_account",
    )
    office = st.segmented_control(
        _("Office"), list(Office), default=Office.MEMBER, format_func=term, key="seat_office"
    )
    st.caption(
        _(
            "With IIN and number the member loses a case that names them. Only keyed digests are"
            " kept."
        )
    )
    iin = st.text_input(_("IIN (optional)"), max_chars=12, key="seat_iin")
    mobile = st.text_input(_("Mobile number (optional)"), max_chars=40, key="seat_mobile")
    if not st.button(_("Give the seat"), type="primary", width="stretch"):
        return
    if account_id is None:
        st.error(_("Choose a commissioner."))
        return
    try:
        with unit_of_work() as session:
            service.seat_member(
                session,
                commission.id,
                actor=acting,
                account_id=account_id,
                office=office or Office.MEMBER,
                now=clock.now(),
            )
            if iin or mobile:
                service.note_identity(session, account_id, actor=acting, iin=iin, mobile=mobile)
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


def cells(commission: CommissionView) -> tuple[str, ...]:
    """One commission in words."""
    able = len(commission.members) >= commission.quorum
    return (
        name_of(commission),
        term(commission.level),
        term(commission.kind),
        str(commission.quorum) if able else "⚠ " + str(commission.quorum),
        "–" if commission.open_cases is None else str(commission.open_cases),
        ", ".join(f"{member.name} ({office_words(member)})" for member in commission.members)
        or "–",
    )


def draw_list(shown: Sequence[CommissionView]) -> None:
    """The table; an organizer chooses a row to edit it."""
    names = (
        _("Commission"),
        _("Level"),
        _("Kind"),
        _("Quorum"),
        _("Open cases"),
        _("Commission members"),
    )
    rows = [cells(commission) for commission in shown]
    if may_edit:
        st.caption(_("Choose a row to change members and quorum."))
    picked = st.dataframe(
        [dict(zip(names, row, strict=True)) for row in rows],
        hide_index=True,
        on_select="rerun" if may_edit else "ignore",
        selection_mode="single-row",
        key="commissions",
        alt=_("Commissions with their members"),
        height="content",
    )
    if may_edit and picked["selection"]["rows"]:
        edit_commission(shown[picked["selection"]["rows"][0]])
    offer_csv("commissions", names, rows)


with reading() as session:
    found = queries.commission_list(session, actor)

title, button = st.columns([3, 1], vertical_alignment="bottom")
title.title(_("Commissions"))
if may_edit and button.button(
    _("New commission"), type="primary", icon=":material/add:", width="stretch"
):
    new_commission()
if actor.has(Role.COMMISSIONER):
    draw_workload(actor)
    if found:
        st.subheader(_("Seats and quorum"))
if found:
    lacking = [item for item in found if len(item.members) < item.quorum]
    if may_edit and lacking:
        st.warning(
            n_(
                "{count} commission has fewer members than its quorum.",
                "{count} commissions have fewer members than their quorum.",
                len(lacking),
            ),
            icon=":material/group_off:",
        )
    draw_list(found)
elif may_edit:
    st.info(
        _("No commission stands yet. Set up the central one first, then regions and districts.")
    )
else:
    st.info(_("You hold no seat in a commission. An organizer gives it."))
