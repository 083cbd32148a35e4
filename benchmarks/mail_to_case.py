"""M9: mails taken in and made cases, beside django-helpdesk's own way from a mail to a ticket.

Both on SQLite and in process, the same mails: a story in Russian or Kazakh with a picture. Ours
stores the bytes first, seals story, mail and picture under a key of the case, hashes them, makes
the words findable, starts the clocks and writes the audit log; the peer writes a ticket, a
follow-up and two files, and sends its mails nowhere.
"""

import sys
import time
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.clicks import sign_in
from benchmarks.live_page import configured
from benchmarks.measurement import Measurement
from benchmarks.peers import Helpdesk
from benchmarks.phone_contact import an_operator, stories
from benchmarks.register_import import installation

ROUNDS = 7
MAILS = 60
SEED = 9
_PICTURE = 20_000


def write_mails(folder: Path, told: Sequence[str], draw: Random, *, since: int) -> list[Path]:
    """A file for each story."""
    paths = []
    for number, text in enumerate(told, start=since):
        mail = EmailMessage()
        mail["From"] = f"Person <person{number}@example.kz>"
        mail["To"] = "komissiya@example.kz"
        mail["Subject"] = text[:60]
        mail["Message-ID"] = f"<bench{number}@example.kz>"
        mail.set_content(text)
        picture = b"\x89PNG\r\n\x1a\n" + draw.randbytes(_PICTURE)
        mail.add_attachment(picture, maintype="image", subtype="png", filename="order.png")
        path = folder / f"{number}.eml"
        path.write_bytes(mail.as_bytes())
        paths.append(path)
    return paths


def take_in(paths: Sequence[Path]) -> float:
    """Seconds from the bytes to cases with their evidence, one after the other."""
    from core import clock
    from core.cases.rules import Category, Urgency
    from core.database import unit_of_work
    from core.mail import service

    operator = an_operator()
    mails = [path.read_bytes() for path in paths]
    began = time.perf_counter()
    for raw in mails:
        filed = service.take_in(raw, now=clock.now())
        with unit_of_work() as session:
            service.open_case(
                session,
                filed.mail_id,
                actor=operator,
                category=Category.COERCION_TO_VOTE,
                place="103200000",
                urgency=Urgency.NORMAL,
                now=clock.now(),
            )
    return time.perf_counter() - began


def run(mails: int = MAILS) -> list[Measurement]:
    """M9; nothing where the peer can't be had."""
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
            paths = write_mails(folder, stories(mails, draw), draw, since=round_ * mails)
            own, other = take_in(paths), peer.take_in(paths)
            if round_:  # the first warms both up
                ours.append(own / mails)
                theirs.append(other / mails)
        peer.end()
    print(
        f"mail_to_case: {1 / median(ours):.0f}/s beside {1 / median(theirs):.0f}/s",
        file=sys.stderr,
    )
    return [
        Measurement(
            id="M9",
            what="a mail made a case with its evidence, beside django-helpdesk",
            ours=median(ours) * 1000,
            yardstick=median(theirs) * 1000,
            unit="ms",
            ratio=median(other / own for own, other in zip(ours, theirs, strict=True)),
            goal="≥ 3",
        )
    ]
