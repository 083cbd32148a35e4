"""What the portal prints, at the most talkative level there is, joins nobody to a ballot."""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from benchmarks.cast_load import (
    Connection,
    Outbox,
    Person,
    each,
    installation,
    people,
    prepare,
    sealed_for,
)
from core.database import reading
from core.settings import ROOT, settings
from core.voting.models import Claim
from core.voting.sealing import group_tracker, tracker_of

VOTERS = 12
TALKATIVE = (
    "import logging, sys; logging.basicConfig(level=1, stream=sys.stderr);"
    "logging.getLogger('sqlalchemy').setLevel(1);"  # the one library that keeps a level of its own
    "from portal.__main__ import main; sys.exit(main())"
)


@contextmanager
def talkative_listener(port: int, log: Path) -> Iterator[None]:
    """The public listener with every logger open, and asyncio telling all it knows."""
    environment = os.environ | {"PYTHONASYNCIODEBUG": "1", "PYTHONWARNINGS": "always"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", TALKATIVE],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_no_line_of_the_most_talkative_log_names_a_voter_or_a_ballot(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_database") if engine == "postgresql" else None
    crowd = people(VOTERS, 0.0, exempt=False)
    log = tmp_path / "log"
    secret: dict[str, str] = {}

    async def votes(person: Person, port: int, outbox: Outbox) -> None:
        key = secrets.token_hex(16)
        async with Connection(port, person.address) as connection:
            pair = json.dumps({"iin": person.iin, "mobile": person.mobile}).encode()
            _status, given = await connection.ask("POST", "/sign-in", pair)
            code = await outbox.code(person.mobile, 0)
            wrong = json.dumps({"code": "000000"}).encode()
            await connection.ask("POST", f"/sign-in/{given['challenge']}", wrong)
            brought = json.dumps({"code": code}).encode()
            _status, opened = await connection.ask(
                "POST", f"/sign-in/{given['challenge']}", brought
            )
            token = f"Bearer {opened['token']}"
            _status, paper = await connection.ask("GET", "/ballot", Authorization=token)
            ballots = [sealed_for(paper, contest) for contest in paper["contests"]]
            body = json.dumps({"ballots": ballots}).encode()
            headers = {"Authorization": token, "Idempotency_Key": key}
            for _again in range(2):
                status, _answer = await connection.ask("POST", "/ballot", body, **headers)
                assert status == 201
            # And what goes wrong: another vote, half a body, nonsense in every field.
            other = headers | {"Idempotency_Key": secrets.token_hex(16)}
            await connection.ask("POST", "/ballot", body, **other)
            await connection.ask("POST", "/ballot", body[:-9], **headers)
            await connection.ask("POST", "/sign-in", pair[:-3] + b'", "x": 1}')
        name = f"voter {person.number}"
        secret[f"IIN of {name}"] = person.iin
        secret[f"number of {name}"] = person.mobile.removeprefix("+")
        secret[f"code of {name}"] = f'"{code}"'
        secret[f"token of {name}"] = opened["token"]
        secret[f"hash of the token of {name}"] = _spelled(sha256(opened["token"].encode()).digest())
        secret[f"challenge of {name}"] = given["challenge"]
        secret[f"key of {name}"] = key
        for ballot in ballots:
            digest = sha256(b64decode(ballot["sealed"])).digest()
            secret[f"tracker of {name}"] = tracker_of(digest)
            secret[f"tracker of {name} in groups"] = group_tracker(tracker_of(digest))
            secret[f"sealed ballot of {name}"] = ballot["sealed"][:40]
            secret[f"digest of a ballot of {name}"] = _spelled(digest)

    with installation(tmp_path, url) as port:
        prepare(crowd, exempt=False)

        async def rush() -> None:
            outbox = Outbox(Path(settings().sms_url.removeprefix("file:")))
            watching = asyncio.create_task(outbox.watch())
            await each(crowd, lambda person: votes(person, port, outbox))
            watching.cancel()

        with talkative_listener(port, log):
            asyncio.run(rush())
        with reading() as session:
            claims = session.execute(select(col(Claim.kind), col(Claim.digest))).all()
    assert len(claims) == 3 * VOTERS
    secret |= {f"{kind} claim {n}": _spelled(digest) for n, (kind, digest) in enumerate(claims)}
    printed = log.read_text(errors="backslashreplace")
    assert "INSERT INTO ballot" in printed, "the log is not as talkative as it was meant to be"
    told = [what for what, text in secret.items() if text in printed]
    assert not told
    for spelled in (bytes.hex, lambda digest: urlsafe_b64encode(digest).decode()):
        assert not [kind for kind, digest in claims if spelled(bytes(digest)) in printed]
    assert "******" not in printed, "a masked IIN is still the voter's"


def _spelled(digest: bytes) -> str:
    """Bytes as Python prints them, without what surrounds them."""
    return repr(bytes(digest))[2:-1]
