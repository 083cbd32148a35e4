"""Ceremony, count and publication as each role sees them."""

import re
from contextlib import contextmanager

import pytest
from streamlit.testing.v1 import AppTest

from core import clock
from core.database import unit_of_work
from core.results import queries
from core.results.ceremony import register_ceremony
from core.results.rules import CeremonyKind
from core.results.shares import hold_ceremony
from core.settings import ROOT
from core.staff.rules import Role
from tests.results.election import (
    BEFORE,
    COUNTING,
    INSTANT,
    LAST_SECOND,
    PRIMARY,
    VOTES,
    bring_to_counted,
    bring_to_signed,
    cast_all,
    prepare,
)
from tests.screens import open_page, signed_in

pytestmark = pytest.mark.usefixtures("sqlite_database")


@contextmanager
def kept_open(name, actor):
    """A screen whose runs all belong to one session, as those of one browser do."""
    with signed_in(actor):
        path = str(ROOT / "pages" / f"{name}.py")
        yield AppTest.from_file(path, default_timeout=20).run()


def shown(screen):
    """Everything a screen says, as one text."""
    parts = []
    for kind in [
        "title",
        "subheader",
        "caption",
        "markdown",
        "text",
        "info",
        "success",
        "warning",
        "error",
        "metric",
        "code",
    ]:
        for element in getattr(screen, kind):
            parts += [str(element.value), str(getattr(element, "label", ""))]
    parts += [frame.value.to_csv() for frame in screen.dataframe]
    return "\n".join(parts)


def totals_in(text):
    return [votes for votes in VOTES.values() if re.search(rf"(?<![\d.:]){votes}(?![\d.:])", text)]


@pytest.mark.parametrize("name", ["ceremony", "count", "publication"])
def test_without_a_primary_a_page_says_what_to_do_first(make_actor, name):
    with clock.fixed(BEFORE):
        screen = open_page(name, make_actor(Role.ORGANIZER))
    assert not screen.exception
    assert "Праймериз ещё не создан" in shown(screen)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("ceremony", {Role.ORGANIZER, Role.TRUSTEE}),
        ("count", {Role.ORGANIZER, Role.TRUSTEE, Role.CANVASSER}),
        ("publication", {Role.ORGANIZER, Role.CANVASSER, Role.OBSERVER}),
    ],
)
def test_other_roles_and_strangers_see_nothing(make_actor, tmp_path, name, allowed):
    election = bring_to_counted(make_actor, tmp_path)
    with clock.fixed(LAST_SECOND):
        for role in Role:
            screen = open_page(name, make_actor(role))
            assert not screen.exception
            assert bool(screen.title) == (role in allowed), role
            assert not totals_in(shown(screen))
        assert not open_page(name, None).title
    assert election


def test_a_trustee_confirms_the_fingerprint_on_the_sheet(make_actor):
    election = prepare(make_actor)
    held = hold_ceremony(3, 2)
    trustee = election.trustees[0]
    with clock.fixed(BEFORE):
        with unit_of_work() as session:
            number = register_ceremony(
                session,
                held.public,
                kind=CeremonyKind.ELECTION,
                actor=election.organizer,
                now=BEFORE,
            )
        with kept_open("ceremony", trustee) as screen:
            assert held.public.fingerprints[0] not in shown(screen)
            screen.text_input[0].set_value("0" * 16)
            screen.button(f"FormSubmitter:confirm-{number}-Эта доля у меня").click().run()
            assert "нет" in screen.error[0].value
            screen.text_input[0].set_value(held.public.fingerprints[0])
            screen.button(f"FormSubmitter:confirm-{number}-Эта доля у меня").click().run()
    assert not screen.exception
    with unit_of_work() as session:
        assert queries.ceremonies(session, PRIMARY)[-1].shares[0].trustee_id == trustee.account_id


def test_the_organizer_can_t_install_before_all_confirmed(make_actor):
    election = prepare(make_actor)
    with clock.fixed(BEFORE):
        with unit_of_work() as session:
            number = register_ceremony(
                session,
                hold_ceremony(4, 2).public,
                kind=CeremonyKind.ELECTION,
                actor=election.organizer,
                now=BEFORE,
            )
        screen = open_page("ceremony", election.organizer)
    assert screen.button(f"install-{number}").disabled
    assert "Осталось подтвердить 4 хранителям" in shown(screen)


def test_the_count_page_prepares_the_export_only_after_the_close(make_actor):
    election = prepare(make_actor)
    cast_all(election)
    with clock.fixed(BEFORE):
        screen = open_page("count", election.organizer)
        assert screen.button[0].disabled
    with clock.fixed(COUNTING), kept_open("count", election.organizer) as screen:
        screen.button[0].click().run()
    assert not screen.exception
    with unit_of_work() as session:
        primary = queries.primary_now(session)
        assert queries.count_state(session, primary).ballots == 9 + sum(VOTES.values()) - 40 + 13


def test_trustees_count_on_the_page_in_a_rehearsal_only(make_actor):
    election = prepare(make_actor, rehearsal=True)
    cast_all(election)
    trustee = election.trustees[0]
    with clock.fixed(COUNTING), kept_open("count", trustee) as screen:
        for area, share in zip(screen.text_area, election.held.shares, strict=False):
            area.set_value(share)
        screen.button("FormSubmitter:one-step-Вскрыть и подсчитать").click().run()
    assert not screen.exception
    assert "Подсчёт записан" in screen.success[0].value
    assert screen.metric[2].value == "да"
    assert not totals_in(shown(screen))


def test_in_an_election_no_page_takes_a_share(make_actor):
    election = prepare(make_actor)
    cast_all(election)
    with clock.fixed(COUNTING):
        screen = open_page("count", election.trustees[0])
    assert not screen.text_area
    assert "не вводятся никогда" in shown(screen)


def test_before_the_instant_the_publication_page_shows_totals_to_canvassers_alone(
    make_actor, tmp_path
):
    election = bring_to_signed(make_actor, tmp_path)
    with clock.fixed(LAST_SECOND):
        for actor in (election.organizer, make_actor(Role.OBSERVER), election.canvassers[0]):
            assert not totals_in(shown(open_page("publication", actor)))
        with kept_open("publication", election.canvassers[0]) as screen:
            screen.toggle(key="show_totals").set_value(True).run()
    assert not screen.exception
    assert totals_in(shown(screen)) == list(VOTES.values())


def test_at_the_instant_the_publication_page_shows_them_to_its_roles(make_actor, tmp_path):
    bring_to_signed(make_actor, tmp_path)
    with clock.fixed(INSTANT):
        screen = open_page("publication", make_actor(Role.OBSERVER))
    assert not screen.exception
    assert totals_in(shown(screen)) == list(VOTES.values())


def test_a_canvasser_signs_with_the_second_factor(make_actor, tmp_path):
    election = bring_to_counted(make_actor, tmp_path)
    canvasser = election.canvassers[0]
    code = election.code(canvasser, COUNTING)
    with clock.fixed(COUNTING), kept_open("publication", canvasser) as screen:
        screen.text_input[0].set_value("000000")
        screen.button("FormSubmitter:sign-Подписать итоги").click().run()
        assert screen.error
        screen.text_input[0].set_value(code)
        screen.button("FormSubmitter:sign-Подписать итоги").click().run()
    assert not screen.exception
    assert "Вы подписали итоги" in shown(screen)
