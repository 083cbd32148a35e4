"""A polling place's protocol: what it says, whether it adds up, and its seal. Pure.

**Who can read it, and when.** A protocol is typed twice, by two people, after the close.

- The *first* entry waits for the second one locked with a code of 75 bits that is shown to the
  first person alone, on paper or by telephone handed to the second, and stored nowhere. The
  database and all keys of the server together do not open it: a digest with a key of the server
  would, for a total is one of a few thousand numbers and can be tried out.
- When both entries agree, the protocol is sealed with the primary's public key, and nothing of
  the first entry is left. From then on k of n trustees open it, in the count, and nobody else.

What this can't promise: whoever controls the running server at the moment of typing reads what is
typed, as an eye over the shoulder does, and the two people know their own place's figures.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.cases.receipts import ReceiptCode
from core.keyring import derived_key
from core.results.bundle import canonical
from core.results.rules import ContestRules
from core.voting.sealing import SUITE

MOST: Final = 999_999
"""The largest number a field takes: no polling place has more voters."""

_PADDED_TO: Final = 512  # bytes
_SALT_BYTES: Final = 16
_SCRYPT: Final = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 64 << 20, "dklen": 32}


class ProtocolFault(StrEnum):
    """Where the figures of a protocol contradict each other."""

    ISSUED_IS_NOT_MARKED = "issued_is_not_marked"
    LIST_IS_NOT_WHOLE = "list_is_not_whole"
    MORE_IN_THE_BOX = "more_in_the_box"
    BLANK_ABOVE_VALID = "blank_above_valid"
    VOTES_TOO_FEW = "votes_too_few"
    VOTES_TOO_MANY = "votes_too_many"
    CANDIDATE_ABOVE_VALID = "candidate_above_valid"


class ProtocolReason(StrEnum):
    """Why a sealed protocol could not be counted."""

    UNDECRYPTABLE = "undecryptable"
    MALFORMED = "malformed"
    ISSUED_DIFFERS = "issued_differs"
    DOES_NOT_ADD_UP = "does_not_add_up"


class Figure(StrEnum):
    """The figures of a protocol beside the votes of candidates."""

    ISSUED = "issued"
    VALID = "valid"
    BLANK = "blank"
    SPOILED = "spoiled"


@dataclass(frozen=True, kw_only=True, repr=False)
class Sheet:
    """The ballots of one contest found in the box. No ``repr`` shows a figure.

    ``valid`` includes ``blank``, the ballots that choose nobody, as a blank ballot online is valid.
    Ballots that were handed out and are in no box were taken away: issued − valid − spoiled.
    """

    valid: int
    blank: int
    spoiled: int
    votes: Mapping[str, int]

    @property
    def ballots(self) -> int:
        """All ballots in the box."""
        return self.valid + self.spoiled


@dataclass(frozen=True, kw_only=True, repr=False)
class Protocol:
    """A whole protocol. ``issued``: people to whom ballots were handed out, one of each contest."""

    polling_place: str
    issued: int
    sheets: Mapping[str, Sheet]

    def figures(self) -> Iterator[tuple[tuple[str | None, str], int]]:
        """Every figure by (contest, name): how two entries are compared."""
        yield (None, Figure.ISSUED.value), self.issued
        for contest, sheet in self.sheets.items():
            yield (contest, Figure.VALID.value), sheet.valid
            yield (contest, Figure.BLANK.value), sheet.blank
            yield (contest, Figure.SPOILED.value), sheet.spoiled
            for candidate, votes in sheet.votes.items():
                yield (contest, candidate), votes

    def as_dict(self) -> dict[str, Any]:
        """As it is sealed."""
        return {
            "polling_place": self.polling_place,
            "issued": self.issued,
            "contests": {contest: vars(sheet) for contest, sheet in self.sheets.items()},
        }


@dataclass(frozen=True)
class Contradiction:
    """Figures that can't all be right; ``facts`` are for its sentence, and for nothing that is kept."""

    fault: ProtocolFault
    contest: str | None = None
    candidate: str | None = None
    facts: Mapping[str, int] = field(default_factory=dict, repr=False)


