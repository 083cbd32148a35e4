import pytest

from core import places
from core.errors import Refused
from core.i18n import use_locale
from core.places import PlaceLevel, PlaceRefusal


def test_the_register_holds_the_233_units_of_2020() -> None:
    levels = [unit.level for unit in places.all_places()]
    assert len(levels) == 233
    assert levels.count(PlaceLevel.REGION) == 14
    assert levels.count(PlaceLevel.REPUBLICAN_CITY) == 3
    assert levels.count(PlaceLevel.DISTRICT) == 163
    assert levels.count(PlaceLevel.CITY) == 37
    assert levels.count(PlaceLevel.CITY_DISTRICT) == 16


def test_every_unit_leads_up_to_one_of_the_17_upper_units() -> None:
    upper = {unit.code for unit in places.children(None)}
    assert len(upper) == 17
    assert {places.region_of(unit.code) for unit in places.all_places()} == upper
    assert {tile.code for tile in places.tile_grid()} == upper


def test_a_unit_is_its_own_first_ancestor() -> None:
    assert [unit.code for unit in places.ancestors("791310000")] == ["791310000", "790000000"]


def test_names_come_in_the_reader_s_language() -> None:
    assert places.name("750000000") == "город Алматы"
    with use_locale("kk"):
        assert places.name("750000000") == "Алматы қаласы"
    assert places.name("750000000", "en") == "Almaty"


def test_an_unknown_code_is_refused_with_the_code() -> None:
    with pytest.raises(Refused) as refused:
        places.place("000000000")
    assert refused.value.code is PlaceRefusal.UNKNOWN_PLACE
    assert refused.value.facts == {"code": "000000000"}


def test_regions_of_another_offset_carry_their_zone() -> None:
    assert places.place("230000000").zone.key == "Asia/Atyrau"
