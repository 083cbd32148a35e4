"""M10: a call saved by the service, beside django-helpdesk saving the same words as a ticket.

Both on SQLite, each call a transaction of its own. Ours encrypts the story under a key of its own,
makes it findable by word forms, opens the case with a receipt and its clock, and writes the audit
entry; the peer writes a ticket with its follow-up and sends its mails nowhere.
"""

import secrets
import sys
import time
from collections.abc import Sequence
from random import Random
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.clicks import sign_in
from benchmarks.live_page import configured
from benchmarks.measurement import Measurement
from benchmarks.peers import Helpdesk
from benchmarks.register_import import installation

if TYPE_CHECKING:
    from core.staff.rules import Actor

ROUNDS = 7
CALLS = 100
SEED = 11


def stories(calls: int, draw: Random) -> list[str]:
    """What invented people tell, in Russian and Kazakh."""
    from core.cases.rules import Category
    from core.rehearsal.texts import LANGUAGES, story

    kinds = [kind.value for kind in Category]
    return [story(draw, draw.choice(kinds), draw.choice(LANGUAGES)) for _call in range(calls)]


def an_operator() -> "Actor":
    """The one account there is, as an operator of the centre."""
    from sqlmodel import select

    from core.database import unit_of_work
    from core.staff.models import Account
    from core.staff.rules import Actor, Grant, Role

    with unit_of_work() as session:
        account = session.exec(select(Account)).one()
        assert account.id is not None
        return Actor(
            account_id=account.id,
            login=account.login,
            name=account.name,
            grants=frozenset({Grant(Role.OPERATOR, None)}),
        )


def save(told: Sequence[str]) -> float:
    """Seconds that logging these calls takes, one after the other."""
    from core import clock
    from core.cases import service
    from core.cases.rules import Category
    from core.cases.service import ContactEntry
    from core.database import unit_of_work

    operator = an_operator()
    began = time.perf_counter()
    for number, text in enumerate(told):
        entry = ContactEntry(
            story=text,
            category=Category.COERCION_TO_VOTE,
            caller=f"+7701{number:07}",
            place="103200000",
        )
        with unit_of_work() as session:
            service.log_contact(
                session, entry, actor=operator, key=secrets.token_hex(8), now=clock.now()
            )
    return time.perf_counter() - began


def run(calls: int = CALLS) -> list[Measurement]:
    """M10; nothing where the peer can't be had."""
    from core import database

    draw = Random(SEED)
    with installation("SQLite") as (url, folder), configured(url, folder):
        database.upgrade()
        sign_in()
        try:
            peer = Helpdesk(folder)
        except FileNotFoundError:
            return []
        ours, theirs = [], []
        for round_ in range(ROUNDS + 1):
            told = stories(calls, draw)
            own, other = save(told), peer.save(told)
            if round_:  # the first warms both up
                ours.append(own / calls)
                theirs.append(other / calls)
        peer.end()
    print(
        f"phone_contact: {1 / median(ours):.0f}/s beside {1 / median(theirs):.0f}/s",
        file=sys.stderr,
    )
    return [
        Measurement(
            id="M10",
            what="a phone contact saved, beside django-helpdesk's form",
            ours=median(ours) * 1000,
            yardstick=median(theirs) * 1000,
            unit="ms",
            ratio=median(other / own for own, other in zip(ours, theirs, strict=True)),
            goal="≥ 3",
        )
    ]
