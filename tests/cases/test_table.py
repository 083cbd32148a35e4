"""The one table of moves: complete, without a dead end, every end reachable."""

import pytest

from core.cases.requirements import _CHECKS, FIELDS
from core.cases.rules import (
    END_STATES,
    OPEN_STATES,
    TABLE,
    CaseState,
    Move,
    Need,
    Part,
    may_move,
    row_for,
    rows_from,
    targets,
)

# The table of the case desk as it was decided: move, from, to, who. Written out a second time on
# purpose, so that a slip in the code does not pass for a rule.
DECIDED = {
    ("receive", None, "received", "operator mail portal"),
    ("acknowledge", "received", "triage", "operator clock"),
    ("ask", "triage", "needs_info", "operator officer"),
    ("merge", "triage", "merged", "officer"),
    ("refer", "triage", "referred", "officer"),
    ("submit", "triage", "admissibility", "operator"),
    ("assign", "admissibility", "assigned", "officer"),
    ("refuse", "admissibility", "inadmissible", "officer"),
    ("begin", "assigned", "investigation", "lead"),
    ("pass_on", "assigned", "assigned", "lead chair clock"),
    ("pass_on", "investigation", "assigned", "lead chair clock"),
    ("pass_on", "deliberation", "assigned", "lead chair clock"),
    ("ask", "investigation", "needs_info", "lead"),
    ("deliberate", "investigation", "deliberation", "lead"),
    ("decide", "deliberation", "decided", "chair"),
    ("order_remedy", "decided", "remedy", "officer"),
    ("close", "decided", "closed", "officer"),
    ("close", "remedy", "closed", "officer"),
    ("appeal", "remedy", "appeal", "complainant respondent"),
    ("appeal", "closed", "appeal", "complainant respondent"),
    ("appeal", "inadmissible", "appeal", "complainant respondent"),
    ("admit_appeal", "appeal", "assigned", "next_officer"),
    ("refuse_appeal", "appeal", "inadmissible", "next_officer"),
    ("reopen", "closed", "investigation", "next_chair"),
    ("answer", "needs_info", None, "complainant clock"),
    ("unmerge", "merged", None, "officer"),
    ("resume", "withdrawn", "triage", "chair"),
    ("resume", "referred", "triage", "chair"),
    *(
        ("withdraw", state, "withdrawn", "complainant")
        for state in (
            *("received", "triage", "needs_info", "admissibility", "assigned"),
            *("investigation", "deliberation", "appeal"),
        )
    ),
}


def test_the_table_says_what_was_decided() -> None:
    said = {
        (
            row.move.value,
            row.source.value if row.source else None,
            row.target.value if row.target else None,
            frozenset(part.value for part in row.who),
        )
        for row in TABLE
    }
    assert said == {(*row[:3], frozenset(row[3].split())) for row in DECIDED}
    assert len(TABLE) == len(DECIDED)


def test_a_move_and_a_state_name_one_row() -> None:
    assert len({(row.move, row.source) for row in TABLE}) == len(TABLE)


def test_every_move_is_in_the_table() -> None:
    assert {row.move for row in TABLE} == set(Move)


@pytest.mark.parametrize("state", list(CaseState))
def test_no_state_is_without_a_way_out(state: CaseState) -> None:
    assert rows_from(state)


def test_every_state_and_so_every_end_can_be_reached() -> None:
    reached: set[CaseState | None] = {None}
    while True:
        more = {target for row in TABLE if row.source in reached for target in targets(row)}
        if more <= reached:
            break
        reached |= more
    assert reached == {None, *CaseState}
    assert reached >= END_STATES


@pytest.mark.parametrize("start", list(CaseState))
def test_from_every_state_a_case_can_still_be_closed(start: CaseState) -> None:
    reached = {start}
    while True:
        more = {target for row in TABLE if row.source in reached for target in targets(row)}
        if more <= reached:
            break
        reached |= more
    assert CaseState.CLOSED in reached


def test_withdrawal_is_possible_until_something_is_decided() -> None:
    may = {row.source for row in TABLE if row.move is Move.WITHDRAW}
    assert may == OPEN_STATES


@pytest.mark.parametrize("state", [None, *CaseState])
@pytest.mark.parametrize("move", list(Move))
def test_only_the_parts_of_the_row_may_make_a_move(move: Move, state: CaseState | None) -> None:
    row = row_for(move, state)
    for part in Part:
        allowed = may_move(move, state, frozenset({part}))
        if row is None:
            assert not allowed
        elif row.who & {Part.COMPLAINANT, Part.RESPONDENT}:
            recorders = {Part.OPERATOR, Part.OFFICER, Part.NEXT_OFFICER}
            assert allowed == (part in row.who | recorders)
        else:
            assert allowed == (part in row.who)
    assert not may_move(move, state, frozenset())


def test_every_requirement_can_be_asked_for() -> None:
    """A need that nothing checks would be a need on paper."""
    needed = {need for row in TABLE for need in row.needs}
    assert needed == set(Need)
    # A contact brings channel and text itself, before there is a case to move.
    assert needed - {Need.TEXT} <= set(_CHECKS) | set(FIELDS)
