"""Every verb of the audit log has its words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from core.settings import ROOT
from pages.acts import ACTS, act_text

VERB = re.compile(r"^[a-z]+(?:_[a-z]+)*$")
WRITERS = {"record", "audit_making"}


def _verbs() -> Iterator[tuple[str, str]]:
    """Verbs that are written where an act is logged, or stand in a table of them."""
    for path in sorted((ROOT / "core").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            texts: list[ast.expr] = []
            if isinstance(node, ast.Call):
                function = node.func
                name = getattr(function, "attr", None) or getattr(function, "id", "")
                own_note = name == "_note" and path.parent.name == "staff"
                texts = list(node.args) if own_note or name in WRITERS else []
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                named = {getattr(target, "id", "") for target in node.targets}
                texts = list(node.value.values) if "_VERBS" in named else []
            for text in texts:
                if not isinstance(text, ast.JoinedStr):
                    yield from ((verb, name_of(path)) for verb in _constants(text))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _constants(node: ast.expr) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield from VERB.findall(inner.value)


def test_every_verb_has_its_words() -> None:
    assert not {(verb, where) for verb, where in _verbs() if verb not in ACTS}


def test_a_verb_without_words_stands_for_itself() -> None:
    assert act_text("something_new") == "something_new"
    assert act_text("sign_in") == "Выполнен вход"