def is_whole(
    protocol: Protocol, rules: Mapping[str, ContestRules], contests: Iterable[str]
) -> bool:
    """Whether a protocol has every figure of these contests, none besides, and only numbers."""
    return (
        protocol.sheets.keys() == set(contests)
        and all(
            sheet.votes.keys() == rules[contest].candidates
            for contest, sheet in protocol.sheets.items()
        )
        and all(0 <= number <= MOST for _name, number in protocol.figures())
    )


def contradictions(
    protocol: Protocol, rules: Mapping[str, ContestRules], *, entitled: int, absent: int | None
) -> Iterator[Contradiction]:
    """Everything in a protocol that does not add up.

    ``entitled`` is how many voters the place marked, or has on its list; of a list ``absent`` did
    not come (None at a place that marks): issued = marked, or the list without those.
    """
    if absent is None and protocol.issued != entitled:
        facts = {"issued": protocol.issued, "marked": entitled}
        yield Contradiction(ProtocolFault.ISSUED_IS_NOT_MARKED, facts=facts)
    if absent is not None and protocol.issued + absent != entitled:
        facts = {"issued": protocol.issued, "absent": absent, "listed": entitled}
        yield Contradiction(ProtocolFault.LIST_IS_NOT_WHOLE, facts=facts)
    for contest, sheet in protocol.sheets.items():
        yield from _in_sheet(contest, sheet, protocol.issued, rules[contest].max_choices)


def _in_sheet(contest: str, sheet: Sheet, issued: int, most: int) -> Iterator[Contradiction]:
    if sheet.ballots > issued:
        facts = {"box": sheet.ballots, "issued": issued}
        yield Contradiction(ProtocolFault.MORE_IN_THE_BOX, contest, facts=facts)
    if sheet.blank > sheet.valid:
        facts = {"blank": sheet.blank, "valid": sheet.valid}
        yield Contradiction(ProtocolFault.BLANK_ABOVE_VALID, contest, facts=facts)
        return
    choosing, votes = sheet.valid - sheet.blank, sum(sheet.votes.values())
    if votes < choosing:
        facts = {"votes": votes, "choosing": choosing}
        yield Contradiction(ProtocolFault.VOTES_TOO_FEW, contest, facts=facts)
    if votes > choosing * most:
        facts = {"votes": votes, "choosing": choosing, "most": choosing * most}
        yield Contradiction(ProtocolFault.VOTES_TOO_MANY, contest, facts=facts)
    for candidate, own in sheet.votes.items():
        if own > choosing:
            facts = {"votes": own, "choosing": choosing}
            yield Contradiction(ProtocolFault.CANDIDATE_ABOVE_VALID, contest, candidate, facts)


def differences(one: Protocol, other: Protocol) -> tuple[tuple[str | None, str], ...]:
    """The figures, as (contest, name), in which two entries differ; never what either says."""
    first, second = dict(one.figures()), dict(other.figures())
    return tuple(name for name in second if first.get(name) != second[name])


# --- One spelling ---------------------------------------------------------------------------------


