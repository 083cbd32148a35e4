"""The form of a protocol: figures in, sentences about what contradicts itself, nothing kept.

What is typed lives in the browser and in the memory of this session until it is sealed or left; it
is never written down before it is locked, and is forgotten with the answer.
"""

from collections.abc import Iterable
from typing import Final

import streamlit as st

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import _, format_number, n_, term
from core.results.protocol import MOST, Contradiction, Figure, Protocol, Sheet, contradictions
from core.results.protocol_queries import ContestFields, ProtocolDesk
from core.results.protocols import Agreed, CodeWrong, Differs, enter_first, enter_second
from core.staff.rules import Actor, Role
from pages.session import staff_callback
from pages.wording import plain, show_refusal

CODE: Final = "protocol_code"
DONE: Final = "protocol_done"
_PREFIX: Final = "protocol_figure_"
_ABSENT: Final = "absent"
_COLUMNS: Final = 3


def forget_figures(*_ignored: object) -> None:
    """Drop everything that was typed into the form."""
    for key in [key for key in st.session_state if str(key).startswith(_PREFIX)]:
        del st.session_state[key]


def written_down(acting: Actor) -> None:
    """The first person has the code on paper: it goes from the screen, and is nowhere then."""
    del acting
    st.session_state.pop(CODE, None)


def show_code(place: str) -> None:
    """The code of the first entry, large, until it is written down."""
    kept = st.session_state.get(CODE)
    if kept is None or kept[0] != place:
        return
    groups = kept[1].split("-")
    with st.container(border=True):
        st.markdown(f"**{_('Entered. Write this code on the paper protocol:')}**")
        st.markdown("## " + " – ".join(groups[:2]))
        st.markdown("## " + " – ".join(groups[2:]))
        st.caption(
            _(
                "The second person needs it to compare. It is shown only now and stored nowhere: "
                "without it both enter again."
            )
        )
        st.button(
            _("I have written it down"),
            type="primary",
            on_click=staff_callback(written_down, Role.CLERK, Role.ORGANIZER),
        )


def _key(place: str, contest: str | None, name: str) -> str:
    return f"{_PREFIX}{place}_{contest or ''}_{name}"


def _field(box: object, label: str, place: str, contest: str | None, name: str) -> int | None:
    number = getattr(box, "number_input")(  # noqa: B009 - a column or the page itself
        label,
        min_value=0,
        max_value=MOST,
        value=None,
        step=1,
        format="%d",
        key=_key(place, contest, name),
        placeholder="–",
    )
    return None if number is None else int(number)


def show_form(acting: Actor, desk: ProtocolDesk, *, is_second: bool) -> None:
    """The whole form and what its press does."""
    place = desk.place.code
    st.caption(
        _(
            "Read the figures from the signed paper protocol, not from the other person's screen. "
            "Nobody sees them before the count, organizers included."
        )
    )
    with st.form(f"protocol_{place}_{is_second}", enter_to_submit=False):
        code = reason = ""
        if is_second:
            code = st.text_input(
                _("Code of the first entry"), key=_key(place, None, "code"), max_chars=40
            )
        elif desk.versions:
            reason = st.text_input(
                _("Why the protocol is corrected"), key=_key(place, None, "reason"), max_chars=300
            )
        issued, absent = _people(desk)
        sheets = {each.rules.id: _sheet(place, each) for each in desk.contests}
        pressed = st.form_submit_button(
            _("Compare and seal") if is_second else _("Enter as the first"), type="primary"
        )
    if not pressed:
        return
    whole = {contest: sheet for contest, sheet in sheets.items() if sheet is not None}
    needs_absent = not desk.place.is_connected
    if issued is None or len(whole) < len(sheets) or (needs_absent and absent is None):
        st.error(_("Fill in every field; where there is nothing, write 0."))
        return
    protocol = Protocol(polling_place=place, issued=issued, sheets=whole)
    if _tell_contradictions(desk, protocol, absent):
        return
    if is_second:
        _enter_second(acting, desk, protocol, absent, code)
    else:
        _enter_first(acting, desk, protocol, absent, reason)


def _people(desk: ProtocolDesk) -> tuple[int | None, int | None]:
    """How many people were handed ballots, and of a list how many did not come."""
    place = desk.place.code
    left, right = st.columns(2)
    issued = _field(left, _("Voters who were handed ballots"), place, None, Figure.ISSUED.value)
    if desk.place.is_connected:
        words = _("Marked by the system: {count}", count=format_number(desk.entitled))
        right.markdown(f"\n\n{words}")
        return issued, None
    words = _("Did not come (on the list: {count})", count=format_number(desk.entitled))
    return issued, _field(right, words, place, None, _ABSENT)


