"""The house keeps its order: who may import whom, which names are taken, what a module is for."""

import ast
import logging
import sys
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from core.settings import ROOT

OURS = ("core", "pages", "portal", "benchmarks", "tests")


def _modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def test_nobody_imports_upwards() -> None:
    kept = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    for logger in logging.Logger.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.disabled = False  # the linter silences all of them, for the tests after this too
    assert kept == EXIT_STATUS_SUCCESS


def test_no_package_of_ours_is_named_like_a_standard_module() -> None:
    top = {path.stem for path in ROOT.glob("*.py")} | set(OURS)
    assert not top & set(sys.stdlib_module_names)


def test_no_room_is_a_lumber_room() -> None:
    lumber = {"utils.py", "helpers.py", "common.py", "shared.py", "misc.py"}
    assert not [path for path in _modules(*OURS) if path.name in lumber]


def test_every_module_outside_the_tests_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _modules("core", "pages", "portal", "benchmarks")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_only_the_clock_reads_the_clock_and_only_the_settings_read_the_environment() -> None:
    allowed = {"core/clock.py", "core/settings.py"}
    found = []
    for path in _modules("core", "pages", "portal"):
        name = str(path.relative_to(ROOT))
        if name in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                called = (node.value.id, node.attr)
                if called in {("datetime", "now"), ("datetime", "utcnow"), ("date", "today")} or (
                    called == ("os", "environ")
                ):
                    found.append(f"{name}:{node.lineno}")
    assert not found


def test_services_never_commit() -> None:
    """Edges commit: the writer of the votes and the sender of messages are two of them."""
    edges = {"core/database.py", "core/voting/commits.py", "core/migrations/env.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in _modules("core", "pages", "portal")
        if str(path.relative_to(ROOT)) not in edges
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "commit"
    ]
    assert not found
