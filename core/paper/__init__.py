"""Voting on paper: polling places, who votes at them, and what is handed out there.

`rules` is pure, `models` holds the tables, `queries` the reads. The verbs live in rooms by what they
change (`polling_places`, `clerks`, `lists`, `marks`, `turnout`), and `service` names them all. What
the ballots say is a matter of `core.results`: nothing here ever knows a vote for a candidate.
"""
