"""Files that spreadsheets open."""

import pytest

from pages.lists import csv_bytes, safe_cell


@pytest.mark.parametrize("cell", ["=1+1", "+7 701", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert safe_cell(cell) == f"'{cell}"


def test_a_file_keeps_cyrillic_and_separators() -> None:
    file = csv_bytes(["Имя", "Роль"], [["Ахметова; Сауле", None]])
    assert file.decode("utf-8-sig") == 'Имя;Роль\r\n"Ахметова; Сауле";\r\n'
