"""Roles, grants, what an actor may do, and what a password must be. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from core.audit.rules import Author
from core.errors import Refused
from core.places import ancestors


class Role(StrEnum):
    """What an account may do; held for a place."""

    ORGANIZER = "organizer"
    REGISTRAR = "registrar"
    OPERATOR = "operator"
    COMMISSIONER = "commissioner"
    CLERK = "clerk"
    TRUSTEE = "trustee"
    OBSERVER = "observer"
    ADMINISTRATOR = "administrator"
    CANVASSER = "canvasser"
    AUDITOR = "auditor"


class Office(StrEnum):
    """A commissioner's office in a commission."""

    MEMBER = "member"
    CHAIR = "chair"
    SECRETARY = "secretary"


class ActKind(StrEnum):
    """Acts that take two people."""

    CREATE_ACCOUNT = "create_account"
    RESET_ACCOUNT = "reset_account"
    CHANGE_GRANTS = "change_grants"
    LIFT_FREEZE_EARLY = "lift_freeze_early"
    BRING_PUBLICATION_FORWARD = "bring_publication_forward"
    ADD_EXEMPTION = "add_exemption"
    SIGN_ADDRESS_POLICY = "sign_address_policy"
    CHANGE_ADDRESS_MODE = "change_address_mode"
    APPROVE_ROLL_CHANGE = "approve_roll_change"
    FIX_PAPER_LISTS = "fix_paper_lists"
    RELEASE_FROM_PAPER_LIST = "release_from_paper_list"
    UNDO_PAPER_MARK = "undo_paper_mark"
    WAIVE_PROTOCOL = "waive_protocol"


class StaffRefusal(StrEnum):
    """Why an act of an account was refused."""

    FORBIDDEN = "forbidden"
    READ_ONLY_SESSION = "read_only_session"
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    SECOND_FACTOR_MISSING = "second_factor_missing"
    LOCKED_OUT = "locked_out"
    SIGN_IN_INCOMPLETE = "sign_in_incomplete"
    TICKET_REFUSED = "ticket_refused"
    PASSWORD_SHORT = "password_short"
    PASSWORD_LONG = "password_long"
    PASSWORD_REPEATED = "password_repeated"
    PASSWORD_EASY = "password_easy"
    LOGIN_MALFORMED = "login_malformed"
    LOGIN_TAKEN = "login_taken"
    NAME_MISSING = "name_missing"
    MOBILE_MALFORMED = "mobile_malformed"
    ROLES_MISSING = "roles_missing"
    REASON_MISSING = "reason_missing"
    OWN_ACCOUNT = "own_account"
    UNKNOWN_ACCOUNT = "unknown_account"
    LAST_ADMINISTRATOR = "last_administrator"
    TWO_PEOPLE_NEEDED = "two_people_needed"
    UNKNOWN_PROPOSAL = "unknown_proposal"
    PROPOSAL_DECIDED = "proposal_decided"
    SAME_PERSON = "same_person"
    NOT_INDEPENDENT = "not_independent"
    ACCOUNT_TOO_YOUNG = "account_too_young"
    ADMINISTRATORS_EXIST = "administrators_exist"
    NOT_IN_PRODUCTION = "not_in_production"


class SignInStep(StrEnum):
    """What a person who signs in has to do next."""

    SECOND_FACTOR = "second_factor"
    NEW_PASSWORD = "new_password"
    ENROL = "enrol"
    READY = "ready"


class MakingKind(StrEnum):
    """How one account had a hand in another."""

    CREATED = "created"
    RESET = "reset"
    GRANTED = "granted"


class _Anywhere(Enum):
    ANYWHERE = "anywhere"


ANYWHERE: Final = _Anywhere.ANYWHERE
"""Asks whether a role is held at all, for whatever place."""

SYSTEM_ACCOUNT: Final = 0

TWO_PERSON_ROLES: Final = frozenset(
    {Role.ORGANIZER, Role.ADMINISTRATOR, Role.COMMISSIONER, Role.CANVASSER, Role.OPERATOR}
)
"""Roles that approve, canvass or read cases: an account with one is never one person's work."""

