"""Kannel's interface, against a server that behaves as gateways do on their worst days."""

import asyncio
import socket
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core import clock
from core.messaging import sender as sending_module
from core.messaging.kannel import Kannel
from core.messaging.post import Outgoing, sms
from core.messaging.rules import MessageState, Purpose, SendFault
from tests.messaging.gateways import tried
from tests.messaging.http_gateway import (
    Behaviour,
    answering,
    http_gateway,
    says_nothing,
    settings_of,
    takes_and_resets,
    talks_nonsense,
)
from tests.messaging.test_outbox import rows, states
from tests.messaging.test_sender import codes, sending, wait_for

pytestmark = pytest.mark.usefixtures("sqlite_database")
NOW = datetime(2020, 10, 1, 6, tzinfo=UTC)


def code(text: str = "123456 – код", now: datetime | None = None) -> Outgoing:
    now = now or clock.now()
    return sms(
        to="+77015550142",
        text=text,
        purpose=Purpose.ONE_TIME_CODE,
        now=now,
        expires_at=now + timedelta(minutes=5),
    )


def test_a_request_says_everything_that_kannel_needs() -> None:
    with http_gateway(answering(202)) as gateway, clock.fixed(NOW):
        kannel = Kannel(settings_of(gateway, sender="PRIMARY", smsc="kcell"))
        message = code(now=NOW - timedelta(seconds=61))
        assert asyncio.run(tried(kannel, message)).fault is None
    (given,) = gateway.taken
    assert given.pop("dlr-url").startswith(f"http://staff.example:8501/gateway/sms/{message.id}")
    assert given == {
        "username": "us",
        "password": "pa ss&word",
        "to": "+77015550142",
        "text": "123456 – код",
        "charset": "UTF-8",
        "coding": "2",
        "from": "PRIMARY",
        "smsc": "kcell",
        "validity": "3",
        "dlr-mask": "19",
    }


def test_what_the_seven_bit_alphabet_can_say_is_sent_in_it_and_reports_can_be_left_out() -> None:
    with http_gateway(answering(202)) as gateway:
        kannel = Kannel(settings_of(gateway, reports=None))
        notice = sms(to="+77015550142", text="[1] a", purpose=Purpose.STAFF, now=NOW)
        assert asyncio.run(tried(kannel, notice)).fault is None
    (given,) = gateway.taken
    assert given["coding"] == "0"
    assert not {"dlr-url", "dlr-mask", "validity", "from", "smsc"} & set(given)


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        pytest.param(answering(202), None, id="accepted"),
        pytest.param(answering(202, "3: Queued for later delivery"), None, id="queued there"),
        pytest.param(answering(403, "Authorization failed"), SendFault.NOT_TAKEN, id="forbidden"),
        pytest.param(answering(400, "Missing receiver"), SendFault.NOT_TAKEN, id="malformed"),
        pytest.param(answering(503, "Temporal failure"), SendFault.NOT_TAKEN, id="busy"),
        pytest.param(answering(200, "<html>hello"), SendFault.UNCLEAR, id="another site"),
        pytest.param(answering(302, ""), SendFault.UNCLEAR, id="a redirect"),
        pytest.param(answering(502, "Bad gateway"), SendFault.UNCLEAR, id="a proxy's 502"),
        pytest.param(answering(504, "Timeout"), SendFault.UNCLEAR, id="a proxy's 504"),
        pytest.param(takes_and_resets, SendFault.UNCLEAR, id="reset"),
        pytest.param(talks_nonsense, SendFault.UNCLEAR, id="nonsense"),
        pytest.param(says_nothing, SendFault.UNCLEAR, id="silence"),
        pytest.param(answering(202, seconds=9), SendFault.UNCLEAR, id="too late"),
    ],
)
def test_what_an_answer_means(
    behaviour: Behaviour, fault: SendFault | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending_module, "PATIENCE", 0.5)
    with http_gateway(behaviour) as gateway:
        outcome = asyncio.run(tried(Kannel(settings_of(gateway)), code()))
    assert outcome.fault is fault
    assert len(gateway.taken) == 1


def test_a_port_where_nobody_listens_has_surely_taken_nothing() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with http_gateway(answering(202)) as gateway:
            kannel = Kannel(settings_of(gateway, port=port))
            assert asyncio.run(tried(kannel, code())).fault is SendFault.NOT_REACHED


def test_a_name_that_does_not_exist_has_surely_taken_nothing() -> None:
    with http_gateway(answering(202)) as gateway:
        kannel = Kannel(settings_of(gateway, host="gateway.invalid"))
        assert asyncio.run(tried(kannel, code())).fault is SendFault.NOT_REACHED


def test_hundreds_of_codes_a_second_go_through_a_gateway_that_takes_two_seconds() -> None:
    messages = codes(600)
    with http_gateway(answering(202, seconds=2)) as gateway:
        kannel = Kannel(settings_of(gateway, at_once=800))
        began = time.monotonic()
        with sending(kannel, look_every=60) as sender:
            sender.hand_over(messages)
            wait_for(lambda: states() == {MessageState.SENT: 600})
        took = time.monotonic() - began
    assert took < 6
    assert 300 < gateway.most_open <= 800
    assert len(set(gateway.texts)) == len(gateway.texts) == 600


def test_a_gateway_that_takes_codes_and_resets_every_line_gets_none_twice() -> None:
    with (
        http_gateway(takes_and_resets) as gateway,
        sending(Kannel(settings_of(gateway)), look_every=0.1) as sender,
    ):
        sender.hand_over(codes(5))
        wait_for(lambda: states() == {MessageState.FAILED: 5})
        time.sleep(0.5)
    assert len(gateway.texts) == len(set(gateway.texts)) == 5
    assert {row.fault for row in rows()} == {"unclear"}


def test_neither_password_nor_number_nor_code_is_in_a_log_or_an_error(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    with http_gateway(talks_nonsense) as gateway:
        chosen = settings_of(gateway)
        outcome = asyncio.run(tried(Kannel(chosen), code()))
    told = caplog.text + "".join(capfd.readouterr()) + repr(chosen) + repr(outcome)
    for secret in ("pa ss&word", "pa%20ss", "7015550142", "123456"):
        assert secret not in told


def _certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for ``name``, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "gateway.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, ssl.create_default_context(cafile=str(path))


def test_with_tls_only_the_gateway_that_the_certificate_names_gets_anything(
    tmp_path: Path,
) -> None:
    server, client = _certificate(tmp_path, "localhost")
    with http_gateway(answering(202), server) as gateway:
        named = settings_of(gateway, tls=True, host="localhost")
        assert asyncio.run(tried(Kannel(named, tls=client), code())).fault is None
        by_number = Kannel(settings_of(gateway, tls=True), tls=client)
        stranger = Kannel(named)
        for wrong in (by_number, stranger):
            assert asyncio.run(tried(wrong, code())).fault is SendFault.NOT_REACHED
    assert len(gateway.taken) == 1
