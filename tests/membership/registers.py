"""Register files for the tests, made of invented people."""

import csv
import io
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.membership.rules import COLUMNS, check_digit

SURNAMES = ("Ахметов", "Сәтбаев", "Ким", "Иванов", "Қасымов", "Щербаков", "Өтегенов")
FIRST = ("Айгүл", "Иван", "Ерлан", "Мария", "Бауыржан")
PLACES = ("710000000", "750000000", "111000000", "113200000")


def person(number: int, **changes: str) -> dict[str, str]:
    """The ``number``-th invented member as a row of a file."""
    source = random.Random(number)
    while True:
        born = (1950 + source.randrange(50), 1 + source.randrange(12), 1 + source.randrange(28))
        first = f"{born[0] % 100:02}{born[1]:02}{born[2]:02}{3 + number % 2}{number % 10000:04}"
        digit = check_digit(first)
        if digit is not None:
            break
    row = {
        "iin": f"{first}{digit}",
        "last_name": SURNAMES[number % len(SURNAMES)],
        "first_name": FIRST[number % len(FIRST)],
        "middle_name": "",
        "birth_date": f"{born[0]}-{born[1]:02}-{born[2]:02}",
        "mobile": f"8 701 {number // 10000 % 1000:03} {number // 100 % 100:02} {number % 100:02}",
        "place_code": PLACES[number % len(PLACES)],
        "branch": f"ППО № {number % 90}",
        "admitted_on": "01.03.2019",
        "status": "active",
    }
    return row | changes


def register_text(
    rows: Iterable[dict[str, str]], columns: Sequence[str] = COLUMNS, delimiter: str = ","
) -> str:
    """The rows as CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_register(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    """The rows as a CSV file in UTF-8."""
    path.write_text(register_text(rows), encoding="utf-8")
    return path
