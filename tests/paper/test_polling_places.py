"""Polling places: made, changed, imported; and which clerk works where."""

import csv
import io
import json
from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from core import __main__ as command_line
from core.database import reading, unit_of_work
from core.errors import Refused
from core.paper import desk_queries, queries
from core.paper import service as paper
from core.paper.rules import Hours, PaperRefusal, PollingPlaceKind, parse_code, parse_time
from core.places import PlaceRefusal
from core.settings import settings
from core.staff.rules import Role, StaffRefusal
from tests.paper.desks import (
    BEFORE,
    DAILY,
    ONE_DAY,
    SCHOOL,
    VILLAGE,
    Desks,
    acts,
    draft,
    fix_list,
    look_up,
    refused,
)
from tests.voting.polls import DISTRICT, NOON, PRIMARY, REGION


def there(code: str) -> queries.PollingPlaceView:
    with reading() as session:
        found = queries.polling_place(session, PRIMARY, code)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "школа 1"}, PaperRefusal.CODE_MALFORMED),
        ({"code": SCHOOL.lower()}, PaperRefusal.CODE_EXISTS),
        ({"names": {"ru": "Участок", "kk": " ", "en": "Place"}}, PaperRefusal.NAME_MISSING),
        ({"place": REGION}, PaperRefusal.PLACE_HAS_PARTS),
        ({"place": "nowhere"}, PlaceRefusal.UNKNOWN_PLACE),
        ({"address": " "}, PaperRefusal.ADDRESS_MISSING),
        ({"hours": replace(DAILY, last_day=date(2020, 9, 30))}, PaperRefusal.DAYS_REVERSED),
        ({"hours": replace(DAILY, closes=time(8))}, PaperRefusal.HOURS_REVERSED),
        (
            {"hours": Hours(date(2020, 10, 5), date(2020, 10, 5), time(8), time(20))},
            PaperRefusal.HOURS_OUTSIDE_VOTE,
        ),
    ],
)
def test_what_can_not_be_a_polling_place_is_refused(
    sqlite_desks: Desks, changes: dict[str, object], code: object
) -> None:
    wrong = draft(**{"code": "AKM-09", **changes})  # type: ignore[arg-type]  # fields of each case
    found = refused(
        lambda s: paper.add_polling_place(
            s, PRIMARY, wrong, actor=sqlite_desks.organizer, now=BEFORE
        )
    )
    assert found is code


def test_hours_are_half_open_and_of_the_zone_of_the_primary() -> None:
    zone = settings().zone
    eight = NOON.astimezone(zone).replace(hour=8, minute=0)
    assert DAILY.are_open(eight, zone)
    assert not DAILY.are_open(eight - timedelta(seconds=1), zone)
    assert not DAILY.are_open(eight.replace(hour=20), zone)
    assert not ONE_DAY.are_open(eight, zone)
    assert DAILY.begin(zone) == eight
    assert parse_time(" 8.30 ") == time(8, 30)
    assert parse_code(" akm-7 ") == "AKM-7"
    for wrong in ("8", "24:00", "08:60", "08:00:30"):
        with pytest.raises(Refused):
            parse_time(wrong)


def test_kind_and_area_stay_once_somebody_is_listed_or_looked_up(desks: Desks) -> None:
    moved = draft(kind=PollingPlaceKind.UNCONNECTED, address="ул. Сейфуллина, 2")
    with unit_of_work() as session:
        paper.change_polling_place(session, PRIMARY, moved, actor=desks.organizer, now=BEFORE)
    assert there(SCHOOL).kind is PollingPlaceKind.UNCONNECTED
    with unit_of_work() as session:
        paper.change_polling_place(session, PRIMARY, draft(), actor=desks.organizer, now=BEFORE)
    look_up(desks, 1)
    code = refused(
        lambda s: paper.change_polling_place(s, PRIMARY, moved, actor=desks.organizer, now=NOON)
    )
    assert code is PaperRefusal.KIND_FIXED
    renamed = draft(address="ул. Сейфуллина, 2")
    with unit_of_work() as session:
        paper.change_polling_place(session, PRIMARY, renamed, actor=desks.organizer, now=NOON)
    assert there(SCHOOL).address == "ул. Сейфуллина, 2"
    assert sum(act == "change_polling_place" for act, _s, _d in acts()) == 3


def test_a_place_that_was_used_is_not_removed(sqlite_desks: Desks) -> None:
    desks = sqlite_desks
    code = refused(lambda s: paper.remove_polling_place(s, PRIMARY, SCHOOL, actor=desks.organizer))
    assert code is PaperRefusal.IN_USE
    with unit_of_work() as session:
        paper.add_polling_place(
            session, PRIMARY, draft("AKM-09"), actor=desks.organizer, now=BEFORE
        )
        paper.remove_polling_place(session, PRIMARY, "AKM-09", actor=desks.organizer)
    with reading() as session:
        assert queries.polling_place(session, PRIMARY, "AKM-09") is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ORGANIZER])
