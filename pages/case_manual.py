"""Who does what with a case: the state diagram and the manual of each part, drawn from the table."""

import streamlit as st

from core.cases.rules import (
    END_STATES,
    OPEN_STATES,
    RECORDED_FOR,
    TABLE,
    CaseState,
    Move,
    Part,
    Row,
    targets,
)
from core.i18n import _, term
from core.staff.rules import Role
from pages.session import require_role
from pages.state_diagram import state_diagram
from pages.wording import capital, plain

require_role(Role.ORGANIZER, Role.OPERATOR, Role.COMMISSIONER)


FIRST_OPEN = next(state for state in CaseState if state in OPEN_STATES)


def where_from(row: Row) -> str:
    """Where a move begins."""
    if row.move is Move.WITHDRAW:
        return _("any open state")
    return term(row.source) if row.source else _("before there is a case")


def where_to(row: Row) -> str:
    """Where a move leads."""
    if row.target is None:
        return _("the state it came from")
    return term(row.target)


def draw_part(part: Part) -> None:
    """Everything that is one part's to do, in the order of the way."""
    rows = [row for row in TABLE if part in row.who]
    if part in RECORDED_FOR:
        st.caption(_("Holds no account: an operator or the secretary enters what they do."))
    # The same from every open state: told once.
    rows = [row for row in rows if row.move is not Move.WITHDRAW or row.source is FIRST_OPEN]
    st.table(
        [
            {
                _("In the state"): where_from(row),
                _("Move"): capital(term(row.move)),
                _("Leads to"): where_to(row),
                _("Requires"): ", ".join(term(need) for need in row.needs),
            }
            for row in rows
        ],
    )


def draw_states() -> None:
    """Each state with its ways out: what a person who looks at a case there wants to know."""
    st.table(
        [
            {
                _("State"): capital(term(state)),
                _("Kind"): _("open")
                if state in OPEN_STATES
                else _("end")
                if state in END_STATES
                else _("decided"),
                _("Ways out"): ", ".join(
                    sorted(
                        {
                            term(target)
                            for row in TABLE
                            if row.source is state
                            for target in targets(row)
                        }
                    )
                ),
            }
            for state in CaseState
        ],
    )


st.title(_("Who does what"))
st.caption(
    _("Drawn from the table that the system itself obeys: what does not stand here can't be done.")
)
diagram, manual, states = st.tabs([_("The way of a case"), _("By part"), _("By state")])
with diagram:
    st.graphviz_chart(state_diagram(), alt=_("All states and moves"), width="stretch")
    st.caption(_("Withdrawal is possible from every open state and is not drawn."))
with manual:
    parts = [part for part in Part if any(part in row.who for row in TABLE)]
    chosen = st.pills(
        _("Part"),
        parts,
        default=parts[0],
        format_func=lambda part: capital(term(part)),
        key="part",
        label_visibility="collapsed",
    )
    if chosen is not None:
        st.subheader(plain(capital(term(chosen))))
        draw_part(chosen)
with states:
    draw_states()
