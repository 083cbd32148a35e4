"""Polling places on each engine."""

import pytest

from tests.conftest import MakeActor
from tests.paper.desks import Desks, open_desks


@pytest.fixture
def desks(database: str, make_actor: MakeActor) -> Desks:
    """Two polling places and their people, on an installation of its own."""
    return open_desks(make_actor)


@pytest.fixture
def sqlite_desks(sqlite_database: str, make_actor: MakeActor) -> Desks:
    """The same where one engine is enough."""
    return open_desks(make_actor)
