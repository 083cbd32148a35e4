"""The form of each move: exactly what the table requires of the person who makes it."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

import streamlit as st

from core import clock
from core.cases.dossier import CasePage, MoveOffer
from core.cases.rules import (
    MAX_TEXT,
    Category,
    Channel,
    Direction,
    Finding,
    Move,
    Need,
    PanelVote,
    Part,
    PassReason,
    ReferBasis,
    RemedyKind,
    ReopenGround,
    Urgency,
    Verification,
)
from core.cases.service import Given, RemedyOrder
from core.database import reading
from core.errors import Refused
from core.i18n import _, term
from core.membership.queries import member_by_iin
from core.membership.rules import Iin
from core.primary.queries import active_primary, candidates
from pages.wording import place_choices, show_refusal

Fields = dict[str, Any]


def _text(name: str, label: str, help_text: str | None = None) -> Fields:
    value = st.text_area(
        label, key=f"move_{name}", max_chars=MAX_TEXT, height=110, placeholder=help_text
    )
    return {name: value} if value else {}


def _one(name: str, label: str, value: str | None) -> Fields:
    del label
    return {name: value} if value else {}


def _choice(name: str, label: str, words: Any, index: int | None = None) -> Fields:
    value = st.selectbox(
        label,
        list(words),
        index=index,
        format_func=term,
        key=f"move_{name}",
        placeholder=_("choose"),
    )
    return {name: value} if value is not None else {}


def _member(label: str, members: Mapping[int, str]) -> Fields:
    value = st.selectbox(
        label,
        list(members),
        index=None,
        format_func=lambda key: members.get(key, ""),
        key="move_lead",
        placeholder=_("choose"),
    )
    return {"lead": value} if value is not None else {}


def _people(page: CasePage, *, above: bool = False) -> dict[int, str]:
    return {
        member.account_id: f"{member.name} · {term(member.office)}"
        for member in (page.next_members if above else page.members)
    }


def _acknowledge(_page: CasePage) -> Fields:
    return _text("acknowledgement", _("How the complainant was told that we have it"))


def _ask(page: CasePage) -> Fields:
    st.caption(_("Questions left that stop the clock: {left}", left=page.pauses_left))
    return _text("question", _("Question to the complainant")) | _text(
        "safe_way", _("A safe way to reach the complainant"), _("hours, number, who must not hear")
    )


def _verified() -> Fields:
    found = _choice("verification", _("How we know who speaks"), Verification)
    if found.get("verification") is Verification.RECEIPT_CODE:
        found |= _one(
            "code",
            "",
            st.text_input(_("Receipt code, four groups"), key="move_code", max_chars=40),
        )
    return found


def _answer(_page: CasePage) -> Fields:
    return _text("answer", _("The complainant's answer")) | _verified()


def _merge(_page: CasePage) -> Fields:
    return _one(
        "target",
        "",
        st.text_input(_("Number of the case that goes on"), key="move_target", max_chars=20),
    )


def _reason(_page: CasePage) -> Fields:
    return _text("reason", _("Reason"))


def _refer(_page: CasePage) -> Fields:
    body = st.text_input(_("The body it is passed to"), key="move_body", max_chars=300)
    return _one("body", "", body) | _choice("basis", _("What allows it"), ReferBasis)


def _submit(page: CasePage) -> Fields:
    categories, urgencies = list(Category), list(Urgency)
    found = _choice("category", _("Category"), Category, categories.index(page.category))
    places = {code: name for code, name in place_choices().items() if code}
    place = st.selectbox(
        _("Place"),
        list(places),
        index=list(places).index(page.place) if page.place in places else None,
        format_func=lambda code: places.get(code, ""),
        key="move_place",
        placeholder=_("type a few letters"),
    )
    found |= _one("place", "", place)
    found |= _choice("urgency", _("Urgency"), Urgency, urgencies.index(page.urgency))
    risk = st.segmented_control(
        _("Risk of retaliation"),
        [0, 1, 2, 3],
        key="move_risk",
        help=_("0: none is feared. 3: the complainant is being threatened."),
    )
    if risk is not None:
        found["risk"] = risk
    if page.respondents:
        st.caption(_("Respondents are named above: {count}", count=len(page.respondents)))
        found["respondents"] = ()
    elif st.checkbox(_("Nobody is named in the complaint"), key="move_nobody"):
        found["respondents"] = ()
    else:
        st.caption(_("Add the respondents first, further down, or say that nobody is named."))
    return found


def _assign(page: CasePage) -> Fields:
    return _text("grounds", _("Why the case is admissible")) | _member(
        _("Lead member"), _people(page)
    )


def _grounds(_page: CasePage) -> Fields:
    st.caption(_("A second person of the commission confirms before it takes effect."))
    return _text("grounds", _("Written grounds"))


def _begin(page: CasePage) -> Fields:
    if page.undeclared:
        st.warning(
            _("Not declared yet: {names}", names=", ".join(page.undeclared)),
            icon=":material/pending:",
        )
    return {}


def _pass_on(page: CasePage) -> Fields:
    found = _choice("pass_reason", _("Reason"), PassReason)
    found |= _choice("direction", _("Where to"), Direction)
    if found.get("direction") is Direction.SIDEWAYS:
        found |= _member(_("New lead member of the same commission"), _people(page))
    return found


def _deliberate(_page: CasePage) -> Fields:
    return _text("heard", _("What the respondent said, or why nobody was heard")) | _text(
        "evidence", _("List of evidence"), _("What the decision may rest on; it is frozen now")
    )


def _decide(page: CasePage) -> Fields:
    found = _choice("finding", _("Finding"), Finding) | _text("grounds", _("Reasons"))
    st.markdown(f"**{_('Votes')}** · " + _("quorum {quorum}", quorum=page.quorum or 1))
    votes = {}
    for member in page.members:
        ballot = st.segmented_control(
            f"{member.name} · {term(member.office)}",
            list(PanelVote),
            format_func=term,
            key=f"move_vote_{member.account_id}",
        )
        if ballot is not None:
            votes[member.account_id] = ballot
    if votes:
        found["votes"] = votes
    return found | _remedies()


def _remedies() -> Fields:
    kinds = st.multiselect(
        _("Remedies"),
        list(RemedyKind),
        format_func=term,
        key="move_remedy_kinds",
        placeholder=_("choose"),
    )
    none = not kinds and st.checkbox(_("No remedy is ordered"), key="move_no_remedy")
    if not kinds:
        return {"remedies": ()} if none else {}
    return {"remedies": tuple(_remedy(kind) for kind in kinds)}


def _remedy(kind: RemedyKind) -> RemedyOrder:
    with st.container(border=True):
        st.markdown(f"**{term(kind)}**")
        if kind in {RemedyKind.MEMBERSHIP_ANNULLED, RemedyKind.MEMBER_RESTORED}:
            return RemedyOrder(kind=kind, subject=_member_by_iin(kind))
        if kind is RemedyKind.REGISTRATION_CANCELLED:
            return RemedyOrder(kind=kind, subject=_candidate(kind))
        return RemedyOrder(
            kind=kind,
            description=st.text_input(_("What is to be done"), key=f"move_what_{kind}"),
            owner=st.text_input(_("Who sees to it"), key=f"move_owner_{kind}"),
            due_on=_due(kind),
        )


def _due(kind: RemedyKind) -> date | None:
    tomorrow = clock.now().date() + timedelta(days=1)
    value = st.date_input(
        _("Until when"), value=tomorrow, key=f"move_due_{kind}", format="DD.MM.YYYY"
    )
    return value if isinstance(value, date) else None


def _member_by_iin(kind: RemedyKind) -> str | None:
    raw = st.text_input(_("Member's IIN"), key=f"move_iin_{kind}", max_chars=12)
    if not raw:
        return None
    try:
        iin = Iin.parse(raw)
    except Refused as refused:
        show_refusal(refused)
        return None
    with reading() as session:
        member = member_by_iin(session, iin)
    if member is None:
        st.error(_("Nobody in the register has this IIN."))
        return None
    # The name confirms the digits: one wrong digit could otherwise end a stranger's membership.
    st.text(f"{member.last_name} {member.first_name} {member.middle_name} · {term(member.status)}")
    return str(member.id)


def _candidate(kind: RemedyKind) -> str | None:
    with reading() as session:
        primary = active_primary(session)
        known = candidates(session, primary.id) if primary else ()
    names = {item.id: f"{item.name} · {item.id}" for item in known}
    value: str | None = st.selectbox(
        _("Candidate"),
        list(names),
        index=None,
        format_func=lambda key: names.get(key, ""),
        key=f"move_candidate_{kind}",
        placeholder=_("type a few letters"),
    )
    return value


def _told(_page: CasePage) -> Fields:
    return _text("told", _("What the complainant was told, and how"))


def _close(page: CasePage) -> Fields:
    return _told(page) if page.state.value == "decided" else {}


def _appeal(_page: CasePage) -> Fields:
    found = _choice("appellant", _("Who appeals"), (Part.COMPLAINANT, Part.RESPONDENT), 0)
    return found | _text("grounds", _("Grounds of the appeal")) | _verified()


def _reopen(page: CasePage) -> Fields:
    found = _choice("reopen_ground", _("Ground for reopening"), ReopenGround)
    return found | _reason(page) | _member(_("Lead member"), _people(page, above=True))


def _withdraw(page: CasePage) -> Fields:
    if page.withdrawal_asked_at is None:
        st.info(
            _(
                "First note below that the complainant asks for it; then a second channel, or the"
                " code after 24 hours, confirms it. A withdrawal can be coerced."
            )
        )
    return _choice("channel", _("Channel of the confirmation"), Channel) | _verified()


_FORMS: Final[Mapping[Move, Callable[[CasePage], Fields]]] = MappingProxyType(
    {
        Move.ACKNOWLEDGE: _acknowledge,
        Move.ASK: _ask,
        Move.ANSWER: _answer,
        Move.MERGE: _merge,
        Move.UNMERGE: _reason,
        Move.REFER: _refer,
        Move.SUBMIT: _submit,
        Move.ASSIGN: _assign,
        Move.REFUSE: _grounds,
        Move.BEGIN: _begin,
        Move.PASS_ON: _pass_on,
        Move.DELIBERATE: _deliberate,
        Move.DECIDE: _decide,
        Move.ORDER_REMEDY: _told,
        Move.CLOSE: _close,
        Move.APPEAL: _appeal,
        Move.ADMIT_APPEAL: _assign,
        Move.REFUSE_APPEAL: _grounds,
        Move.REOPEN: _reopen,
        Move.WITHDRAW: _withdraw,
        Move.RESUME: _reason,
    }
)


def draw_form(offer: MoveOffer, page: CasePage) -> Given:
    """The fields of a move; gives what is filled in so far."""
    fields: Any = _FORMS[offer.move](page)
    given: Given = fields
    return given


def draw_needs(offer: MoveOffer) -> None:
    """What the move requires, and which facts of the case still stand against it."""
    lines = [
        ("✗ " if need in offer.unmet else "· ") + term(need)
        for need in offer.needs
        if need is not Need.TEXT
    ]
    if offer.recorded:
        lines.insert(0, "· " + _("you record it for the complainant or the respondent"))
    st.caption(_("Requires:") + "  \n" + "  \n".join(lines))