def _sheet(place: str, contest: ContestFields) -> Sheet | None:
    """The fields of one contest; None while one of them is empty."""
    most = contest.rules.max_choices
    st.markdown(f"### {plain(contest.title)}")
    st.caption(n_("up to {count} choice", "up to {count} choices", most))
    figures = {}
    for box, figure in zip(
        st.columns(_COLUMNS), (Figure.VALID, Figure.BLANK, Figure.SPOILED), strict=True
    ):
        figures[figure] = _field(box, term(figure), place, contest.rules.id, figure.value)
    votes: dict[str, int | None] = {}
    boxes = st.columns(_COLUMNS)
    for number, candidate in enumerate(contest.candidates):
        label = plain(candidate.name)
        if candidate.is_cancelled:
            label += f" ({_('registration cancelled')})"
        votes[candidate.id] = _field(
            boxes[number % _COLUMNS], label, place, contest.rules.id, candidate.id
        )
    given = {who: count for who, count in votes.items() if count is not None}
    valid, blank, spoiled = (figures[f] for f in (Figure.VALID, Figure.BLANK, Figure.SPOILED))
    if valid is None or blank is None or spoiled is None or len(given) < len(votes):
        return None
    return Sheet(valid=valid, blank=blank, spoiled=spoiled, votes=given)


def _tell_contradictions(desk: ProtocolDesk, protocol: Protocol, absent: int | None) -> bool:
    """A sentence for each contradiction; gives whether there is any."""
    rules = {each.rules.id: each.rules for each in desk.contests}
    found = list(contradictions(protocol, rules, entitled=desk.entitled, absent=absent))
    for each in found:
        st.error(plain(_sentence(desk.contests, each)))
    return bool(found)


def _sentence(contests: Iterable[ContestFields], found: Contradiction) -> str:
    facts = {name: format_number(value) for name, value in found.facts.items()}
    told = term(found.fault).format(**facts)
    for contest in contests:
        if contest.rules.id == found.contest:
            names = {each.id: each.name for each in contest.candidates}
            who = f" {names[found.candidate]}." if found.candidate else ""
            return f"{contest.title}.{who} {told}"
    return told


def _enter_first(
    acting: Actor, desk: ProtocolDesk, protocol: Protocol, absent: int | None, reason: str
) -> None:
    try:
        with unit_of_work() as session:
            code = enter_first(
                session, protocol, absent=absent, actor=acting, now=clock.now(), reason=reason
            )
    except Refused as refused:
        show_refusal(refused)
        return
    forget_figures()
    st.session_state[CODE] = (desk.place.code, code.spelled)
    st.rerun()


def _enter_second(
    acting: Actor, desk: ProtocolDesk, protocol: Protocol, absent: int | None, code: str
) -> None:
    try:
        with unit_of_work() as session:
            answer = enter_second(
                session, protocol, absent=absent, code=code, actor=acting, now=clock.now()
            )
    except Refused as refused:
        show_refusal(refused)
        return
    if isinstance(answer, Agreed):
        forget_figures()
        st.session_state.pop("correct", None)
        st.session_state[DONE] = answer.version
        st.rerun()
    left = n_("{count} try is left.", "{count} tries are left.", answer.tries_left)
    if isinstance(answer, CodeWrong):
        st.error(f"{_('This is not the code of the first entry.')} {left}")
        return
    st.error(
        f"{_('The two entries differ in these figures. Compare yours with the paper:')} {left}",
        icon=":material/difference:",
    )
    for words in _where(desk.contests, answer):
        st.markdown(f"- {plain(words)}")
    st.caption(_("If yours are right, the first entry is wrong: begin again, both of you."))


def _where(contests: Iterable[ContestFields], found: Differs) -> Iterable[str]:
    """The names of the figures that differ."""
    by_id = {each.rules.id: each for each in contests}
    for contest, name in found.where:
        if contest is None:
            yield _("Voters who were handed ballots")
            continue
        names = {each.id: each.name for each in by_id[contest].candidates}
        figure = names[name] if name in names else term(Figure(name))
        yield f"{by_id[contest].title}: {figure}"
