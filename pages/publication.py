"""Publication: the steps in their order, the canvass, and the page the public will see."""

import json
from collections.abc import Mapping
from typing import Any

import streamlit as st

from core import clock
from core.database import reading, unit_of_work
from core.errors import Refused
from core.i18n import _, current_locale, format_datetime, format_duration, format_number, n_, term
from core.results import queries
from core.results.canvass import read_totals, sign_canvass
from core.results.protocol import ProtocolReason
from core.results.publication import preview_document
from core.results.queries import CountState, Published, StepView
from core.results.rules import InvalidReason, RatingKind
from core.settings import settings
from core.staff.rules import Actor, Role
from pages.session import require_role
from pages.wording import plain, show_refusal

actor = require_role(Role.ORGANIZER, Role.CANVASSER, Role.OBSERVER)


def show_steps(lines: tuple[StepView, ...]) -> None:
    """The checklist: what is behind us with when and by whom, what comes next."""
    now = clock.now()
    waiting = True
    for line in lines:
        mark, words = ":material/radio_button_unchecked:", _("not yet")
        if line.at is not None:
            mark, words = ":green[:material/check_circle:]", format_datetime(line.at)
        elif line.is_optional:
            words = _("not yet; recommended")
        elif waiting:
            mark, waiting = ":blue[:material/arrow_circle_right:]", False
        left, middle, right = st.columns([5, 3, 4], vertical_alignment="center")
        left.markdown(f"{mark} {plain(term(line.step))}")
        if line.at is None and line.due is not None and line.due > now:
            words = _(
                "by the clock on {at}, in {left}",
                at=format_datetime(line.due),
                left=format_duration(line.due - now),
            )
        if line.part is not None and line.part[1]:
            came, needed = (format_number(each) for each in line.part)
            words = f"{_('{came} of {needed}', came=came, needed=needed)} · {words}"
        middle.text(words)
        right.text(", ".join(line.by))


def show_document(document: Mapping[str, Any], *, key: str) -> None:
    """One contest at a time, as the public page shows it."""
    contests = {each["id"]: each for each in document["contests"]}
    if not contests:
        st.info(_("There are no contests yet."))
        return
    locale = current_locale()
    chosen = st.selectbox(
        _("Contest"),
        list(contests),
        format_func=lambda each: contests[each]["titles"][locale],
        key=key,
    )
    contest = contests[chosen]
    if contest["withheld"]:
        st.warning(
            n_(
                "Fewer than {count} ballot was cast here. So small a figure could tell who chose whom.",
                "Fewer than {count} ballots were cast here. So small a figure could tell who chose whom.",
                document["rules"]["smallest_cell"],
            )
        )
        return
    figures = st.columns(4)
    for column, (words, name) in zip(
        figures,
        [
            (_("Ballots"), "ballots"),
            (_("Valid"), "valid"),
            (_("Blank, among the valid"), "blank"),
            (_("Invalid"), "invalid"),
        ],
        strict=True,
    ):
        column.metric(words, format_number(contest[name]))
    show_channels(contest)
    names = {each["id"]: each["name"] for each in contest["candidates"]}
    for tab, kind in zip(st.tabs([term(kind) for kind in RatingKind]), RatingKind, strict=True):
        tab.dataframe(
            [
                {
                    _("Rank"): str(line["place"] or "—"),
                    _("Candidate"): names[line["candidate"]],
                    _("Votes"): line["votes"],
                }
                for line in contest["ratings"][kind.value]
            ],
            column_config={
                _("Votes"): st.column_config.ProgressColumn(
                    _("Votes"), format="%d", min_value=0, max_value=max(contest["ballots"], 1)
                )
            },
            hide_index=True,
            width="stretch",
        )


def show_channels(contest: Mapping[str, Any]) -> None:
    """Online, paper and their sum, where both are large enough to be told apart."""
    if contest["merged"]:
        st.caption(
            _(
                "Online and paper are shown together: one of them has too few ballots to stand alone."
            )
        )
        return
    channels = contest["channels"]
    if channels is None:
        return
    whole = {"votes": {each["id"]: each["votes"] for each in contest["candidates"]}, **contest}
    columns = ((_("Online"), channels["online"]), (_("On paper"), channels["paper"]))
    lines = [
        (_("Ballots"), "ballots"),
        (_("Valid"), "valid"),
        (_("Blank, among the valid"), "blank"),
        (_("Invalid"), "invalid"),
    ]
    rows = [
        {"": words, **{head: each[name] for head, each in columns}, _("Together"): whole[name]}
        for words, name in lines
    ] + [
        {
            "": candidate["name"],
            **{head: each["votes"][candidate["id"]] for head, each in columns},
            _("Together"): candidate["votes"],
        }
        for candidate in sorted(contest["candidates"], key=lambda each: -each["votes"])
    ]
    with st.expander(_("Online and on paper")):
        st.dataframe(rows, hide_index=True, width="stretch")


