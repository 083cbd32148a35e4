"""Documents on paper: whole alphabets, the same bytes, and more than one page."""

import re
from datetime import UTC, datetime

from core.printing import PrintedTable, printed

AT = datetime(2020, 10, 5, 9, tzinfo=UTC)


def document(rows: int = 3, *, at: datetime = AT) -> bytes:
    table = PrintedTable("Өңірлер", ("Өңір", "Істер"), [(f"Ауыл {n}", str(n)) for n in range(rows)])
    return printed("Обращения", ["Әәіңғүұқөһ, Ёё, №"], [table], foot="05.10.2020", at=at)


def test_the_same_content_at_the_same_instant_gives_the_same_bytes() -> None:
    assert document() == document()
    assert document() != document(at=AT.replace(hour=10))


def test_a_long_table_goes_over_pages() -> None:
    assert len(re.findall(rb"/Type /Page\b", document(3))) == 1
    assert len(re.findall(rb"/Type /Page\b", document(120))) > 2


def test_no_letter_is_missing_from_the_typeface(caplog) -> None:  # type: ignore[no-untyped-def]
    document()
    assert not [record for record in caplog.records if "missing" in record.getMessage().lower()]
