"""Signing in, step by step, and the ticket at its end."""

from datetime import datetime, timedelta

import pyotp
import pytest
from sqlmodel import Session

from core import clock
from core.errors import Refused
from core.staff import passwords, second_factor, service, sessions, sign_in
from core.staff.models import Account, StaffSession
from core.staff.rules import Grant, Role, SignInStep, StaffRefusal
from tests.conftest import MakeActor
from tests.staff.conftest import NOW

BROWSER = "what the browser was given at the door"
ADDRESS = "203.0.113.7"


def new_clerk(session: Session, make_actor: MakeActor) -> service.NewPassword:
    admin = make_actor(Role.ADMINISTRATOR, session=session)
    draft = service.AccountDraft(login="clerk", name="Асель", grants=frozenset({Grant(Role.CLERK)}))
    return service.create_account(session, draft, actor=admin, now=NOW)


def finished(session: Session, make_actor: MakeActor) -> sign_in.Progress:
    """A sign-in of a clerk with everything done but the ticket."""
    new_clerk(session, make_actor)
    progress = sign_in.begin(session, "clerk", now=NOW)
    sign_in.choose_password(session, progress, "весенний дождь 7", now=NOW)
    secret = second_factor.new_secret()
    enrolled = sign_in.enrol(session, progress, secret, pyotp.TOTP(secret).at(NOW), now=NOW)
    assert enrolled
    return enrolled[0]


def code_of(refused: pytest.ExceptionInfo[Refused]) -> str:
    return str(refused.value.code)


def test_the_first_sign_in_goes_through_every_step(session: Session, make_actor: MakeActor) -> None:
    new = new_clerk(session, make_actor)
    door = sign_in.door(session, " Clerk ", address=ADDRESS, now=NOW)
    assert door.account_id == new.account_id
    assert passwords.is_password(new.password, door.password_hash)
    progress = sign_in.begin(session, "clerk", now=NOW)
    assert sign_in.next_step(session, progress, now=NOW) is SignInStep.NEW_PASSWORD
    sign_in.choose_password(session, progress, "весенний дождь 7", now=NOW)
    assert sign_in.next_step(session, progress, now=NOW) is SignInStep.ENROL
    secret = second_factor.new_secret()
    assert sign_in.enrol(session, progress, secret, "000000", now=NOW) is None
    enrolled = sign_in.enrol(session, progress, secret, pyotp.TOTP(secret).at(NOW), now=NOW)
    assert enrolled
    progress, codes = enrolled
    assert len(set(codes)) == 10
    assert sign_in.next_step(session, progress, now=NOW) is SignInStep.READY
    ticket = sign_in.issue_ticket(session, progress, browser=BROWSER, now=NOW)
    token = sign_in.redeem_ticket(session, ticket, browser=BROWSER, old_token=None, now=NOW)
    actor = sessions.resolve(session, token, now=NOW)
    assert actor
    assert (actor.login, actor.roles) == ("clerk", {Role.CLERK})


def test_an_unfinished_sign_in_gets_no_ticket(session: Session, make_actor: MakeActor) -> None:
    new_clerk(session, make_actor)
    progress = sign_in.begin(session, "clerk", now=NOW)
    with pytest.raises(Refused) as refused:
        sign_in.issue_ticket(session, progress, browser=BROWSER, now=NOW)
    assert code_of(refused) == StaffRefusal.SIGN_IN_INCOMPLETE


def test_a_sign_in_that_took_too_long_begins_again(session: Session, make_actor: MakeActor) -> None:
    progress = finished(session, make_actor)
    late = NOW + sign_in.PROGRESS_LIFE + timedelta(seconds=1)
    with pytest.raises(Refused) as refused:
        sign_in.issue_ticket(session, progress, browser=BROWSER, now=late)
    assert code_of(refused) == StaffRefusal.SIGN_IN_INCOMPLETE


def test_a_ticket_works_once(session: Session, make_actor: MakeActor) -> None:
    progress = finished(session, make_actor)
    ticket = sign_in.issue_ticket(session, progress, browser=BROWSER, now=NOW)
    sign_in.redeem_ticket(session, ticket, browser=BROWSER, old_token=None, now=NOW)
    with pytest.raises(Refused) as refused:
        sign_in.redeem_ticket(session, ticket, browser=BROWSER, old_token=None, now=NOW)
    assert code_of(refused) == StaffRefusal.TICKET_REFUSED


