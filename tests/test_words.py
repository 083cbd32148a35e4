"""Every word on a screen stands in Russian, Kazakh and English, with the same blanks to fill in."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from string import Formatter

import pytest
from babel.messages.catalog import Message
from jinja2 import Environment
from jinja2.ext import extract_from_ast

import core
from core.i18n import LOCALES, catalogue
from core.settings import ROOT

FUNCTIONS = {"_", "n_"}
Id = str | tuple[str, str]

# Enums whose members never reach a screen.
SILENT: frozenset[str] = frozenset()


def _python_messages() -> Iterator[tuple[Id, str]]:
    for folder in ("core", "pages", "portal"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                    continue
                if node.func.id not in FUNCTIONS:
                    continue
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                wanted = node.args[: 2 if node.func.id == "n_" else 1]
                texts = [arg.value for arg in wanted if isinstance(arg, ast.Constant)]
                assert len(texts) == len(wanted), f"{where}: the sentence must stand there whole"
                yield (texts[0] if node.func.id == "_" else (texts[0], texts[1])), where


def _template_messages() -> Iterator[tuple[Id, str]]:
    environment = Environment(autoescape=True)
    for path in sorted((ROOT / "portal" / "templates").rglob("*")):
        if path.suffix not in {".html", ".txt", ".xml"}:
            continue
        tree = environment.parse(path.read_text(encoding="utf-8"))
        for line, function, texts in extract_from_ast(tree, tuple(FUNCTIONS)):
            where = f"{path.relative_to(ROOT)}:{line}"
            strings = [texts] if isinstance(texts, str) else [text for text in texts if text]
            assert strings, f"{where}: the sentence must stand there whole"
            yield (strings[0] if function == "_" else (strings[0], strings[1])), where


def _enums() -> Iterator[type[Enum]]:
    for module in pkgutil.walk_packages(core.__path__, "core."):
        if "migrations" in module.name or module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for value in list(vars(loaded).values()):
            if not isinstance(value, type) or not issubclass(value, Enum):
                continue
            if value.__module__ == loaded.__name__ and not value.__name__.startswith("_"):
                yield value


@cache
def _wanted() -> dict[Id, str]:
    return dict((*_python_messages(), *_template_messages()))


@cache
def _terms() -> dict[str, str]:
    return {
        f"{enum.__name__}.{member.value}": enum.__module__
        for enum in _enums()
        if enum.__name__ not in SILENT
        for member in enum
    }


def _strings(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string)


def _blanks(text: str) -> set[str]:
    return {name for _text, name, _spec, _conversion in Formatter().parse(text) if name}


@pytest.mark.parametrize("locale", ["ru", "kk"])
def test_every_sentence_is_translated(locale: str) -> None:
    known = catalogue(locale)
    missing = {
        f"{where}: {message!r}"
        for message, where in _wanted().items()
        if not (found := known.get(message if isinstance(message, str) else message[0]))
        or not all(_strings(found))
    }
    assert not missing


@pytest.mark.parametrize("locale", LOCALES)
def test_every_member_of_every_enum_has_its_word(locale: str) -> None:
    known = catalogue(locale)
    missing = {f"{module}: {key}" for key, module in _terms().items() if not known.get(key)}
    assert not missing


@pytest.mark.parametrize("locale", LOCALES)
def test_translations_have_the_same_blanks(locale: str) -> None:
    wrong = []
    english = catalogue("en")
    for message in catalogue(locale):
        if not message.id:
            continue
        identifier = message.id if isinstance(message.id, str) else message.id[-1]
        source = identifier
        if identifier in _terms():
            found = english.get(identifier)
            assert found, identifier
            source = _strings(found)[0]
        wrong += [
            (identifier, text)
            for text in _strings(message)
            if _blanks(text) - {"count"} != _blanks(source) - {"count"}
        ]
    assert not wrong


@pytest.mark.parametrize("locale", LOCALES)
def test_no_translation_is_left_over(locale: str) -> None:
    singulars = {message if isinstance(message, str) else message[0] for message in _wanted()}
    used = singulars | set(_terms())
    left = set()
    for message in catalogue(locale):
        identifier = message.id if isinstance(message.id, str) else (message.id or [""])[0]
        if identifier and identifier not in used:
            left.add(identifier)
    assert not left


def test_kazakh_is_not_russian_again() -> None:
    """A sentence of several words can't be the same in both languages."""
    russian = catalogue("ru")
    same = []
    for message in catalogue("kk"):
        if not message.id:
            continue
        identifier = message.id if isinstance(message.id, str) else message.id[0]
        other = russian.get(identifier)
        text = _strings(message)[0]
        if other and len(re.findall(r"[а-яё]{3,}", text.lower())) >= 3 and text in _strings(other):
            same.append(text)
    assert not same


@pytest.mark.parametrize(("locale", "forms"), [("ru", 3), ("kk", 2)])
def test_plurals_have_all_their_forms(locale: str, forms: int) -> None:
    for message in catalogue(locale):
        if isinstance(message.id, tuple | list):
            assert len(_strings(message)) == forms, message.id
            assert all(_strings(message)), message.id
