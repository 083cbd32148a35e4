"""The table of moves in Graphviz's language. Only our own words stand in it."""

from core.cases.rules import END_STATES, TABLE, CaseState, Move
from core.i18n import term


def state_diagram(here: CaseState | None = None) -> str:
    """The whole table; the state ``here`` is marked. Colours that are read on light and dark."""
    lines = [
        "digraph { rankdir=TB; bgcolor=transparent; nodesep=0.35; ranksep=0.5;",
        'node [shape=box, style="rounded,filled", fillcolor="#dfe9f1", fontname="sans-serif",'
        ' fontsize=12, color="#5b7a92", fontcolor="#14212b", margin="0.16,0.08"];',
        'edge [fontname="sans-serif", fontsize=10, color="#7d8b96", fontcolor="#7d8b96"];',
    ]
    for state in CaseState:
        look = ', fillcolor="#d9ded9", peripheries=2' if state in END_STATES else ""
        if state is here:
            look = ', fillcolor="#ffd98a", penwidth=2'
        lines.append(f'{state.value} [label="{term(state)}"{look}];')
    words: dict[tuple[CaseState, CaseState], list[str]] = {}
    for row in TABLE:
        # Withdrawal is possible from everywhere: drawn once, it would cover everything else.
        if row.source is None or row.target is None or row.move is Move.WITHDRAW:
            continue
        words.setdefault((row.source, row.target), []).append(term(row.move))
    for (source, target), moves in words.items():
        lines.append(f'{source.value} -> {target.value} [label=" {"; ".join(moves)} "];')
    return "\n".join([*lines, "}"])