@pytest.mark.parametrize(
    ("browser", "after"),
    [("another browser", 0), (None, 0), ("", 0), (BROWSER, 30)],
    ids=["another browser", "no cookie", "empty cookie", "half a minute later"],
)
def test_a_ticket_is_for_its_browser_and_for_half_a_minute(
    session: Session, make_actor: MakeActor, browser: str | None, after: int
) -> None:
    progress = finished(session, make_actor)
    ticket = sign_in.issue_ticket(session, progress, browser=BROWSER, now=NOW)
    later = NOW + timedelta(seconds=after)
    with pytest.raises(Refused) as refused:
        sign_in.redeem_ticket(session, ticket, browser=browser, old_token=None, now=later)
    assert code_of(refused) == StaffRefusal.TICKET_REFUSED


def test_a_new_sign_in_ends_the_session_of_the_old_cookie(
    session: Session, make_actor: MakeActor
) -> None:
    progress = finished(session, make_actor)
    old = make_actor(Role.OPERATOR, session=session)
    old_token = sessions.open_session(session, old.account_id, now=NOW)
    ticket = sign_in.issue_ticket(session, progress, browser=BROWSER, now=NOW)
    sign_in.redeem_ticket(session, ticket, browser=BROWSER, old_token=old_token, now=NOW)
    assert sessions.resolve(session, old_token, now=NOW) is None


def test_a_copied_cookie_is_dead_after_sign_out(session: Session, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK, session=session)
    token = sessions.open_session(session, actor.account_id, now=NOW)
    assert sessions.resolve(session, token, now=NOW)
    sign_in.sign_out(session, token, now=NOW)
    assert sessions.resolve(session, token, now=NOW) is None


def test_a_code_is_accepted_once(session: Session, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK, session=session)
    secret = second_factor.new_secret()
    second_factor.install_secret(session, actor.account_id, secret)
    code = pyotp.TOTP(secret).at(NOW)
    assert second_factor.accept_code(session, actor.account_id, code, NOW)
    assert not second_factor.accept_code(session, actor.account_id, code, NOW)
    earlier = pyotp.TOTP(secret).at(NOW - timedelta(seconds=30))
    assert not second_factor.accept_code(session, actor.account_id, earlier, NOW)
    later = NOW + timedelta(seconds=60)
    assert second_factor.accept_code(session, actor.account_id, pyotp.TOTP(secret).at(later), later)


def test_acts_of_weight_ask_for_the_code_again(session: Session, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CANVASSER, session=session)
    second_factor._wrong.clear()
    with pytest.raises(Refused) as refused:
        service.check_second_factor(session, actor, "123456", NOW)
    assert code_of(refused) == StaffRefusal.SECOND_FACTOR_MISSING
    secret = second_factor.new_secret()
    second_factor.install_secret(session, actor.account_id, secret)
    code = pyotp.TOTP(secret).at(NOW)
    service.check_second_factor(session, actor, code, NOW)
    with pytest.raises(Refused) as refused:
        service.check_second_factor(session, actor, code, NOW)
    assert code_of(refused) == StaffRefusal.SECOND_FACTOR_WRONG


def test_codes_are_not_guessed_at_a_screen_left_open(
    session: Session, make_actor: MakeActor
) -> None:
    actor = make_actor(Role.CANVASSER, session=session)
    secret = second_factor.new_secret()
    second_factor.install_secret(session, actor.account_id, secret)
    second_factor._wrong.clear()
    codes = []
    for _number in range(7):
        with pytest.raises(Refused) as refused:
            service.check_second_factor(session, actor, "000000", NOW)
        codes.append(code_of(refused))
    assert codes == [StaffRefusal.SECOND_FACTOR_WRONG] * 6 + [StaffRefusal.LOCKED_OUT]
    with pytest.raises(Refused):
        service.check_second_factor(session, actor, pyotp.TOTP(secret).at(NOW), NOW)
    later = NOW + timedelta(minutes=15)
    service.check_second_factor(session, actor, pyotp.TOTP(secret).at(later), later)


def test_a_recovery_code_stands_in_once(session: Session, make_actor: MakeActor) -> None:
    progress = finished(session, make_actor)
    codes = second_factor.renew_recovery_codes(session, progress.account_id)
    fresh = sign_in.begin(session, "clerk", now=NOW)
    assert sign_in.next_step(session, fresh, now=NOW) is SignInStep.SECOND_FACTOR
    given = sign_in.give_code(session, fresh, codes[0].upper(), address=ADDRESS, now=NOW)
    assert isinstance(given, sign_in.Progress)
    assert sign_in.next_step(session, given, now=NOW) is SignInStep.READY
    again = sign_in.give_code(session, fresh, codes[0], address=ADDRESS, now=NOW)
    assert again is None


def test_wrong_codes_lock_like_wrong_passwords(session: Session, make_actor: MakeActor) -> None:
    finished(session, make_actor)
    progress = sign_in.begin(session, "clerk", now=NOW)
    answers = [
        sign_in.give_code(session, progress, "000000", address=ADDRESS, now=NOW)
        for _try in range(7)
    ]
    assert answers[:5] == [None] * 5
    assert all(isinstance(answer, datetime) for answer in answers[5:])


