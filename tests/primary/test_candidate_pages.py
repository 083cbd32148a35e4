"""The page of a candidate: written by organizers, the same room for all, fixed with the ballot."""

import pytest
from sqlmodel import Session, col, select

from core.audit.models import AuditEntry
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import use_locale
from core.primary import candidate_queries, queries, service
from core.primary.models import CandidatePhoto
from core.primary.page_rules import PageRefusal
from core.primary.photos import Photo, read_photo
from core.primary.rules import PrimaryRefusal
from core.staff.rules import Role, StaffRefusal
from tests.conftest import MakeActor
from tests.primary.conftest import (
    CANDIDATES,
    CONTESTS,
    NOW,
    PRIMARY,
    SEALING,
    People,
    Race,
    get_ready,
    make_primary,
)
from tests.primary.test_photos import picture

RED = read_photo(picture(colour="red"))
BLUE = read_photo(picture(colour="blue"))
DRAFT = service.PageDraft(
    programmes={"ru": "Первое.\n\nВторое.", "kk": "Бірінші."}, links=["https://example.kz/me"]
)


@pytest.fixture
def stands(session: Session, primary: str, people: People) -> dict[str, str]:
    """Candidates by last name: their identifiers."""
    service.import_contests(session, primary, CONTESTS, actor=people.one, now=NOW)
    service.import_candidates(session, primary, CANDIDATES, actor=people.one, now=NOW)
    return {each.last_name: each.id for each in queries.candidates(session, primary)[0]}


def _photos(session: Session) -> set[str]:
    return set(session.exec(select(CandidatePhoto.digest)).all())


def test_a_candidate_without_a_page_has_an_empty_one(
    session: Session, primary: str, stands: dict[str, str]
) -> None:
    page = candidate_queries.candidate_page(session, primary, stands["Ким"])
    assert page is not None
    assert (page.programme, page.links, page.photo, page.changed_at) == ((), (), None, None)
    assert page.contest.id == "list"
    assert candidate_queries.candidate_page(session, primary, "NOBODY00") is None
    assert candidate_queries.candidate_page(session, "another", stands["Ким"]) is None


def test_a_page_tells_its_programme_in_the_readers_language_or_the_next_best(
    session: Session, primary: str, people: People, stands: dict[str, str]
) -> None:
    service.write_page(session, stands["Ким"], DRAFT, actor=people.one, now=NOW)
    page = candidate_queries.candidate_page(session, primary, stands["Ким"])
    assert page is not None
    assert page.links == ("https://example.kz/me",)
    read = {}
    for locale in ("ru", "kk", "en"):
        with use_locale(locale):
            read[locale] = (page.programme_language, page.programme)
    assert read == {
        "ru": ("ru", ("Первое.", "Второе.")),
        "kk": ("kk", ("Бірінші.",)),
        "en": ("ru", ("Первое.", "Второе.")),
    }


def test_a_page_is_written_over_and_an_unchanged_one_is_refused(
    session: Session, primary: str, people: People, stands: dict[str, str]
) -> None:
    service.write_page(session, stands["Ким"], DRAFT, actor=people.one, now=NOW)
    with pytest.raises(Refused) as refused:
        service.write_page(session, stands["Ким"], DRAFT, actor=people.two, now=NOW)
    assert refused.value.code is PageRefusal.PAGE_UNCHANGED
    service.write_page(session, stands["Ким"], service.PageDraft(), actor=people.two, now=NOW)
    page = candidate_queries.candidate_page(session, primary, stands["Ким"])
    assert page is not None
    assert page.programme == ()


def test_what_a_page_may_not_hold_is_refused(
    session: Session, people: People, stands: dict[str, str]
) -> None:
    for draft, code in (
        (service.PageDraft(programmes={"kk": "а" * 4001}), PageRefusal.PROGRAMME_TOO_LONG),
        (service.PageDraft(links=["http://example.kz"]), PageRefusal.LINK_INVALID),
    ):
        with pytest.raises(Refused) as refused:
            service.write_page(session, stands["Ким"], draft, actor=people.one, now=NOW)
        assert refused.value.code is code
    with pytest.raises(Refused) as refused:
        service.write_page(session, "NOBODY00", DRAFT, actor=people.one, now=NOW)
    assert refused.value.code is PrimaryRefusal.UNKNOWN_CANDIDATE


def test_a_photo_is_kept_as_long_as_a_page_shows_it(
    session: Session, primary: str, people: People, stands: dict[str, str]
) -> None:
    kim, akhmetova = stands["Ким"], stands["Ахметова"]
    service.set_photo(session, kim, RED, actor=people.one, now=NOW)
    service.set_photo(session, akhmetova, RED, actor=people.one, now=NOW)
    service.set_photo(session, kim, BLUE, actor=people.one, now=NOW)
    assert _photos(session) == {RED.digest, BLUE.digest}
    service.remove_photo(session, akhmetova, actor=people.one, now=NOW)
    assert _photos(session) == {BLUE.digest}
    assert candidate_queries.photo_bytes(session, BLUE.digest) == BLUE.content
    assert candidate_queries.photo_bytes(session, BLUE.digest, small=True) == BLUE.small
    assert candidate_queries.photo_bytes(session, RED.digest) is None
    shown = {
        each.candidate.id: each.photo
        for each in candidate_queries.standing(session, primary, "list")
    }
    assert shown == {kim: BLUE.digest, akhmetova: None}
    with pytest.raises(Refused) as refused:
        service.remove_photo(session, akhmetova, actor=people.one, now=NOW)
    assert refused.value.code is PageRefusal.NO_PHOTO


