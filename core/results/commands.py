"""Commands of keys, count and verification. Those of other machines touch no database."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

from core import clock
from core.database import unit_of_work
from core.errors import Refused
from core.i18n import (
    DEFAULT,
    LOCALES,
    _,
    format_duration,
    format_number,
    n_,
    refusal_text,
    sentence,
    set_locale,
    term,
)
from core.keyring import fingerprint
from core.results import ceremony
from core.results.carrying import bring_in, take_out
from core.results.export import ExportSummary
from core.results.exportfile import check_export
from core.results.findings import Outcome
from core.results.opening import forbid_core_dumps, whole_count
from core.results.resultfile import seal_result
from core.results.rules import FEWEST_CANVASSERS, CeremonyKind, ResultsRefusal
from core.results.shares import (
    HeldCeremony,
    PublicPart,
    check_share,
    hold_ceremony,
    read_public_part,
    rebuild_key,
)
from core.results.verification import trusted, verify
from core.settings import settings
from core.staff.rules import Actor
from core.voting.sealing import parse_tracker

_CLEAR_SCREEN = "\033[2J\033[3J\033[H"
_WORDS_A_LINE = 4


def register(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``ceremony``, ``install-key``, ``export-sealed``, ``count``, ``import-count``, ``verify``."""
    parser = subparsers.add_parser(
        "ceremony", help="offline: make the election key and print a word share for each trustee"
    )
    parser.add_argument("--trustees", type=int, required=True, metavar="N")
    parser.add_argument("--threshold", type=int, required=True, metavar="K")
    parser.add_argument("--public-file", type=Path, default=Path("ceremony.json"), metavar="FILE")
    parser.set_defaults(run=_ceremony)

    parser = subparsers.add_parser(
        "install-key", help="take in the public file of a ceremony, for trustees to confirm"
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument(
        "--kind", choices=[kind.value for kind in CeremonyKind], default=CeremonyKind.ELECTION.value
    )
    parser.add_argument("--canvassers", type=int, default=FEWEST_CANVASSERS, metavar="M")
    parser.set_defaults(run=_install_key)

    parser = subparsers.add_parser(
        "export-sealed", help="after the close: write the sealed ballots for the count"
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.set_defaults(run=_export_sealed)

    parser = subparsers.add_parser("count", help="offline: open and count an export")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--out", type=Path, required=True, metavar="RESULT")
    parser.add_argument(
        "--shares", type=Path, metavar="FILE", help="in a rehearsal: a file with a share a line"
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N")
    parser.set_defaults(run=_count)

    parser = subparsers.add_parser("import-count", help="bring in what `count` wrote")
    parser.add_argument("file", type=Path, metavar="RESULT")
    parser.set_defaults(run=_import_count)

    parser = subparsers.add_parser(
        "verify", help="anywhere, without a connection: check a board, a proof or the results"
    )
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="as downloaded from the public site"
    )
    parser.add_argument(
        "--tracker", action="append", default=[], metavar="T", help="a ballot to look for"
    )
    parser.add_argument(
        "--earlier",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a board or proof kept from before: nothing it tells of may have changed",
    )
    parser.add_argument(
        "--export", type=Path, metavar="FILE", help="the sealed ballots that are counted"
    )
    parser.add_argument(
        "--key", metavar="FINGERPRINT", help="of the signing key, as the committee published it"
    )
    parser.add_argument("--language", choices=LOCALES, default=DEFAULT)
    parser.set_defaults(run=_verify)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Refused(ResultsRefusal.FILE_UNREADABLE, file=path.name) from None


def _write(path: Path, write: Callable[[Any], Any]) -> Any:
    """Write a file that is whole or absent, readable by its owner only."""
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            given = write(file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return given


def _ceremony(arguments: argparse.Namespace) -> dict[str, Any]:
    forbid_core_dumps()
    held = hold_ceremony(arguments.trustees, arguments.threshold)
    _write(arguments.public_file, lambda file: file.write(held.public.as_json().encode()))
    answer: dict[str, Any] = {
        "public_file": str(arguments.public_file),
        "key_fingerprint": held.public.key_fingerprint,
        "trustees": held.public.trustees,
        "threshold": held.public.threshold,
    }
    if arguments.json:
        return answer | {
            "shares": [
                {"number": number, "fingerprint": fingerprint, "words": words}
                for number, (fingerprint, words) in enumerate(
                    zip(held.public.fingerprints, held.shares, strict=True), start=1
                )
            ]
        }
    for number in range(1, held.public.trustees + 1):
        print(sheet(held, number))  # noqa: T201 - the one place where the words may be seen
    return answer


def sheet(held: HeldCeremony, number: int) -> str:
    """The sheet of the ``number``-th trustee: a printed page of its own."""
    public = held.public
    words = held.shares[number - 1].split()
    numbered = [f"{place:2}. {word}".ljust(18) for place, word in enumerate(words, start=1)]
    lines = [
        "".join(numbered[start : start + _WORDS_A_LINE]).rstrip()
        for start in range(0, len(numbered), _WORDS_A_LINE)
    ]
    head = _("Share {number} of {total}", number=number, total=public.trustees)
    return "\n".join(
        [
            head,
            _(
                "Fingerprint of this share: {fingerprint}",
                fingerprint=public.fingerprints[number - 1],
            ),
            _("Fingerprint of the election key: {fingerprint}", fingerprint=public.key_fingerprint),
            n_(
                "{count} share together opens the ballots.",
                "{count} shares together open the ballots.",
                public.threshold,
            ),
            "",
            *lines,
            "",
            _("Keep this sheet apart from the others. Nobody may copy or photograph it."),
            "\f",
        ]
    )


def _install_key(arguments: argparse.Namespace) -> dict[str, Any]:
    public = read_public_part(_read(arguments.file))
    with unit_of_work() as session:
        number = ceremony.register_ceremony(
            session,
            public,
            kind=CeremonyKind(arguments.kind),
            canvassers=arguments.canvassers,
            actor=Actor.system("install-key"),
            now=clock.now(),
        )
    return {
        "ceremony": number,
        "kind": arguments.kind,
        "key_fingerprint": public.key_fingerprint,
        "shares_to_confirm": public.trustees,
    }


def _export_sealed(arguments: argparse.Namespace) -> dict[str, Any]:
    actor = Actor.system("export-sealed")
    # Recorded before the file gets its name: a file without a record can't be brought back.
    summary: ExportSummary = _write(
        arguments.file, lambda file: take_out(file, actor=actor, now=clock.now())
    )
    return {
        "file": str(arguments.file),
        "contests": len(summary.ballots_by_contest),
        "ballots": summary.ballots,
        "protocols": len(summary.protocols),
        "digest": summary.digest,
    }


def _count(arguments: argparse.Namespace) -> dict[str, Any]:
    forbid_core_dumps()
    if not arguments.file.is_file():
        raise Refused(ResultsRefusal.FILE_UNREADABLE, file=arguments.file.name)
    checked = check_export(arguments.file)
    public = checked.header.public
    _say(_("Election key {fingerprint}", fingerprint=public.key_fingerprint))
    shares = shares_from_file(arguments.shares) if arguments.shares else _ask_shares(public)
    secret = rebuild_key(shares, public=public)
    started, told = monotonic(), [0.0]

    def progress(done: int, total: int) -> None:
        passed = monotonic() - started
        if passed - told[0] >= 1 or done == total:
            told[0] = passed
            _say(_progress_line(done, total, passed))

    count, paper = whole_count(checked, secret, processes=arguments.processes, progress=progress)
    for place, reason in sorted(paper.refused.items()):
        _say(
            _(
                "The protocol of {place} can't be counted: {reason}",
                place=place,
                reason=term(reason),
            )
        )
    data = seal_result(count, checked, secret)
    _write(arguments.out, lambda file: file.write(data))
    return {
        "result": str(arguments.out),
        "contests": len(count),
        "ballots": sum(checked.ballots.values()),
        "protocols": len(paper.protocols),
        "protocols_refused": {place: why.value for place, why in sorted(paper.refused.items())},
        "export_digest": checked.digest,
        "seconds": round(monotonic() - started, 1),
    }


def _progress_line(done: int, total: int, passed: float) -> str:
    rate = done / passed if passed > 0 else 0.0
    left = timedelta(seconds=(total - done) / rate) if rate else timedelta()
    return _(
        "{done} of {total} ballots, {rate} a second, {left} left",
        done=format_number(done),
        total=format_number(total),
        rate=format_number(round(rate)),
        left=format_duration(left),
    )


def shares_from_file(path: Path) -> list[str]:
    """The shares of a file, one a line, blank lines and ``#`` lines aside; for rehearsals only.

    Refused as ``rehearsal_only`` in production: there a share is never written to a disk.
    """
    if settings().is_production:
        raise Refused(ResultsRefusal.REHEARSAL_ONLY)
    lines = _read(path).decode(errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _ask_shares(public: PublicPart) -> Sequence[str]:
    given: list[str] = []
    while len(given) < public.threshold:
        number = len(given) + 1
        _say(_("Share {number} of {total}", number=number, total=public.threshold))
        try:
            typed = input("> ")
        except EOFError:
            raise Refused(
                ResultsRefusal.TOO_FEW_SHARES, given=len(given), needed=public.threshold
            ) from None
        if sys.stdout.isatty():
            sys.stdout.write(_CLEAR_SCREEN)  # the next trustee must not read these words
            sys.stdout.flush()
        try:
            given.append(check_share(typed, number, public=public, before=given))
        except Refused as refused:
            _say(refusal_text(refused))
    return given


def _import_count(arguments: argparse.Namespace) -> dict[str, Any]:
    imported = bring_in(_read(arguments.file), actor=Actor.system("import-count"), now=clock.now())
    return {
        "outcome": imported.outcome.value,
        "contests": imported.contests,
        "ballots": imported.ballots,
    }


def _verify(arguments: argparse.Namespace) -> dict[str, Any]:
    set_locale(arguments.language)
    found = verify(
        arguments.files,
        trackers=[parse_tracker(typed) or typed for typed in arguments.tracker],
        earlier=arguments.earlier,
        export=arguments.export,
        key=arguments.key and "".join(arguments.key.split()).lower(),
    )
    trust = trusted(found, is_key_known=arguments.key is not None)
    if arguments.json:
        return {
            "holds": found.hold,
            "checks": [
                {
                    "check": verdict.check.value,
                    "outcome": verdict.outcome.value,
                    **dict(verdict.facts),
                    "where": list(verdict.where),
                }
                for verdict in found.verdicts
            ],
            "keys": [fingerprint(key) for key in found.keys],
            "rests_on_trust": [each.value for each in trust],
            "exit_code": int(not found.hold),
        }
    for verdict in found.verdicts:
        where = f" — {', '.join(verdict.where)}" if verdict.where else ""
        print(f"{_MARKS[verdict.outcome]} {sentence(verdict.check, verdict.facts)}{where}")  # noqa: T201
    print(_("What these files can't show, and rests on trust:"))  # noqa: T201
    facts = {"fingerprint": ", ".join(fingerprint(key) for key in found.keys)}
    for each in trust:
        print(f"– {sentence(each, facts)}")  # noqa: T201
    print(_("Everything that was checked holds.") if found.hold else _("NOT everything holds."))  # noqa: T201
    return {"exit_code": int(not found.hold)}


_MARKS: Final = {Outcome.HOLDS: "✓", Outcome.FAILS: "✗", Outcome.OPEN: "·"}
