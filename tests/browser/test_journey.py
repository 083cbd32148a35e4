"""One journey through everything: administrator, organizer, voter, operator, commissioner,
trustees, canvassers, public. Each screen that is passed is kept as a picture.
"""

import csv
import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlmodel import col, select

from core import clock
from core.audit.queries import verify_chain
from core.cases.models import Case
from core.cases.rules import CaseState
from core.database import reading, unit_of_work
from core.paper import desk_queries
from core.primary.models import Primary
from core.rehearsal import service as rehearsal
from core.rehearsal.crew import demo_districts
from core.rehearsal.rules import PRIMARY_ID
from core.results.export import rules_at
from core.results.protocol import Protocol, Sheet
from core.results.protocol_queries import ProtocolLine, protocol_lines
from core.results.protocols import enter_first, enter_second
from core.results.rules import ProtocolState
from core.staff import second_factor, sessions
from core.staff.models import Account
from core.staff.queries import account_id_of
from core.staff.rules import Actor
from core.voting import queries as voting
from pages.wording import place_choices
from tests.browser.conftest import OpenVisit, Visit
from tests.browser.staff_screens import StaffScreens, say
from tests.voting import polls

MEMBERS = 600
PLACE = demo_districts()[0]
PANEL = f"commission-{PLACE[:4]}"


