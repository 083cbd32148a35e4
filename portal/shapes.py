"""What goes over the wire of the voting API: bodies asked for and answers given."""

from datetime import datetime

import msgspec


class Names(msgspec.Struct):
    """A name in the three languages."""

    ru: str
    kk: str
    en: str


class PrimaryTimeline(msgspec.Struct):
    """Instants of the primary (RFC 3339, UTC); periods are half-open."""

    voting_opens: datetime
    voting_closes: datetime
    publication: datetime
    time_zone: str


class FreezeNotice(msgspec.Struct):
    """An admission freeze in force: nobody becomes a member in ``[starts_at, ends_at)``."""

    starts_at: datetime
    ends_at: datetime


class PrimaryAnswer(msgspec.Struct):
    """The primary; ``state`` is its phase, ``public_key`` an uncompressed point in base64.

    ``checking_open``: the sign-in may be tried, without a cast, until voting opens.
    """

    id: str
    name: str
    names: Names
    timeline: PrimaryTimeline | None
    state: str
    voting_open: bool
    checking_open: bool
    public_key: str | None
    freeze: FreezeNotice | None


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """IIN (12 digits) and the mobile number that the roll has for it."""

    iin: str
    mobile: str


class SignInAnswer(msgspec.Struct, omit_defaults=True):
    """The same whatever the pair; a code comes by SMS if the pair can vote.

    ``reasons`` speaks of the address alone: ``address_used`` when no vote from it is taken any more.
    """

    challenge: str
    expires_at: datetime
    reference: str
    reasons: list[str] = []


class CodeBody(msgspec.Struct, forbid_unknown_fields=True):
    """The six digits; with ``cookie`` the token comes as an HttpOnly cookie and not in the body."""

    code: str
    cookie: bool = False


class SessionAnswer(msgspec.Struct, omit_defaults=True):
    """A voting session of 15 minutes; the address it was opened at is the one that votes."""

    expires_at: datetime
    token: str | None = None


class CandidateAnswer(msgspec.Struct):
    """A candidate: ``id`` is what a ballot's ``choices`` hold."""

    id: str
    name: str
    birth_year: int
    nominated_by: str


class ContestAnswer(msgspec.Struct):
    """A contest with its candidates in random order; ``size`` is the plaintext's padded length."""

    id: str
    title: str
    titles: Names
    max_choices: int
    size: int
    candidates: list[CandidateAnswer]


class BallotAnswer(msgspec.Struct):
    """What a voter seals: one ballot for each contest, with this key."""

    primary: str
    public_key: str
    expires_at: datetime
    contests: list[ContestAnswer]


class SealedBody(msgspec.Struct, forbid_unknown_fields=True):
    """One sealed ballot: ``enc ‖ ciphertext`` in standard base64."""

    contest: str
    sealed: str


class CastBody(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one sealed ballot for each contest of the voter."""

    ballots: list[SealedBody]


class TrackerAnswer(msgspec.Struct):
    """The receipt of one sealed ballot."""

    contest: str
    tracker: str


class CastAnswer(msgspec.Struct):
    """The vote is stored."""

    trackers: list[TrackerAnswer]


class HeadAnswer(msgspec.Struct):
    """A signed head of a log (RFC 9162): ``root`` over ``size`` leaves, in hexadecimal.

    The Ed25519 ``signature`` (base64) covers ``primaries board head``, a line feed, and the JSON of
    ``at``, ``contest``, ``final``, ``number``, ``primary``, ``root`` and ``size``: keys in this
    order, no spaces, UTF-8. ``final`` heads are signed after the close.
    """

    number: int
    size: int
    root: str
    at: str
    final: bool
    signature: str


class ContestHeadAnswer(msgspec.Struct):
    """A contest with its newest head; null before its first batch."""

    contest: str
    head: HeadAnswer | None


class BoardAnswer(msgspec.Struct):
    """Whose board it is, the key that signs its heads (32 bytes in base64), and every contest."""

    primary: str
    public_key: str
    key_fingerprint: str
    contests: list[ContestHeadAnswer]


class LeavesAnswer(msgspec.Struct):
    """Leaves from ``start`` on: the SHA-256 of sealed ballots in base32 without padding.

    Their first 25 letters are those of the trackers. ``next`` is null at the end.
    """

    contest: str
    head: HeadAnswer | None
    start: int
    leaves: list[str]
    next: int | None


class HeadsAnswer(msgspec.Struct):
    """The heads of a contest in their order; none is ever taken back."""

    contest: str
    heads: list[HeadAnswer]


class InclusionAnswer(msgspec.Struct):
    """That a ballot is on the board: its leaf at ``position`` of the log that ``head`` tells of.

    ``path`` holds the hashes of RFC 9162, section 2.1.3, in hexadecimal.
    """

    format: str
    primary: str
    contest: str
    tracker: str
    leaf: str
    position: int
    head: HeadAnswer
    path: list[str]
    public_key: str


class StoredAnswer(msgspec.Struct):
    """The ballot is stored; it comes on the board with a later batch, at the close at the latest."""

    tracker: str


class ConsistencyAnswer(msgspec.Struct):
    """That ``earlier`` is the beginning of ``head``: ``path`` as in RFC 9162, section 2.1.4."""

    contest: str
    earlier: HeadAnswer
    head: HeadAnswer
    path: list[str]


class PlaceTurnoutAnswer(msgspec.Struct):
    """Turnout of a place with its denominators."""

    place: str
    votes: int
    registered: int
    on_roll: int
    votes_online: int


class TurnoutAnswer(msgspec.Struct):
    """Turnout so far: ``votes`` of ``on_roll`` voters, ``registered`` of whom signed in once.

    The others of ``votes`` than ``votes_online`` were cast on paper; people on the paper lists of
    places without a connection are counted when the vote has closed.
    """

    votes: int
    votes_online: int
    registered: int
    on_roll: int
    regions: list[PlaceTurnoutAnswer]
    districts: list[PlaceTurnoutAnswer]


class WaitingAnswer(msgspec.Struct):
    """``due``: begin the sign-in now, with the ticket. Else ask again after ``Retry-After``."""

    due: bool
    wait_seconds: float
    ticket: str
