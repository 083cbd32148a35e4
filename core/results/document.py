"""The published document, from a count and what is known of the contests. Pure.

Shapes: ``contests[]`` each with ``ballots``, ``withheld``, and unless withheld ``valid``,
``invalid``, ``blank``, ``candidates[]`` and ``ratings`` (``general``, ``women``, ``youth``: lines of
``place``, ``candidate``, ``votes``). These figures are of all ballots. ``channels`` has the same
figures of ballots cast ``online`` and on ``paper``; it is None where there is no paper, or where one
of the two is a group of fewer than ten ballots, which the sum would give away (``merged``).

Why a ballot was invalid, and what each polling place sent, is for canvassers alone: both are groups
of ballots that are nearly always too small to be published.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from core.primary.queries import ContestView
from core.primary.rules import CandidateStatus, Sex
from core.results.papercount import summed
from core.results.rating import Runner, age_on, rating
from core.results.rules import (
    BUNDLE_FORMAT,
    SMALLEST_CELL,
    YOUTH_UNDER,
    RatingKind,
    is_withheld,
)
from core.results.shares import PublicPart


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Everything a document says beside the contests."""

    primary_id: str
    names: Mapping[str, str]
    voting_opens: datetime
    voting_closes: datetime
    zone: tzinfo
    zone_name: str
    on_roll: int
    registered: int
    voted: int
    voted_online: int
    public: PublicPart
    export_digest: str
    openings: int
    canvass: Sequence[tuple[str, datetime]]
    polling_places: int = 0
    waived: Sequence[str] = ()


def results_document(
    frame: Frame, contests: Sequence[ContestView], totals: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The results of a primary as plain data, ready to be signed."""
    first_day = frame.voting_opens.astimezone(frame.zone).date()
    return {
        "format": BUNDLE_FORMAT,
        "primary": {"id": frame.primary_id, "names": dict(frame.names)},
        "voting": {
            "opens": frame.voting_opens.isoformat(),
            "closes": frame.voting_closes.isoformat(),
            "time_zone": frame.zone_name,
        },
        "turnout": {
            "on_roll": frame.on_roll,
            "registered": frame.registered,
            "voted": frame.voted,
            "voted_online": frame.voted_online,
        },
        "key": {
            "fingerprint": frame.public.key_fingerprint,
            "public_key": b64encode(frame.public.public_key).decode(),
            "threshold": frame.public.threshold,
            "trustees": frame.public.trustees,
        },
        "count": {"export_digest": frame.export_digest, "openings": frame.openings},
        "canvass": [
            {"name": name, "signed_at": signed_at.isoformat()} for name, signed_at in frame.canvass
        ],
        "paper": {
            "polling_places": frame.polling_places,
            "refused": refused_protocols(totals),
            "waived": sorted(frame.waived),
        },
        "rules": {"smallest_cell": SMALLEST_CELL, "youth_under": YOUTH_UNDER},
        "contests": [
            contest_document(contest, totals[contest.id], first_day)
            for contest in sorted(contests, key=lambda contest: contest.id)
        ],
    }


def refused_protocols(totals: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """Polling places whose protocols could not be counted, each once, with the reason."""
    found = {
        each["polling_place"]: each["reason"]
        for total in totals.values()
        for each in total["paper"]["refused"]
    }
    return [{"polling_place": code, "reason": found[code]} for code in sorted(found)]


def contest_document(
    contest: ContestView, total: Mapping[str, Any], first_day: date
) -> dict[str, Any]:
    """One contest; of fewer than ten ballots nothing but that they are fewer is said."""
    head: dict[str, Any] = {
        "id": contest.id,
        "titles": dict(contest.titles),
        "place": contest.place_code,
        "seats": contest.seats,
        "max_choices": contest.max_choices,
    }
    ids = [candidate.id for candidate in contest.candidates]
    channels = {"online": _online(total), "paper": summed(total["paper"], ids)}
    whole = _both(channels, ids)
    if is_withheld(whole["ballots"]):
        return head | {"withheld": True}
    smaller = min(each["ballots"] for each in channels.values())
    merged = smaller > 0 and is_withheld(smaller)
    is_told_apart = channels["paper"]["ballots"] and not merged
    runners = [
        Runner(
            id=candidate.id,
            is_woman=candidate.sex is Sex.FEMALE,
            birth_date=candidate.birth_date,
            is_cancelled=candidate.status is CandidateStatus.CANCELLED,
        )
        for candidate in contest.candidates
    ]
    return head | {
        "withheld": False,
        "merged": merged,
        "channels": channels if is_told_apart else None,
        **{name: whole[name] for name in ("ballots", "valid", "blank", "invalid")},
        "candidates": [
            {
                "id": candidate.id,
                "name": candidate.name,
                "woman": candidate.sex is Sex.FEMALE,
                "youth": age_on(candidate.birth_date, first_day) < YOUTH_UNDER,
                "status": candidate.status.value,
                "votes": whole["votes"][candidate.id],
            }
            for candidate in sorted(contest.candidates, key=lambda candidate: candidate.id)
        ],
        "ratings": {
            kind.value: [
                {"place": line.place, "candidate": line.candidate, "votes": line.votes}
                for line in rating(runners, whole["votes"], kind=kind, first_day=first_day)
            ]
            for kind in RatingKind
        },
    }


def _online(total: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: total[name] for name in ("ballots", "valid", "blank")},
        "invalid": sum(total["invalid"].values()),
        "votes": dict(total["votes"]),
    }


def _both(channels: Mapping[str, Mapping[str, Any]], candidates: Sequence[str]) -> dict[str, Any]:
    """The sum of the channels, in the same shape."""
    given = channels.values()
    return {
        **{
            name: sum(each[name] for each in given)
            for name in ("ballots", "valid", "blank", "invalid")
        },
        "votes": {who: sum(each["votes"][who] for each in given) for who in candidates},
    }