@dataclass
class Rehearsed:
    """What a trainer has in hand: passwords, voters, the trustees' words."""

    folder: Path

    def password(self, login: str) -> str:
        with (self.folder / "staff.csv").open(encoding="utf-8") as file:
            return next(row["password"] for row in csv.DictReader(file) if row["login"] == login)

    def voter(self) -> dict[str, str]:
        with (self.folder / "voters.csv").open(encoding="utf-8") as file:
            return next(csv.DictReader(file))

    def desk(self) -> tuple[str, list[str]]:
        """A polling place where somebody voted, and its clerks."""
        place = next(line.place.code for line in protocols_wanted() if line.place.is_connected)
        with reading() as session:
            seated = desk_queries.clerks(session, PRIMARY_ID, place)
        return place, [each.login for each in seated]

    def shares(self) -> list[str]:
        return (self.folder / "shares.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def rehearsed(installation: str) -> Rehearsed:
    """A rehearsal in the middle of its vote."""
    return Rehearsed(rehearsal.rehearse(MEMBERS, seed=7).folder)


def code_of(login: str) -> str:
    with reading() as session:
        account_id = account_id_of(session, login)
        assert account_id is not None
        return second_factor.code_now(session, account_id, now=clock.now())


def votes() -> int:
    with reading() as session:
        return voting.turnout(session, PRIMARY_ID).votes


def move_instants(**instants: object) -> None:
    """Set instants of the primary straight in its row: three processes have no common clock."""
    with unit_of_work() as session:
        primary = session.get_one(Primary, PRIMARY_ID)
        for name, instant in instants.items():
            setattr(primary, name, instant)
        session.add(primary)


def test_from_the_administrator_to_the_published_result(
    rehearsed: Rehearsed, staff_url: str, public_url: str, visit: OpenVisit
) -> None:
    visits: list[Visit] = []

    def staff(login: str, *, by_password: bool = False) -> StaffScreens:
        seen = visit()
        visits.append(seen)
        screens = StaffScreens(seen, staff_url)
        if by_password:
            screens.sign_in(login, rehearsed.password(login))
        else:
            screens.enter_as(login)
        return screens

    administrator_makes_an_account(staff("admin1", by_password=True), staff("admin2"))
    organizer = staff("organizer1", by_password=True)
    organizer_looks_round(organizer)
    before = votes()
    public = visit()
    visits.append(public)
    voter_votes(public, public_url, rehearsed.voter())
    assert votes() == before + 1
    monitor_shows_it(organizer)
    number = operator_takes_a_call(staff("operator1", by_password=True))
    commission_takes_the_case(staff(f"{PANEL}-secretary", by_password=True), number)
    the_vote_closes(public, public_url)
    place, (one, other) = rehearsed.desk()
    clerks_enter_a_protocol(
        staff(one, by_password=True), staff(other, by_password=True), marked_at(place)
    )
    organizers_enter_the_other_protocols()
    trustees_count(staff("trustee1", by_password=True), rehearsed.shares())
    for login in ("canvasser1", "canvasser2"):
        canvasser_signs(staff(login, by_password=True), login)
    results_become_public(organizer, public, public_url)
    with reading() as session:
        assert verify_chain(session).fault is None
    assert not [complaint for seen in visits for complaint in seen.complaints]


def administrator_makes_an_account(first: StaffScreens, second: StaffScreens) -> None:
    first.shot("01-overview-of-an-administrator")
    first.open("staff", say("Staff"))
    first.press(say("New account"))
    first.fill(say("Surname, name, patronymic"), "Новый Оператор")
    first.fill(say("Login"), "operator9")
    first.choose(say("Role"), "Оператор")
    first.press(say("Add role"))
    first.fill(say("Reason"), "Усиление горячей линии")
    first.shot("02-new-account")
    first.press(say("Propose account"))
    first.shot("03-staff")
    for path, title in (
        ("audit", "Audit log"),
        ("health", "System health"),
        ("profile", "Profile"),
    ):
        first.open(path, say(title))
        first.shot(f"04-{path}")
    second.open("staff", say("Staff"))
    second.visit.page.get_by_role("tab").nth(1).click(delay=120)
    second.settle()
    second.press(say("Confirm"), exact=True)
    shown = second.visit.page.get_by_text(say("I have handed it over"))
    expect(shown).to_be_visible()
    second.shot("05-account-confirmed")


def organizer_looks_round(organizer: StaffScreens) -> None:
    for number, (path, title) in enumerate(
        (
            ("freeze", "Admission freeze"),
            ("applications", "Applications"),
            ("members", "Member register"),
            ("timeline", "Timeline"),
            ("constituencies", "Constituencies"),
            ("candidates", "Candidates"),
            ("readiness", "Readiness"),
            ("rejections", "Rejections"),
            ("address_policy", "Address rule"),
            ("commissions", "Commissions"),
            ("ceremony", "Key ceremony"),
        )
    ):
        organizer.visit.page.goto(f"{organizer.url}/{path}")
        organizer.settle()
        heading = organizer.visit.page.get_by_role("heading", level=1)
        expect(heading.first).to_be_visible(timeout=30_000)
        expect(organizer.visit.page.locator("[data-testid=stException]")).to_have_count(0)
        assert not organizer.scrolls_sideways(), title
        organizer.shot(f"1{number:02}-{path}")


def voter_votes(seen: Visit, url: str, voter: dict[str, str]) -> None:
    page = seen.page
    page.goto(f"{url}/ru/vote")
    seen.shot("30-vote")
    page.locator("#iin").fill(voter["iin"])
    page.locator("#mobile").fill(voter["mobile"])
    page.locator("[data-form=identify] button").click()
    expect(page.locator("[data-step=code]")).to_be_visible()
    page.locator("#code").fill(_code(seen, voter["mobile"]))
    page.locator("[data-form=code] button[type=submit]").click()
    expect(page.locator("[data-step=ballot]")).to_be_visible()
    for contest in page.locator("fieldset").all():
        contest.locator("input").first.check()
    seen.shot("31-ballot")
    page.locator("[data-form=ballot] button[type=submit]").click()
    page.locator("[data-action=cast]").click()
    expect(page.locator("[data-step=done]")).to_be_visible(timeout=30_000)
    seen.shot("32-receipt")


def _code(seen: Visit, mobile: str) -> str:
    for _wait in range(150):
        sent = [sms["text"] for sms in polls.outbox() if sms["to"] == mobile]
        found = re.search(r"\d{6}", sent[-1]) if sent else None
        if found:
            return found.group()
        seen.page.wait_for_timeout(100)
    raise AssertionError("no code came")


def monitor_shows_it(organizer: StaffScreens) -> None:
    organizer.open("turnout", say("Turnout"))
    with reading() as session:
        expected = voting.turnout(session, PRIMARY_ID).votes
    value = organizer.visit.page.locator("[data-testid=stMetricValue]").first
    expect(value).to_have_text(re.compile(rf"^{expected}$"), timeout=20_000)
    assert not organizer.scrolls_sideways()
    organizer.shot("40-turnout")
    organizer.open("turnout?wall=1", say("Turnout"))
    expect(organizer.visit.page.locator("[data-testid=stSidebar]")).to_have_count(0)
    organizer.visit.shot("41-wall")


def operator_takes_a_call(operator: StaffScreens) -> str:
    """From ring to saved; gives the number of the case."""
    operator.open("call", say("Log a call"))
    operator.fill(say("Caller's number"), "8 701 555 01 42")
    operator.choose(say("Category"), "принуждение к вступ")
    operator.choose(say("Place"), place_choices()[PLACE])
    operator.fill(
        say("What happened"), "Начальник смены требует вступить в партию, иначе уволит. Нас восемь."
    )
    operator.shot("50-call")
    operator.field(say("What happened")).press("Control+Enter")
    expect(
        operator.visit.page.get_by_text(say("Saved. Read this out to the caller:"))
    ).to_be_visible()
    operator.shot("51-receipt")
    number = newest_case()
    operator.open(f"case?number={number}", "")
    operator.shot("52-case")
    page = operator.visit.page
    page.get_by_text(say("Nobody is named in the complaint")).click(delay=120)
    operator.settle()
    page.get_by_role("radio", name="2").or_(
        page.get_by_role("button", name="2", exact=True)
    ).first.click(delay=120)
    operator.settle()
    with_words(operator, "Move.submit")
    operator.shot("53-submitted")
    assert state_of(number) is CaseState.ADMISSIBILITY
    operator.open("cases", "")
    operator.shot("54-cases")
    operator.open("contacts", "")
    operator.shot("55-contacts")
    return number


def with_words(screens: StaffScreens, key: str) -> None:
    """Press the primary button that makes a move: the last one with the move's word."""
    word = say(key)
    screens.visit.page.locator("button[kind=primary]").filter(has_text=word).last.click(delay=120)
    screens.settle()


def newest_case() -> str:
    with reading() as session:
        return session.exec(select(Case.number).order_by(col(Case.id).desc()).limit(1)).one()


def state_of(number: str) -> CaseState:
    with reading() as session:
        return CaseState(session.exec(select(Case.state).where(col(Case.number) == number)).one())


def commission_takes_the_case(secretary: StaffScreens, number: str) -> None:
    secretary.shot("60-overview-of-a-commissioner")
    secretary.open(f"case?number={number}", "")
    secretary.fill(say("Why the case is admissible"), "Есть признаки принуждения.")
    lead = secretary.visit.page.get_by_role("combobox", name=say("Lead member")).first
    lead.click(delay=60)
    secretary.visit.page.get_by_role("option").nth(2).click(delay=60)
    secretary.settle()
    secretary.shot("61-assign")
    with_words(secretary, "Move.assign")
    secretary.shot("62-assigned")
    assert state_of(number) is CaseState.ASSIGNED


def the_vote_closes(public: Visit, url: str) -> None:
    now = clock.now()
    move_instants(
        voting_closes=now - timedelta(hours=1),
        freeze_end=now + timedelta(hours=1),
        publication=now + timedelta(hours=1),
    )
    public.page.wait_for_timeout(1500)
    public.page.goto(f"{url}/ru/vote")
    public.shot("70-vote-closed")
    public.page.goto(f"{url}/ru/results")
    assert public.page.get_by_role("table").count() == 0
    public.shot("71-results-before")


def protocols_wanted() -> list[ProtocolLine]:
    with reading() as session:
        lines = protocol_lines(session, PRIMARY_ID)
    return [line for line in lines if line.state is ProtocolState.MISSING]


def marked_at(place: str) -> int:
    return next(line.entitled for line in protocols_wanted() if line.place.code == place)


def clerks_enter_a_protocol(first: StaffScreens, second: StaffScreens, issued: int) -> None:
    """Everybody handed in an empty ballot here; each clerk types that from the paper."""
    wanted, written = len(protocols_wanted()), ""
    for clerk, press in ((first, say("Enter as the first")), (second, say("Compare and seal"))):
        clerk.open("protocols", say("Protocols"))
        if written:
            clerk.fill(say("Code of the first entry"), written)
        numbers = clerk.area.get_by_role("spinbutton")
        for index in range(numbers.count()):
            field = numbers.nth(index)
            label = field.get_attribute("aria-label") or ""
            empty = (
                say("Voters who were handed ballots"),
                say("Figure.valid"),
                say("Figure.blank"),
            )
            field.fill(str(issued if label in empty else 0))
            field.press("Tab")
        clerk.settle()
        clerk.shot("72-protocol")
        clerk.press(press)
        groups = clerk.area.get_by_role("heading", level=2).filter(has_text="–")
        if clerk is first:
            # On a busy machine the press may not have begun to run when the screen looks settled.
            expect(groups.first).to_be_visible(timeout=30_000)
            written = " ".join(groups.all_inner_texts())
        clerk.shot("73-protocol-entered")
    assert len(protocols_wanted()) == wanted - 1


def organizers_enter_the_other_protocols() -> None:
    one, other = (rehearsed_actor(login) for login in ("organizer1", "organizer2"))
    for line in protocols_wanted():
        count, absent = line.entitled, None if line.place.is_connected else 0
        with reading() as session:
            contests = rules_at(session, PRIMARY_ID, line.place.place_code)
        empty = {
            contest: Sheet(
                valid=count, blank=count, spoiled=0, votes=dict.fromkeys(rules.candidates, 0)
            )
            for contest, rules in contests.items()
        }
        protocol = Protocol(polling_place=line.place.code, issued=count, sheets=empty)
        with unit_of_work() as session:
            code = enter_first(session, protocol, absent=absent, actor=one, now=clock.now())
        with unit_of_work() as session:
            enter_second(
                session, protocol, absent=absent, code=code.spelled, actor=other, now=clock.now()
            )
    assert not protocols_wanted()


def rehearsed_actor(login: str) -> Actor:
    with reading() as session:
        account_id = account_id_of(session, login)
        return sessions.actor_of(session, session.get_one(Account, account_id))


def trustees_count(trustee: StaffScreens, shares: list[str]) -> None:
    trustee.open("count", say("Close and count"))
    for number, share in enumerate(shares[:3], start=1):
        trustee.field(say("Words of share {number}", number=number)).fill(share)
    trustee.shot("80-shares")
    trustee.visit.page.get_by_role("button", name=say("Open and count")).click(delay=120)
    told = trustee.visit.page.locator("[data-testid=stAlert]").filter(
        has_text=re.compile("подсч", re.IGNORECASE)
    )
    expect(told.first).to_be_visible(timeout=60_000)
    trustee.shot("81-counted")


def canvasser_signs(canvasser: StaffScreens, login: str) -> None:
    canvasser.open("publication", say("Publication"))
    canvasser.field(say("Code of your second factor")).fill(code_of(login))
    canvasser.visit.page.get_by_role("button", name=say("Sign the canvass")).click(delay=120)
    expect(canvasser.visit.page.get_by_text(say("You signed the canvass."))).to_be_visible()
    canvasser.shot(f"82-signed-by-{login}")


def results_become_public(organizer: StaffScreens, public: Visit, url: str) -> None:
    public.page.goto(f"{url}/ru/results")
    assert public.page.get_by_role("table").count() == 0
    organizer.open("publication", say("Publication"))
    organizer.shot("90-publication")
    now = clock.now()
    move_instants(publication=now, freeze_end=now)
    public.page.wait_for_timeout(1200)
    public.page.goto(f"{url}/ru/results")
    public.shot("91-results")
    public.page.goto(f"{url}/ru/results/list")
    expect(public.page.get_by_role("table").first).to_be_visible()
    public.shot("92-results-of-a-contest")
    public.page.goto(f"{url}/ru/")
    public.shot("93-front")
