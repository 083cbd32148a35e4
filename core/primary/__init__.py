"""The primary itself: its instants, contests, candidates, the sealed voter roll, its readiness.

The verbs are split by what they act on: `timeline`, `contests`, `candidates`, `roll`, `readiness`.
``service`` names those that other subjects call.
"""
