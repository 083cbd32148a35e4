"""What voters meet while the SMS gateway is slow, dead or lying: they sign in and vote all the same."""

import asyncio
import json
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import pytest

from benchmarks.cast_load import (
    Connection,
    Person,
    each,
    installation,
    listener,
    people,
    prepare,
    sealed_for,
)
from core.settings import settings
from tests.messaging.http_gateway import (
    Behaviour,
    HttpGateway,
    answering,
    http_gateway,
    takes_and_resets,
)

VOTERS = 40


class Phones:
    """What arrived at the gateway, by number: codes begin with six digits, notices do not."""

    def __init__(self, gateway: HttpGateway) -> None:
        self._gateway = gateway

    def codes(self) -> dict[str, str]:
        return {to: text[:6] for to, text in self._arrived() if text[:6].isdigit()}

    def codes_each(self) -> Counter[str]:
        return Counter(to for to, text in self._arrived() if text[:6].isdigit())

    def _arrived(self) -> list[tuple[str, str]]:
        return [(given["to"], given["text"]) for given in list(self._gateway.taken)]

    async def code(self, mobile: str) -> str:
        for _ in range(3000):
            if mobile in (known := self.codes()):
                return known[mobile]
            await asyncio.sleep(0.02)
        raise AssertionError("no code came")


@contextmanager
def public(folder: Path, gateway_port: int) -> Iterator[int]:
    """An installation whose public listener sends through a gateway on this port."""
    with installation(folder, None) as port:
        os.environ["PRIMARIES_SMS_URL"] = (
            f"kannel://us:secret@127.0.0.1:{gateway_port}/?reports=off"
        )
        settings.cache_clear()
        yield port


async def ask_for_code(person: Person, port: int) -> None:
    async with Connection(port, person.address) as connection:
        pair = json.dumps({"iin": person.iin, "mobile": person.mobile}).encode()
        person.status, person.answer = await connection.ask("POST", "/sign-in", pair)


async def vote(person: Person, port: int, phones: Phones) -> None:
    code = json.dumps({"code": await phones.code(person.mobile)}).encode()
    async with Connection(port, person.address) as connection:
        path = f"/sign-in/{person.answer['challenge']}"
        _status, opened = await connection.ask("POST", path, code)
        token = f"Bearer {opened['token']}"
        _status, paper = await connection.ask("GET", "/ballot", Authorization=token)
        ballots = [sealed_for(paper, contest) for contest in paper["contests"]]
        began = time.perf_counter()
        person.status, _answer = await connection.ask(
            "POST",
            "/ballot",
            json.dumps({"ballots": ballots}).encode(),
            Authorization=token,
            Idempotency_Key=secrets.token_hex(16),
        )
        person.answer = {"seconds": time.perf_counter() - began}


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(answering(202, seconds=2), id="slow"),
        pytest.param(takes_and_resets, id="lying"),
    ],
)
def test_voters_sign_in_and_vote_through_a_bad_gateway(
    behaviour: Behaviour, tmp_path: Path
) -> None:
    crowd = people(VOTERS, 0.0, exempt=False)
    with http_gateway(behaviour) as gateway, public(tmp_path, gateway.port) as port:
        prepare(crowd, exempt=False)
        with listener(port):
            _all, asking = asyncio.run(each(crowd, lambda person: ask_for_code(person, port)))
            assert {person.status for person in crowd} == {202}
            phones = Phones(gateway)
            asyncio.run(each(crowd, lambda person: vote(person, port, phones)))
    assert {person.status for person in crowd} == {201}
    assert set(phones.codes_each().values()) == {1}, "nobody got a code twice"
    assert median(asking) < 1, "asking for a code never waits for the gateway"
    assert median(person.answer["seconds"] for person in crowd) < 1, "nor does a cast"


def test_codes_asked_for_while_the_gateway_is_dead_come_once_it_lives(tmp_path: Path) -> None:
    crowd = people(VOTERS, 0.0, exempt=False)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        gateway_port = held.getsockname()[1]
    with public(tmp_path, gateway_port) as port:
        prepare(crowd, exempt=False)
        with listener(port):
            _all, asking = asyncio.run(each(crowd, lambda person: ask_for_code(person, port)))
            assert {person.status for person in crowd} == {202}
            assert median(asking) < 1
            time.sleep(2)
            with http_gateway(answering(202), port=gateway_port) as gateway:
                phones = Phones(gateway)
                asyncio.run(each(crowd, lambda person: vote(person, port, phones)))
    assert {person.status for person in crowd} == {201}
    assert set(phones.codes_each().values()) == {1}