def test_six_wrong_passwords_lock_a_login_known_or_not(session: Session) -> None:
    for login in ("nobody", "Nobody "):
        for _try in range(3):
            sign_in.note_password_wrong(session, login, address=None, now=NOW)
    locked = sign_in.door(session, "nobody", address=None, now=NOW).locked_until
    assert locked == NOW + timedelta(minutes=15)
    after = sign_in.door(session, "nobody", address=None, now=locked).locked_until
    assert after is None


def test_thirty_wrong_passwords_lock_an_address_for_every_login(session: Session) -> None:
    for number in range(30):
        sign_in.note_password_wrong(session, f"name{number}", address="2001:db8::1", now=NOW)
    neighbour = sign_in.door(session, "other", address="2001:db8::ffff", now=NOW)
    stranger = sign_in.door(session, "other", address="2001:db8:0:1::1", now=NOW)
    assert neighbour.locked_until
    assert stranger.locked_until is None


def test_an_unknown_login_costs_as_much_as_a_known_one(
    session: Session, make_actor: MakeActor
) -> None:
    new_clerk(session, make_actor)
    known = sign_in.door(session, "clerk", address=ADDRESS, now=NOW)
    unknown = sign_in.door(session, "nobody", address=ADDRESS, now=NOW)
    assert unknown.account_id is None
    assert known.password_hash[:7] == unknown.password_hash[:7], "the same number of rounds"


def test_a_disabled_account_has_no_door(session: Session, make_actor: MakeActor) -> None:
    new = new_clerk(session, make_actor)
    account = session.get(Account, new.account_id)
    assert account
    account.disabled_at = NOW
    session.add(account)
    session.flush()
    door = sign_in.door(session, "clerk", address=ADDRESS, now=NOW)
    assert door.account_id is None
    assert door.password_hash != account.password_hash


def test_an_account_that_does_not_count_yet_does_not_sign_in(
    session: Session, make_actor: MakeActor
) -> None:
    new = new_clerk(session, make_actor)
    account = session.get(Account, new.account_id)
    assert account
    account.effective_at = NOW + timedelta(hours=1)
    session.add(account)
    session.flush()
    with pytest.raises(Refused) as refused:
        sign_in.begin(session, "clerk", now=NOW)
    assert code_of(refused) == StaffRefusal.ACCOUNT_TOO_YOUNG


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("короткий", StaffRefusal.PASSWORD_SHORT),
        ("я" * 37, StaffRefusal.PASSWORD_LONG),
        ("my clerk password", StaffRefusal.PASSWORD_EASY),
        ("aaaaaaaaaaaaaaa", StaffRefusal.PASSWORD_EASY),
    ],
)
def test_a_bad_password_is_answered_by_a_sentence(
    session: Session, make_actor: MakeActor, password: str, code: StaffRefusal
) -> None:
    new_clerk(session, make_actor)
    progress = sign_in.begin(session, "clerk", now=NOW)
    with pytest.raises(Refused) as refused:
        sign_in.choose_password(session, progress, password, now=NOW)
    assert code_of(refused) == code


def test_the_password_given_out_is_not_kept(session: Session, make_actor: MakeActor) -> None:
    new = new_clerk(session, make_actor)
    progress = sign_in.begin(session, "clerk", now=NOW)
    with pytest.raises(Refused) as refused:
        sign_in.choose_password(session, progress, new.password, now=NOW)
    assert code_of(refused) == StaffRefusal.PASSWORD_REPEATED


def test_thirty_seven_cyrillic_letters_are_too_long_and_never_right() -> None:
    assert passwords.is_password("я" * 36, passwords.hash_password("я" * 36))
    assert not passwords.is_password("я" * 37, passwords.hash_password("я" * 36))


def test_a_session_ends_by_idling_and_by_its_age(session: Session, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK, session=session)
    token = sessions.open_session(session, actor.account_id, now=NOW)
    wall = sessions.open_session(session, actor.account_id, now=NOW, read_only=True)
    idle = NOW + sessions.IDLE_LIMIT + timedelta(seconds=1)
    assert sessions.resolve(session, token, now=idle) is None
    looking = sessions.resolve(session, wall, now=idle)
    assert looking
    assert looking.read_only
    assert sessions.resolve(session, wall, now=NOW + sessions.ABSOLUTE_LIMIT) is None


def test_the_database_holds_no_token(session: Session, make_actor: MakeActor) -> None:
    actor = make_actor(Role.CLERK, session=session)
    token = sessions.open_session(session, actor.account_id, now=clock.now())
    row = session.get(StaffSession, 1)
    assert row
    assert token.encode() not in row.token_hash