def show_paper(totals: Mapping[str, Mapping[str, Any]], contest: str) -> None:
    """The paper of one contest by polling place, and protocols that can't be counted: canvassers."""
    paper = totals[contest]["paper"]
    if paper["refused"]:
        st.error(
            _("Protocols that could not be counted: {list}.", list=plain(refused_text(paper))),
            icon=":material/report:",
        )
    if not paper["places"]:
        return
    with st.expander(_("Paper by polling place")):
        st.dataframe(
            [
                {
                    _("Polling place"): each["polling_place"],
                    _("Handed out"): each["issued"],
                    _("Valid"): each["valid"],
                    _("Blank, among the valid"): each["blank"],
                    _("Spoiled"): each["spoiled"],
                    **each["votes"],
                }
                for each in paper["places"]
            ],
            hide_index=True,
            width="stretch",
        )


def refused_text(paper: Mapping[str, Any]) -> str:
    """Polling places whose protocols were refused, with the reasons."""
    return ", ".join(
        f"{each['polling_place']} ({term(ProtocolReason(each['reason']))})"
        for each in paper["refused"]
    )


def canvass(acting: Actor, counted: CountState) -> bool:
    """Totals for canvassers, each reading logged, and the signature; whether totals are shown."""
    st.subheader(_("Canvass"))
    if not counted.imports:
        st.info(_("The canvass begins when the count has been brought in."))
        return False
    is_shown = st.toggle(_("Show the totals (each reading is logged)"), key="show_totals")
    if is_shown:
        try:
            with unit_of_work() as session:
                view = read_totals(session, actor=acting, now=clock.now())
        except Refused as refused:
            show_refusal(refused)
            return False
        show_document(view.document, key="counted")
        chosen = st.session_state.get("counted")
        if chosen in view.totals:
            show_paper(view.totals, chosen)
        show_invalid(view.totals)
    sign(acting, counted)
    return is_shown


def show_invalid(totals: Mapping[str, Mapping[str, Any]]) -> None:
    """Invalid ballots by reason, for canvassers only."""
    found = [
        {
            _("Contest"): contest,
            _("Reason"): term(InvalidReason(reason)),
            _("Ballots"): ballots,
        }
        for contest, total in sorted(totals.items())
        for reason, ballots in total["invalid"].items()
    ]
    if found:
        st.caption(_("Invalid ballots by reason"))
        st.dataframe(found, hide_index=True, width="stretch")


def sign(acting: Actor, counted: CountState) -> None:
    """The canvasser's signature with the second factor."""
    if any(signer.account_id == acting.account_id for signer in counted.signers):
        st.success(_("You signed the canvass."), icon=":material/draw:")
        return
    if len(counted.signers) >= counted.signatures_needed:
        return
    with st.form("sign", clear_on_submit=True):
        code = st.text_input(
            _("Code of your second factor"), max_chars=9, autocomplete="one-time-code"
        )
        pressed = st.form_submit_button(_("Sign the canvass"), type="primary")
    if not pressed:
        return
    try:
        with unit_of_work() as session:
            sign_canvass(session, actor=acting, code=code, now=clock.now())
    except Refused as refused:
        show_refusal(refused)
        return
    st.rerun()


now = clock.now()
with reading() as session:
    primary = queries.primary_now(session)
    steps = tuple(queries.checklist(session, primary, now)) if primary else ()
    state = queries.count_state(session, primary) if primary else None
    found = queries.published_bundle(session, now)
    preview = preview_document(session, primary, now=now) if primary else None

st.title(_("Publication"))
if primary is None or state is None or preview is None:
    st.info(_('There is no primary yet. Create it on the page "Timeline" first.'))
    st.stop()
if isinstance(found, Published):
    st.success(
        _("Published on {at}.", at=format_datetime(found.published_at)),
        icon=":material/public:",
    )
    st.link_button(_("The public page"), f"{settings().public_url}/{current_locale()}/results")
elif found.is_late:
    st.error(_("The instant has passed and the canvass is not signed: nothing is published."))
show_steps(steps)
totals_shown = False
if actor.has(Role.CANVASSER) and not isinstance(found, Published):
    totals_shown = canvass(actor, state)
if isinstance(found, Published):
    st.subheader(_("Results"))
    show_document(json.loads(found.bundle)["results"], key="published")
elif not totals_shown and actor.has(Role.ORGANIZER, Role.CANVASSER):
    st.subheader(_("What the public page will look like"))
    st.warning(_("All figures here are invented."), icon=":material/science:")
    show_document(preview, key="invented")
