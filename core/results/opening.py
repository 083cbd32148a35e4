"""Opening sealed ballots and counting them, on a machine that is connected to nothing.

The result depends on the set of ballots alone: not on their order, the number of processes or the
hour. The private scalar lives in memory only, in this process and in the ones it forks.
"""

import resource
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult
from typing import Any, Final

from core.errors import Refused
from core.results.exportfile import CheckedExport, ballot_lines, unwrap
from core.results.papercount import PaperCount, count_protocols
from core.results.rules import ContestRules, InvalidReason, ResultsRefusal, invalid_reason
from core.voting.sealing import BallotInvalid, opener, tracker

_AT_ONCE: Final = 2000  # ballots a task: some tenths of a second of work, some 600 kB of lines
Choices = tuple[str, ...]
Progress = Callable[[int, int], None]


@dataclass
class ContestCount:
    """The ballots of one contest, opened.

    ``opened`` says how many valid ballots hold exactly these choices (sorted ids; none is a blank
    ballot): all opened ballots in the order of their content, which keeps no order of casting.
    """

    contest: str
    opened: Counter[Choices] = field(default_factory=Counter)
    invalid: Counter[InvalidReason] = field(default_factory=Counter)

    def add(self, other: "ContestCount") -> None:
        """Take in what was counted elsewhere of the same contest."""
        self.opened.update(other.opened)
        self.invalid.update(other.invalid)

    @property
    def valid(self) -> int:
        """Ballots that count, blank ones among them."""
        return self.opened.total()

    @property
    def blank(self) -> int:
        """Valid ballots without a choice."""
        return self.opened[()]

    @property
    def ballots(self) -> int:
        """All ballots, whether they count or not."""
        return self.valid + self.invalid.total()

    def votes(self, candidates: Iterable[str]) -> dict[str, int]:
        """Votes of each of ``candidates``, also of those whom nobody chose."""
        votes = dict.fromkeys(sorted(candidates), 0)
        for choices, ballots in self.opened.items():
            for candidate in choices:
                votes[candidate] += ballots
        return votes


def count_ballots(
    contest: ContestRules, sealed: Iterable[bytes], *, secret: bytes, primary: str
) -> ContestCount:
    """Open and count ``sealed`` ballots of one contest; a bad one is invalid with its reason."""
    open_ballot = opener(secret, primary, contest.id)
    opened: dict[Choices, int] = {}
    counted = ContestCount(contest.id)
    for ballot in sealed:
        try:
            choices = open_ballot(ballot)
        except BallotInvalid as fault:
            counted.invalid[InvalidReason(fault.reason.value)] += 1
            continue
        reason = invalid_reason(contest, choices)
        if reason:
            counted.invalid[reason] += 1
            continue
        choices.sort()
        key = tuple(choices)
        opened[key] = opened.get(key, 0) + 1
    counted.opened.update(opened)
    return counted


def forbid_core_dumps() -> None:
    """No crash of this process or of one it starts may leave its memory on a disk."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@dataclass(frozen=True)
class _Part:
    """What a worker found: the count of its ballots, its first and its last tracker."""

    counted: ContestCount
    first: str
    last: str
    in_order: bool


class _Worker:
    """Counts parts of one export. One instance a process: forked workers inherit it in memory."""

    def __init__(self, export: CheckedExport, secret: bytes) -> None:
        self._primary = export.header.primary
        self._contests = {contest.id: contest for contest in export.header.contests}
        self._secret = secret

    def count(self, contest: str, lines: list[bytes]) -> _Part:
        sealed = [unwrap(line) for line in lines]
        trackers = [tracker(ballot) for ballot in sealed]
        return _Part(
            count_ballots(
                self._contests[contest], sealed, secret=self._secret, primary=self._primary
            ),
            trackers[0],
            trackers[-1],
            all(one < next_one for one, next_one in pairwise(trackers)),
        )


_worker: _Worker | None = None


def _become_worker(worker: _Worker) -> None:
    global _worker
    _worker = worker


def _count_part(contest: str, lines: list[bytes]) -> _Part:
    assert _worker is not None, "a pool's process begins with _become_worker"
    return _worker.count(contest, lines)


def count_export(
    export: CheckedExport,
    secret: bytes,
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> tuple[ContestCount, ...]:
    """Count every contest of a checked export, in the header's order.

    ``secret`` is the private scalar (32 bytes), already proved to fit the public key.
    ``progress(done, total)`` is told about ballots. Refused as ``export_damaged`` when a ballot
    stands twice or out of order.
    """
    totals = {contest.id: ContestCount(contest.id) for contest in export.header.contests}
    last: dict[str, str] = {}
    done, total = 0, sum(export.ballots.values())
    worker = _Worker(export, secret)
    for contest, part in _parts(export, worker, processes):
        # Ascending trackers can't repeat: a copied ballot is found without keeping a list.
        if not part.in_order or part.first <= last.get(contest, ""):
            raise Refused(ResultsRefusal.EXPORT_DAMAGED)
        last[contest] = part.last
        totals[contest].add(part.counted)
        done += part.counted.ballots
        if progress:
            progress(done, total)
    return tuple(totals.values())


def _parts(export: CheckedExport, worker: _Worker, processes: int) -> Iterator[tuple[str, _Part]]:
    tasks = ballot_lines(export, _AT_ONCE)
    if processes <= 1:
        for contest, lines in tasks:
            yield contest, worker.count(contest, lines)
        return
    # Forked, so that the key reaches the workers through memory and no pipe or file holds it.
    with get_context("fork").Pool(processes, _become_worker, (worker,)) as pool:
        running: deque[tuple[str, AsyncResult[_Part]]] = deque()
        for contest, lines in tasks:
            running.append((contest, pool.apply_async(_count_part, (contest, lines))))
            if len(running) > 2 * processes:  # a bounded window keeps memory flat
                name, result = running.popleft()
                yield name, result.get()
        for name, result in running:
            yield name, result.get()


def as_document(
    counts: Iterable[ContestCount],
    contests: Mapping[str, ContestRules],
    paper: PaperCount | None = None,
) -> list[Any]:
    """The count as plain data, the same for the same ballots: what a result file holds.

    Figures beside ``paper`` are of ballots cast online; without polling places there is no paper.
    """
    on_paper = paper or PaperCount()
    return [
        {
            "contest": count.contest,
            "ballots": count.ballots,
            "valid": count.valid,
            "blank": count.blank,
            "invalid": {reason.value: count.invalid[reason] for reason in sorted(count.invalid)},
            "votes": count.votes(contests[count.contest].candidates),
            "opened": [[list(choices), count.opened[choices]] for choices in sorted(count.opened)],
            "paper": on_paper.as_entry(count.contest),
        }
        for count in sorted(counts, key=lambda count: count.contest)
    ]


def whole_count(
    export: CheckedExport,
    secret: bytes,
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> tuple[list[Any], PaperCount]:
    """Everything that is counted: ballots cast online and protocols of paper, as plain data."""
    paper = count_protocols(export, secret)
    counts = count_export(export, secret, processes=processes, progress=progress)
    rules = {contest.id: contest for contest in export.header.contests}
    return as_document(counts, rules, paper), paper
