"""The primary: its timeline, constituencies, contests, candidates, voter roll and readiness.

`rules` is pure, `models` holds the tables, `queries` the reads. The verbs live in rooms by what they
change (`timeline`, `contests`, `candidates`, `roll`, `roll_changes`, `readiness`, `election`), and
`service` names them all: whoever writes to a primary from outside imports `service`.
"""
