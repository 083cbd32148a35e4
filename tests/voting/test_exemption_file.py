from collections.abc import Mapping
from datetime import datetime, timedelta
from io import BytesIO

import pytest
from openpyxl import Workbook

from core.errors import Refused
from core.primary.rules import PrimaryRefusal, Timeline
from core.voting.exemption_file import COLUMNS, ReadExemptions, read_exemptions
from core.voting.rules import ExemptionKind
from tests.conftest import ALMATY
from tests.voting.polls import CLOSES, DISTRICT, NOON, OPENS, PRIMARY

TIMELINE = Timeline(
    cutoff=OPENS - timedelta(days=20),
    freeze_start=OPENS - timedelta(days=20),
    freeze_end=CLOSES,
    roll_sealed_at=OPENS - timedelta(days=1),
    voting_opens=OPENS,
    voting_closes=CLOSES,
    publication=CLOSES,
)
GOOD = {
    "kind": "terminal",
    "network": "198.51.100.0/28",
    "place_code": DISTRICT,
    "holder": "Участок № 17",
    "reason": "компьютеры участка",
    "document": "решение 12",
    "valid_from": "01.10.2020 08:00",
    "valid_until": "03.10.2020",
    "cap_total": "460",
    "cap_hourly": "60",
}


def csv_of(*rows: Mapping[str, str], delimiter: str = ";", encoding: str = "utf-8-sig") -> bytes:
    lines = [COLUMNS, *([row[name] for name in COLUMNS] for row in rows)]
    return "\r\n".join(delimiter.join(line) for line in lines).encode(encoding)


def read(content: bytes) -> ReadExemptions:
    return read_exemptions(content, PRIMARY, timeline=TIMELINE, now=NOON)


@pytest.mark.parametrize(
    ("delimiter", "encoding"), [(";", "utf-8-sig"), (",", "cp1251"), ("\t", "utf-8")]
)
def test_a_row_becomes_the_terms_it_names(delimiter: str, encoding: str) -> None:
    found = read(csv_of(GOOD, delimiter=delimiter, encoding=encoding))
    (terms,) = found.terms
    assert (terms.kind, terms.network, terms.place_code) == (
        ExemptionKind.TERMINAL,
        "198.51.100.0/28",
        DISTRICT,
    )
    assert (terms.holder, terms.cap_total, terms.cap_hourly) == ("Участок № 17", 460, 60)
    assert terms.valid_from == datetime(2020, 10, 1, 8, tzinfo=ALMATY)
    assert terms.valid_until == datetime(2020, 10, 4, 0, tzinfo=ALMATY)  # the end of that day
    assert found.report.counts() == {"read": 1, "new": 1, "changed": 0, "same": 0, "refused": 0}


def test_an_empty_period_is_the_vote() -> None:
    (terms,) = read(csv_of(GOOD | {"valid_from": "", "valid_until": ""})).terms
    assert (terms.valid_from, terms.valid_until) == (OPENS, CLOSES)


def test_460_computers_at_170_polling_places_are_read_at_once() -> None:
    rows = [
        GOOD
        | {
            "network": f"198.{51 + number // 250}.{number % 250}.0/28",
            "holder": f"№ {number % 170}",
        }
        for number in range(460)
    ]
    found = read(csv_of(*rows))
    assert (found.report.read, len(found.terms)) == (460, 460)
    assert len({terms.holder for terms in found.terms}) == 170


@pytest.mark.parametrize(
    ("fault", "column", "code"),
    [
        ({"kind": "laptop"}, "kind", "kind_unknown"),
        ({"network": "198.51.100.1/28"}, "network", "network_malformed"),
        ({"network": "0.0.0.0/1"}, "network", "network_too_wide"),
        ({"place_code": ""}, "place_code", "place_missing"),
        ({"place_code": "7"}, "place_code", "unknown_place"),
        ({"holder": ""}, "holder", "holder_missing"),
        ({"reason": ""}, "reason", "reason_missing"),
        ({"reason": "198.51.100.1"}, "reason", "address_in_text"),
        ({"document": ""}, "document", "document_missing"),
        ({"valid_from": "утром"}, "valid_from", "moment_malformed"),
        ({"valid_until": "30.09.2020 10:00"}, "valid_until", "period_empty"),
        ({"valid_from": "", "valid_until": "01.10.2020 11:00"}, "valid_until", "period_over"),
        ({"cap_total": "many"}, "cap_total", "cap_out_of_range"),
        ({"cap_hourly": "461"}, "cap_total", "cap_out_of_range"),
        ({"network": "198.51.100.0/28"}, "network", "network_repeated"),
    ],
    ids=lambda given: given if isinstance(given, str) else "row",
)
def test_a_faulty_row_is_left_out_and_named(fault: dict[str, str], column: str, code: str) -> None:
    faulty = GOOD | {"network": "198.51.200.0/28"} | fault
    found = read(csv_of(GOOD, faulty, GOOD | {"network": "198.51.101.0/28"}))
    assert len(found.terms) == 2
    assert [(row.row, row.column, row.code.value) for row in found.report.rows_refused] == [
        (3, column, code)
    ]
    assert found.report.csv().splitlines()[1].startswith(f"3,{column},{code},")


def test_a_spreadsheet_keeps_its_times() -> None:
    book = Workbook()
    book.active.append(COLUMNS)
    row = [GOOD[name] for name in COLUMNS]
    row[6], row[7] = datetime(2020, 10, 1, 8, 30), datetime(2020, 10, 3)
    book.active.append(row)
    content = BytesIO()
    book.save(content)
    (terms,) = read(content.getvalue()).terms
    assert terms.valid_from == datetime(2020, 10, 1, 8, 30, tzinfo=ALMATY)
    assert terms.valid_until == datetime(2020, 10, 4, tzinfo=ALMATY)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"kind;network\r\nterminal;198.51.100.0/28", PrimaryRefusal.COLUMN_MISSING),
        (csv_of(), PrimaryRefusal.FILE_WITHOUT_ROWS),
        (b"\0\1\2", PrimaryRefusal.FILE_UNREADABLE),
    ],
    ids=lambda given: given.value if isinstance(given, PrimaryRefusal) else "file",
)
def test_a_file_that_is_none_is_refused_as_a_whole(content: bytes, code: PrimaryRefusal) -> None:
    with pytest.raises(Refused) as refused:
        read(content)
    assert refused.value.code is code
