import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from core import clock
from core.errors import Refused
from core.primary.digests import address_digest, iin_digest, mobile_digest
from core.voting.addresses import address_key
from core.voting.casting import Accepted
from core.voting.commits import Answer, Operation
from core.voting.polling import CastBallots
from core.voting.rules import VotingRefusal
from core.voting.signin import ChallengeIssued, SignIn
from core.voting.solving import ChallengeOver, SessionOpened, SolveCode
from core.voting.votes import SealedBallot
from core.voting.writer_process import ProcessWriter
from tests.voting import polls
from tests.voting.polls import PRIMARY, Poll, iin, mobile

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def poll() -> Poll:
    """A vote that is open by the real clock: the process beside this one knows no other."""
    now = clock.now()
    return polls.open_poll(opens=now - timedelta(hours=1), closes=now + timedelta(hours=1))


def run(voting: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(voting, 60))


def where(number: int) -> dict[str, Any]:
    address = ip_address(f"203.0.113.{number + 1}")
    return {
        "address": address,
        "address_digest": address_digest(PRIMARY, address_key(address)),
    }


def sign_in(number: int) -> SignIn:
    return SignIn(
        iin_digest=iin_digest(PRIMARY, iin(number)),
        mobile_digest=mobile_digest(PRIMARY, mobile(number)),
        mobile=mobile(number),
        iin_masked="850101******",
        mobile_masked="+7701*****01",
        locale="kk",
        in_time=True,
        **where(number),
    )


async def code_for(number: int) -> str:
    for _ in range(500):
        texts = [sms["text"] for sms in polls.outbox() if sms["to"] == mobile(number)]
        if texts:
            return texts[-1][:6]
        await asyncio.sleep(0.02)
    raise AssertionError("no code came")


async def vote(writer: ProcessWriter, poll: Poll, number: int) -> Answer:
    told = await writer.submit_async(sign_in(number))
    assert isinstance(told, ChallengeIssued)
    code = await code_for(number)
    solved = SolveCode(challenge=told.challenge, code=code, **where(number))
    opened = await writer.submit_async(solved)
    assert isinstance(opened, SessionOpened)
    ballots = tuple(
        SealedBallot.of(contest, poll.seal(contest, 128)) for contest in ("contest-0", "contest-1")
    )
    return await writer.submit_async(
        CastBallots(
            token=opened.token,
            idempotency_key=f"key {number}",
            ballots=ballots,
            arrived_at=clock.now(),
            **where(number),
        )
    )


def test_voters_vote_through_a_writer_in_a_process_of_its_own(poll: Poll) -> None:
    async def voting() -> None:
        writer = ProcessWriter()
        await writer.start()
        answers = await asyncio.gather(*(vote(writer, poll, number) for number in range(5)))
        await writer.stop()
        assert [type(answer) for answer in answers] == [Accepted] * 5
        assert not writer.is_alive

    run(voting())


def test_what_was_submitted_before_the_end_is_answered(poll: Poll) -> None:
    del poll

    async def voting() -> None:
        writer = ProcessWriter()
        await writer.start()
        unknown = SolveCode(challenge="none", code="1", **where(0))
        futures = [writer.submit_async(unknown) for _ in range(700)]
        await writer.stop()
        assert [await future for future in futures] == [ChallengeOver()] * 700

    run(voting())


def test_a_writer_that_dies_tells_who_waits_to_come_again_and_another_takes_its_place(
    poll: Poll,
) -> None:
    async def voting() -> None:
        writer = ProcessWriter()
        await writer.start()
        assert isinstance(await vote(writer, poll, 0), Accepted)
        dead = writer._process
        assert dead is not None
        dead.send_signal(signal.SIGSTOP)  # it can answer nothing any more
        waiting = writer.submit_async(sign_in(1))
        await asyncio.sleep(0.1)
        dead.send_signal(signal.SIGKILL)
        with pytest.raises(Refused) as refused:
            await waiting
        assert refused.value.code == VotingRefusal.DATABASE_UNAVAILABLE
        with pytest.raises(Refused):
            await writer.submit_async(sign_in(1))
        for _ in range(400):
            with contextlib.suppress(Refused):  # told to come again, they do
                assert isinstance(await vote(writer, poll, 1), Accepted)
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("nobody took the dead writer's place")
        assert writer._process is not dead
        await writer.stop()

    run(voting())


def test_one_bad_operation_never_spoils_the_others(poll: Poll) -> None:
    async def voting() -> None:
        writer = ProcessWriter()
        await writer.start()
        bad: Operation = SolveCode(challenge="none", code=None, **where(0))  # type: ignore[arg-type]  # a fault of ours
        good = [writer.submit_async(sign_in(number)) for number in range(3)]
        broken = writer.submit_async(bad)
        assert [type(await each) for each in good] == [ChallengeIssued] * 3
        assert isinstance(await asyncio.gather(broken, return_exceptions=True), list)
        assert isinstance(await vote(writer, poll, 4), Accepted)
        await writer.stop()

    run(voting())
