"""A process that queues codes as the voters' writer does and sends them, until somebody kills it.

``python -m tests.messaging.sender_process PORT FIRST``: codes FIRST and following, to a gateway on
PORT, in groups; the numbers whose rows are committed are printed.
"""

import sys
import time
from datetime import timedelta

from core import clock
from core.database import unit_of_work
from core.messaging.kannel import Kannel
from core.messaging.post import Post, sms
from core.messaging.rules import Purpose
from core.messaging.sender import Sender
from core.settings import KannelSettings

GROUP = 10


def gateway_on(port: int, at_once: int = 100) -> Kannel:
    """A Kannel on this machine, without reports."""
    return Kannel(
        KannelSettings(
            host="127.0.0.1",
            port=port,
            tls=False,
            path="/cgi-bin/sendsms",
            user="us",
            password="secret",
            at_once=at_once,
            reports=None,
        )
    )


def queue(first: int, number: int) -> Post:
    """Codes ``first`` and following, held and committed."""
    now, post = clock.now(), Post(held=True)
    for place in range(first, first + number):
        message = sms(
            to=f"+7701{place:07d}",
            text=f"{place:06d}",
            purpose=Purpose.ONE_TIME_CODE,
            now=now,
            expires_at=now + timedelta(minutes=5),
        )
        post.add(message, post.row(message, now))
    with unit_of_work() as session:
        post.write(session.connection())
    return post


def main() -> None:
    """Go on until killed."""
    port, first = int(sys.argv[1]), int(sys.argv[2])
    sender = Sender(gateway_on(port), look_every=0.5)
    sender.start()
    while True:
        post = queue(first, GROUP)
        sys.stdout.write(f"{first + GROUP}\n")
        sys.stdout.flush()
        sender.hand_over(post.messages)
        first += GROUP
        time.sleep(0.01)


if __name__ == "__main__":
    main()
