"""Against the real Kannel: what we send reaches its SMS centre, and what it reports reaches us."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from core import clock
from core.messaging.kannel import Kannel
from core.messaging.post import sms
from core.messaging.rules import MessageState, Purpose, SendFault
from core.messaging.sms_parts import parts
from core.settings import KannelSettings
from pages.listener import gateway_routes
from pages.listener.gate import Gate
from tests.messaging import kannel_boxes
from tests.messaging.gateways import tried
from tests.messaging.kannel_boxes import Boxes
from tests.messaging.test_outbox import states
from tests.messaging.test_sender import codes, sending, wait_for

pytestmark = [
    pytest.mark.usefixtures("sqlite_database"),
    pytest.mark.skipif(
        not kannel_boxes.is_here(),
        reason="Debian's kannel and kannel-extras are not installed (make setup-dev as root)",
    ),
]


@pytest.fixture
def kannel(tmp_path: Path) -> Iterator[Boxes]:
    folder = tmp_path / "kannel"
    folder.mkdir()
    with kannel_boxes.boxes(folder) as running:
        yield running


@pytest.fixture
def staff_url() -> Iterator[str]:
    """The staff listener, as far as gateways see it, on a free port."""
    app = Gate(Starlette(routes=gateway_routes.routes))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


def gateway(kannel: Boxes, reports: str | None = None, password: str = "secret") -> Kannel:
    return Kannel(
        KannelSettings(
            host="127.0.0.1",
            port=kannel.port,
            tls=False,
            path="/cgi-bin/sendsms",
            user="us",
            password=password,
            at_once=50,
            reports=reports,
        )
    )


@contextmanager
def stopped(kannel: Boxes, name: str) -> Iterator[None]:
    kannel.stop(name)
    yield
    kannel.start(name)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("123456 – код. Никому его не говорите", id="Russian"),
        pytest.param("123456 – дауыс беру коды. Ешкімге айтпаңыз: ғқңұүһәі", id="Kazakh"),
        pytest.param("123456 is your code [never] tell: 50% + 1 & more?", id="English"),
    ],
)
def test_a_text_arrives_as_it_was_written(kannel: Boxes, text: str) -> None:
    notice = sms(to="+77010000001", text=text, purpose=Purpose.STAFF, now=clock.now())
    assert asyncio.run(tried(gateway(kannel), notice)).fault is None
    kannel.wait_for(1)
    assert kannel.taken() == [("+77010000001", text)]


@pytest.mark.parametrize(
    "text", ["Ваш голос. " * 6, "Ваш голос принят. " * 6, "a[" * 70, "a[" * 54]
)
def test_a_long_text_costs_as_many_parts_as_we_say(kannel: Boxes, text: str) -> None:
    notice = sms(to="+77010000001", text=text, purpose=Purpose.STAFF, now=clock.now())
    assert asyncio.run(tried(gateway(kannel), notice)).fault is None
    kannel.wait_for(parts(text))
    time.sleep(0.3)
    assert kannel.parts() == parts(text)


def test_a_wrong_password_is_a_refusal(kannel: Boxes) -> None:
    notice = sms(to="+77010000001", text="a", purpose=Purpose.STAFF, now=clock.now())
    refused = asyncio.run(tried(gateway(kannel, password="wrong"), notice))
    assert refused.fault is SendFault.NOT_TAKEN


def test_codes_are_sent_once_each_and_reported_as_delivered(kannel: Boxes, staff_url: str) -> None:
    messages = codes(30)
    with sending(gateway(kannel, staff_url), look_every=60) as sender:
        sender.hand_over(messages)
        kannel.wait_for(30)
        wait_for(lambda: states() == {MessageState.DELIVERED: 30}, seconds=20)
    assert sorted(text for _to, text in kannel.taken()) == [each.text for each in messages]


def test_while_a_box_is_away_codes_wait_and_then_go_out_once(kannel: Boxes) -> None:
    messages = codes(8)
    with sending(gateway(kannel), look_every=0.2) as sender:
        with stopped(kannel, "smsbox"):
            sender.hand_over(messages)
            time.sleep(1)
            assert MessageState.SENT not in states()
        wait_for(lambda: states() == {MessageState.SENT: 8}, seconds=40)
        kannel.wait_for(8)
    assert sorted(text for _to, text in kannel.taken()) == [each.text for each in messages]


def test_kannel_keeps_what_it_took_while_its_centre_is_away(kannel: Boxes) -> None:
    messages = codes(3)
    with sending(gateway(kannel), look_every=60) as sender:
        with stopped(kannel, "fakesmsc"):
            time.sleep(0.5)
            sender.hand_over(messages)
            wait_for(lambda: states() == {MessageState.SENT: 3})
        kannel.wait_for(3)
    assert len(kannel.taken()) == 3