def test_only_organizers_of_the_centre_make_polling_places(
    sqlite_desks: Desks, make_actor, role: Role
) -> None:
    stranger = make_actor(role)
    for actor in (stranger, sqlite_desks.regional):
        for act in (
            lambda s, actor=actor: paper.add_polling_place(
                s, PRIMARY, draft("AKM-09"), actor=actor, now=BEFORE
            ),
            lambda s, actor=actor: paper.import_polling_places(
                s, PRIMARY, b"", actor=actor, now=BEFORE
            ),
            lambda s, actor=actor: paper.remove_polling_place(s, PRIMARY, SCHOOL, actor=actor),
        ):
            assert refused(act) is StaffRefusal.FORBIDDEN


COLUMNS = "code;name_ru;name_kk;name_en;place_code;address;kind;first_day;last_day;opens;closes"
GOOD = f"AKM-10;Клуб;Клуб;Club;{DISTRICT};с. Ивановка;unconnected;03.10.2020;03.10.2020;08:00;14:00"


def test_a_file_reconciles_and_names_row_and_column_of_what_it_leaves_out(desks: Desks) -> None:
    rows = [
        COLUMNS,
        GOOD,
        GOOD.replace("AKM-10", "AKM-11").replace("unconnected", "offline"),
        GOOD.replace("AKM-10", "AKM-12").replace(DISTRICT, REGION),
        GOOD,
        GOOD.replace("AKM-10", "AKM-13").replace("08:00", "8 утра"),
        GOOD.replace("AKM-10", "AKM-14").replace("Club", ""),
        GOOD.replace("AKM-10", "AKM-15").replace("03.10.2020;08", "32.10.2020;08"),
    ]
    content = "\n".join(rows).encode("cp1251")
    with unit_of_work() as session:
        report = paper.import_polling_places(
            session, PRIMARY, content, actor=desks.organizer, now=BEFORE
        )
    assert report.counts() == {"read": 7, "new": 1, "changed": 0, "same": 0, "refused": 6}
    assert [(each.row, each.column, each.code) for each in report.rows_refused] == [
        (3, "kind", PaperRefusal.KIND_UNKNOWN),
        (4, "place_code", PaperRefusal.PLACE_HAS_PARTS),
        (5, "code", PaperRefusal.CODE_REPEATED),
        (6, "opens", PaperRefusal.TIME_MALFORMED),
        (7, "name_en", PaperRefusal.NAME_MISSING),
        (8, "last_day", PaperRefusal.DAY_MALFORMED),
    ]
    assert there("AKM-10").hours == ONE_DAY
    again = "\n".join([COLUMNS, GOOD.replace("Ивановка", "Петровка")]).encode()
    for expected in ("changed", "same"):
        with unit_of_work() as session:
            report = paper.import_polling_places(
                session, PRIMARY, again, actor=desks.organizer, now=BEFORE
            )
        assert report.counts()[expected] == 1


def test_the_command_imports_and_writes_its_report(
    sqlite_desks: Desks, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del sqlite_desks
    given, report = tmp_path / "places.csv", tmp_path / "report.csv"
    given.write_text("\n".join([COLUMNS, GOOD, GOOD]), encoding="utf-8")
    command = ["import", "polling-places", str(given), "--report", str(report), "--json"]
    assert command_line.main(command) == 0
    assert json.loads(capsys.readouterr().out)["refused"] == 1
    (line,) = csv.DictReader(io.StringIO(report.read_text(encoding="utf-8")))
    assert (line["row"], line["column"], line["code"]) == ("3", "code", "code_repeated")


def test_a_clerk_has_one_post_inside_the_own_area(desks: Desks, make_actor) -> None:
    far = make_actor(Role.CLERK, place="113400000")
    for account, code in (
        (far.account_id, PaperRefusal.NOT_A_CLERK_THERE),
        (desks.organizer.account_id, PaperRefusal.NOT_A_CLERK_THERE),
        (desks.clerk.account_id, PaperRefusal.CLERK_ELSEWHERE),
    ):
        found = refused(
            lambda s, account=account: paper.assign_clerk(
                s, PRIMARY, account, VILLAGE, actor=desks.organizer, now=BEFORE
            )
        )
        assert found is code
    with reading() as session:
        assert desk_queries.free_clerks(session, PRIMARY, DISTRICT) == {}
    with unit_of_work() as session:
        paper.end_post(session, PRIMARY, desks.clerk.account_id, actor=desks.regional)
    with reading() as session:
        assert list(desk_queries.free_clerks(session, PRIMARY, DISTRICT)) == [
            desks.clerk.account_id
        ]
    found = refused(lambda s: paper.look_up(s, "850101300001", actor=desks.clerk, now=NOON))
    assert found is PaperRefusal.NO_POST


def test_a_place_knows_its_clerks_marks_and_list(desks: Desks) -> None:
    fix_list(desks, range(4))
    with reading() as session:
        lines, total = queries.polling_places(session, PRIMARY)
        connected, _total = queries.polling_places(
            session, PRIMARY, kind=PollingPlaceKind.CONNECTED, area=REGION, search="участок"
        )
        nothing, _none = queries.polling_places(session, PRIMARY, area="113400000")
        whole = queries.totals(session, PRIMARY)
    assert total == 2
    assert [(line.code, line.clerks, line.listed) for line in lines] == [
        (SCHOOL, 2, 0),
        (VILLAGE, 1, 4),
    ]
    assert [line.code for line in connected] == [SCHOOL]
    assert list(nothing) == []
    assert (whole.connected, whole.unconnected, whole.lists, whole.on_lists) == (1, 1, 1, 4)
