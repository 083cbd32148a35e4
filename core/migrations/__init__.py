"""Revisions of the schema, applied at start by `core.database.upgrade`."""