def plain_size(polling_place: str, contests: Mapping[str, ContestRules]) -> int:
    """The one length (bytes) of every protocol of a place: that of the largest numbers, rounded up."""
    sheet = {"valid": MOST, "blank": MOST, "spoiled": MOST}
    largest = {
        "polling_place": polling_place,
        "issued": MOST,
        "contests": {
            each.id: {**sheet, "votes": dict.fromkeys(each.candidates, MOST)}
            for each in contests.values()
        },
    }
    return -(-len(canonical(largest)) // _PADDED_TO) * _PADDED_TO


def spelled(protocol: Protocol, rules: Mapping[str, ContestRules]) -> bytes:
    """A protocol as canonical JSON, filled with spaces so that its length tells nothing."""
    chosen = {contest: rules[contest] for contest in protocol.sheets}
    return canonical(protocol.as_dict()).ljust(plain_size(protocol.polling_place, chosen))


def read_spelled(text: bytes) -> Protocol:
    """The protocol of a spelling; ``ValueError`` for anything that is not one, to the last byte."""
    written = text.rstrip(b" ")
    try:
        given = json.loads(written)
        protocol = Protocol(
            polling_place=_text(given["polling_place"]),
            issued=_number(given["issued"]),
            sheets={
                contest: Sheet(
                    valid=_number(sheet["valid"]),
                    blank=_number(sheet["blank"]),
                    spoiled=_number(sheet["spoiled"]),
                    votes={who: _number(votes) for who, votes in sheet["votes"].items()},
                )
                for contest, sheet in given["contests"].items()
            },
        )
        is_canonical = canonical(protocol.as_dict()) == written
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeEncodeError):
        raise ValueError("not a protocol") from None
    if not is_canonical:
        raise ValueError("not a protocol")
    return protocol


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MOST:
        raise TypeError
    return value


# --- The seal of the trustees ----------------------------------------------------------------------


def info(primary_id: str, polling_place: str, version: int) -> bytes:
    """What a seal is bound to. No contest's code has a slash, so no ballot can be taken for one."""
    return f"primaries/v1/{primary_id}/protocol/{polling_place}/{version}".encode()


def seal_protocol(
    public_key: bytes,
    primary_id: str,
    protocol: Protocol,
    version: int,
    rules: Mapping[str, ContestRules],
) -> bytes:
    """``enc ‖ ciphertext`` of a protocol for the trustees, as ballots are sealed."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    bound_to = info(primary_id, protocol.polling_place, version)
    return SUITE.encrypt(spelled(protocol, rules), key, info=bound_to)


def open_protocol(
    private_scalar: bytes, primary_id: str, polling_place: str, version: int, sealed: bytes
) -> Protocol | ProtocolReason:
    """What was sealed, or why it can't be read. Whether it adds up, `contradictions` says."""
    key = ec.derive_private_key(int.from_bytes(private_scalar), ec.SECP256R1())
    try:
        opened = SUITE.decrypt(sealed, key, info=info(primary_id, polling_place, version))
    except (InvalidTag, ValueError):
        return ProtocolReason.UNDECRYPTABLE
    try:
        protocol = read_spelled(opened)
    except ValueError:
        return ProtocolReason.MALFORMED
    return protocol if protocol.polling_place == polling_place else ProtocolReason.MALFORMED


# --- The lock of the first entry -------------------------------------------------------------------


def new_entry_code() -> ReceiptCode:
    """The code that goes from the first person to the second; made like a receipt code."""
    return ReceiptCode.from_random(secrets.token_bytes(10))


def _lock(code: ReceiptCode, salt: bytes) -> AESGCM:
    # The server's key beside the code: a stolen dump alone can't even be tried with a found code.
    seasoned = salt + derived_key("results: first entry of a protocol")
    return AESGCM(hashlib.scrypt(code.signs.encode(), salt=seasoned, **_SCRYPT))


def lock_entry(
    protocol: Protocol, rules: Mapping[str, ContestRules], code: ReceiptCode, *, bound_to: bytes
) -> bytes:
    """A first entry that opens with ``code`` only: salt and AES-256-GCM, of one length a place."""
    salt = secrets.token_bytes(_SALT_BYTES)
    # The key is used once: each entry has its own code and salt.
    return salt + _lock(code, salt).encrypt(bytes(12), spelled(protocol, rules), bound_to)


def unlock_entry(locked: bytes, code: ReceiptCode, *, bound_to: bytes) -> Protocol | None:
    """The first entry, in memory; None with another code."""
    salt, sealed = locked[:_SALT_BYTES], locked[_SALT_BYTES:]
    try:
        return read_spelled(_lock(code, salt).decrypt(bytes(12), sealed, bound_to))
    except InvalidTag:
        return None