def test_every_change_of_a_page_is_in_the_audit_log_without_its_text(
    session: Session, people: People, stands: dict[str, str]
) -> None:
    service.write_page(session, stands["Ким"], DRAFT, actor=people.one, now=NOW)
    service.set_photo(session, stands["Ким"], RED, actor=people.two, now=NOW)
    service.remove_photo(session, stands["Ким"], actor=people.two, now=NOW)
    entries = session.exec(
        select(AuditEntry)
        .where(col(AuditEntry.act).contains("candidate_p"))
        .order_by(col(AuditEntry.number))
    ).all()
    assert [entry.act for entry in entries] == [
        "write_candidate_page",
        "set_candidate_photo",
        "remove_candidate_photo",
    ]
    said = "".join(entry.details for entry in entries)
    assert stands["Ким"] in said
    assert RED.digest in said
    assert "Первое" not in said


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.REGISTRAR, Role.COMMISSIONER])
def test_nobody_but_an_organizer_of_the_centre_changes_a_page(
    session: Session, stands: dict[str, str], make_actor: MakeActor, role: Role
) -> None:
    stranger = make_actor(role, session=session)
    regional = make_actor(Role.ORGANIZER, place="750000000", session=session)
    for actor in (stranger, regional):
        with pytest.raises(Refused) as refused:
            service.write_page(session, stands["Ким"], DRAFT, actor=actor, now=NOW)
        assert refused.value.code is StaffRefusal.FORBIDDEN
        with pytest.raises(Refused):
            service.set_photo(session, stands["Ким"], RED, actor=actor, now=NOW)


def test_pages_are_fixed_with_the_ballot(session: Session, primary: str, people: People) -> None:
    get_ready(session, people.one)
    stands = {each.last_name: each.id for each in queries.candidates(session, primary)[0]}
    service.set_photo(session, stands["Ким"], RED, actor=people.one, now=SEALING)
    service.sign_readiness(session, primary, actor=people.one, now=SEALING)
    for change in (
        lambda: service.write_page(session, stands["Ким"], DRAFT, actor=people.one, now=SEALING),
        lambda: service.set_photo(session, stands["Ким"], BLUE, actor=people.one, now=SEALING),
        lambda: service.remove_photo(session, stands["Ким"], actor=people.one, now=SEALING),
    ):
        with pytest.raises(Refused) as refused:
            change()
        assert refused.value.code is PrimaryRefusal.BALLOT_FIXED


def test_a_cancelled_candidate_gets_no_new_page_and_stands_on_no_list(
    session: Session, primary: str, people: People, stands: dict[str, str]
) -> None:
    service.cancel_registration(
        session, stands["Ким"], actor=people.one, decision="7/2020", now=NOW
    )
    with pytest.raises(Refused) as refused:
        service.write_page(session, stands["Ким"], DRAFT, actor=people.one, now=NOW)
    assert refused.value.code is PrimaryRefusal.CANDIDATE_CANCELLED
    listed = candidate_queries.standing(session, primary, "list")
    assert [each.candidate.last_name for each in listed] == ["Ахметова"]
    lines = {line.id: line.standing for line in candidate_queries.contest_lines(session, primary)}
    assert lines == {"list": 1, "almaty-1": 1}


def test_two_photos_at_once_leave_one_and_no_other(
    database: str, make_actor: MakeActor, race: Race
) -> None:
    organizer = make_actor(Role.ORGANIZER)
    with unit_of_work() as session:
        make_primary(session, organizer)
        service.import_contests(session, PRIMARY, CONTESTS, actor=organizer, now=NOW)
        service.import_candidates(session, PRIMARY, CANDIDATES, actor=organizer, now=NOW)
        kim, akhmetova = (
            each.id
            for each in sorted(
                queries.candidates(session, PRIMARY, contest_id="list")[0],
                key=lambda each: each.last_name,
                reverse=True,
            )
        )
        service.set_photo(session, kim, RED, actor=organizer, now=NOW)

    def show(candidate: str, photo: Photo) -> object:
        return lambda session: service.set_photo(
            session, candidate, photo, actor=organizer, now=NOW
        )

    # One begins to show the photo that the other takes away at the same moment.
    outcomes = race(show(kim, BLUE), show(akhmetova, RED))  # type: ignore[arg-type]
    assert outcomes == [None, None]
    with unit_of_work() as session:
        assert _photos(session) == {RED.digest, BLUE.digest}
        page = candidate_queries.candidate_page(session, PRIMARY, akhmetova)
        assert page is not None
        assert page.photo == RED.digest