PASSWORD_SHORTEST: Final = 12
PASSWORD_LONGEST_BYTES: Final = 72  # bcrypt refuses more; a Cyrillic letter takes two bytes
_LOGIN: Final = re.compile(r"[a-z][a-z0-9._-]{2,39}")


@dataclass(frozen=True)
class Grant:
    """A role for a place (None: the centre, which covers every place), an office, a branch."""

    role: Role
    place: str | None = None
    office: Office | None = None
    branch: str | None = None

    def covers(self, place: str | None) -> bool:
        """Whether the grant's place is ``place`` or contains it."""
        if self.place is None:
            return True
        return place is not None and self.place in {unit.code for unit in ancestors(place)}


@dataclass(frozen=True)
class Actor:
    """Whoever acts: an account with its grants at this moment, or the system itself."""

    account_id: int
    login: str
    name: str
    grants: frozenset[Grant]
    locale: str = "ru"
    session_id: int | None = None
    read_only: bool = False

    @classmethod
    def system(cls, name: str) -> "Actor":
        """The clock or a command; holds no role, so services name the acts it may do."""
        return cls(SYSTEM_ACCOUNT, name, name, frozenset())

    @property
    def is_system(self) -> bool:
        """Whether this is the clock or a command."""
        return self.account_id == SYSTEM_ACCOUNT

    @property
    def author(self) -> Author:
        """The actor as the audit log names it."""
        return Author.system() if self.is_system else Author.staff(self.account_id)

    def has(self, *roles: Role, place: str | None | _Anywhere = ANYWHERE) -> bool:
        """Whether one of ``roles`` is held, for ``place`` (None: the centre) or anywhere."""
        return any(
            grant.role in roles and (isinstance(place, _Anywhere) or grant.covers(place))
            for grant in self.grants
        )

    def places(self, role: Role) -> frozenset[str | None]:
        """The places for which ``role`` is held; None stands for the centre."""
        return frozenset(grant.place for grant in self.grants if grant.role is role)

    @property
    def roles(self) -> frozenset[Role]:
        """Every role held anywhere."""
        return frozenset(grant.role for grant in self.grants)


def require(actor: Actor, *roles: Role, place: str | None | _Anywhere = ANYWHERE) -> None:
    """Refuse as ``forbidden`` unless the actor holds one of ``roles`` for ``place``."""
    if not actor.has(*roles, place=place):
        raise Refused(StaffRefusal.FORBIDDEN)


def require_writer(actor: Actor, *roles: Role, place: str | None | _Anywhere = ANYWHERE) -> None:
    """As `require`, and refuse a session for looking only: what every act asks first."""
    if actor.read_only:
        raise Refused(StaffRefusal.READ_ONLY_SESSION)
    require(actor, *roles, place=place)


def needs_two_people(grants: Iterable[Grant]) -> bool:
    """Whether an account with these grants may only be made or reset by two people."""
    return any(grant.role in TWO_PERSON_ROLES for grant in grants)


def fold_login(raw: str) -> str:
    """A login as it is stored and compared: without surrounding blanks, in lower case."""
    return raw.strip().lower()


def check_login(login: str) -> None:
    """Refuse as ``login_malformed`` what is not 3–40 of a–z, 0–9, dot, hyphen, underscore."""
    if not _LOGIN.fullmatch(login):
        raise Refused(StaffRefusal.LOGIN_MALFORMED)


def check_password(password: str, *, login: str) -> None:
    """Refuse a password that is too short, too long for bcrypt, or that is the login."""
    if len(password) < PASSWORD_SHORTEST:
        raise Refused(StaffRefusal.PASSWORD_SHORT, shortest=PASSWORD_SHORTEST)
    if password_is_too_long(password):
        raise Refused(StaffRefusal.PASSWORD_LONG, bytes=PASSWORD_LONGEST_BYTES)
    if login in password.lower() or len(set(password)) < 5:
        raise Refused(StaffRefusal.PASSWORD_EASY)


def password_is_too_long(password: str) -> bool:
    """Whether bcrypt would refuse it: more than 72 bytes of UTF-8."""
    return len(password.encode()) > PASSWORD_LONGEST_BYTES


def address_key(address: str | None) -> str:
    """What a lockout counts for an address: IPv4 whole, IPv6 by its /64; ``unknown`` if none."""
    try:
        parsed = ip_address((address or "").split("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
