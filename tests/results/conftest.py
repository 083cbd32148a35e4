from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.results.exportfile import CheckedExport, ExportHeader, check_export, write_export
from core.results.resultfile import transport_key
from core.results.rules import ContestRules
from core.results.shares import HeldCeremony, hold_ceremony, rebuild_key
from core.voting.sealing import seal, tracker

PRIMARY = "autumn-2020"
SIZE = 96


@dataclass(frozen=True)
class Keys:
    """A ceremony of three trustees, two needed, and the scalar they share."""

    held: HeldCeremony
    secret: bytes


@pytest.fixture(scope="session")
def keys() -> Keys:
    held = hold_ceremony(3, 2)
    return Keys(held, rebuild_key(held.shares[:2], public=held.public))


def contest(name: str, candidates: str = "abc", max_choices: int = 2) -> ContestRules:
    return ContestRules(name, max_choices, SIZE, frozenset(candidates))


Exporting = Callable[..., CheckedExport]


@pytest.fixture
def export(keys: Keys, tmp_path: Path) -> Exporting:
    """Write an export of sealed ballots or of choices to be sealed, by contest."""

    def write(
        ballots: dict[str, list[list[str] | bytes]],
        contests: tuple[ContestRules, ...] | None = None,
        name: str = "ballots.jsonl",
    ) -> CheckedExport:
        contests = contests or tuple(contest(each) for each in ballots)
        sealed = {
            each: sorted(
                (
                    ballot
                    if isinstance(ballot, bytes)
                    else seal(keys.held.public.public_key, PRIMARY, each, ballot, SIZE)
                    for ballot in chosen
                ),
                key=tracker,
            )
            for each, chosen in ballots.items()
        }
        header = ExportHeader(
            primary=PRIMARY,
            public=keys.held.public,
            transport_key=transport_key().public_key().public_bytes_raw(),
            contests=contests,
        )
        path = tmp_path / name
        with path.open("wb") as file:
            write_export(
                file,
                header,
                how_many={each: len(found) for each, found in sealed.items()},
                sealed=sealed.__getitem__,
            )
        return check_export(path)

    return write
