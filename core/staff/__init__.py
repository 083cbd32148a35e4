"""Accounts of the committee's people: roles held for places, sessions, acts that need two."""
