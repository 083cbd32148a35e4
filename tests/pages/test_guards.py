"""What no page may do, read from its source: each of these has lost data or let strangers in."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import ROOT
from core.staff.rules import Role
from pages.catalogue import SCREENS, Screen

SOURCES = sorted((ROOT / "pages").rglob("*.py"))
# The sign-in serves strangers: there is no actor to resolve. The browser's answer is its own.
CALLBACKS_OF_STRANGERS = {"sign_in.py", "browser.py"}
_CALLBACK = re.compile(r"on_click|on_select|on_submit|on_dismiss|on_(\w+_)?change")


def _trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in SOURCES:
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def _where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]


def _called(node: ast.expr) -> str:
    """The last name of what a call calls."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_st(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "st"


def _blocks(tree: ast.Module, name: str) -> Iterator[ast.AST]:
    """Everything that stands inside ``with name() as …`` blocks."""
    for work in ast.walk(tree):
        if not isinstance(work, ast.With):
            continue
        if any(_called(item.context_expr) == name for item in work.items):
            for statement in work.body:
                yield from ast.walk(statement)


def test_nothing_of_streamlit_happens_inside_a_unit_of_work() -> None:
    """`st.rerun()` and `st.stop()` raise: inside a transaction they would roll it back silently."""
    found = [
        _where(path, node)
        for path, tree in _trees()
        for node in _blocks(tree, "unit_of_work")
        if _is_st(node)
    ]
    assert not found


def test_nothing_is_drawn_while_the_database_is_read() -> None:
    """A slow browser must not keep a snapshot open; the state of the session may be asked."""
    found = [
        _where(path, node)
        for path, tree in _trees()
        for node in _blocks(tree, "reading")
        if isinstance(node, ast.Attribute)
        and _is_st(node.value)
        and node.attr not in {"session_state", "query_params"}
    ]
    assert not found


def _is_word(node: ast.expr) -> bool:
    """A constant such as ``"rerun"``, or a choice between two."""
    if isinstance(node, ast.IfExp):
        return _is_word(node.body) and _is_word(node.orelse)
    return isinstance(node, ast.Constant)


def test_fragments_dialogs_and_callbacks_resolve_their_actor() -> None:
    """Streamlit runs the three without the script and so without the page's guard."""
    found = []
    for path, tree in _trees():
        for node in ast.walk(tree):
            bare = isinstance(node, ast.Attribute) and _is_st(node.value)
            if bare and node.attr in {"fragment", "dialog"} and path.name != "session.py":
                found.append(_where(path, node))
            if isinstance(node, ast.keyword) and _CALLBACK.fullmatch(node.arg or ""):
                harmless = _is_word(node.value)
                guarded = _called(node.value) == "staff_callback"
                if not (harmless or guarded or path.name in CALLBACKS_OF_STRANGERS):
                    found.append(_where(path, node.value))
    found = [where for where in found if not where.startswith("pages/listener/")]
    assert not found


def test_html_is_only_ever_our_own_constant() -> None:
    """Foreign text drawn as HTML could fetch, and betray whoever looks at it."""
    found = []
    for path, tree in _trees():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            allows = any(
                keyword.arg in {"unsafe_allow_html", "unsafe_allow_javascript"}
                for keyword in node.keywords
            )
            is_html = _called(node) == "html" and isinstance(node.func, ast.Attribute)
            if (allows or is_html) and not _is_constant(node.args[0], tree):
                found.append(_where(path, node))
    assert not found


def _is_constant(node: ast.expr, tree: ast.Module) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if not isinstance(node, ast.Name):
        return False
    return any(
        isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Constant)
        and node.id
        in {
            target.id
            for target in (
                statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            )
            if isinstance(target, ast.Name)
        }
        for statement in tree.body
    )


def test_no_page_writes_with_the_function_that_reads_markdown_from_anything() -> None:
    """`st.write` of a value draws whatever it is; foreign text goes through `st.text` or `plain`."""
    found = [
        _where(path, node)
        for path, tree in _trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and _is_st(node.func.value)
        and node.func.attr == "write"
        and not all(
            isinstance(argument, ast.Constant) or _called(argument) in {"_", "n_", "plain"}
            for argument in node.args
        )
    ]
    assert not found


def _only_defines(statement: ast.stmt) -> bool:
    """Imports, functions, plain constants: nothing that could show or read anything."""
    if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr):
        return not any(isinstance(node, ast.Call) for node in ast.walk(statement))
    return False


def _guard(screen: Screen) -> ast.Call:
    """The call of `require_role` that begins a page: the first statement that does anything."""
    tree = ast.parse((ROOT / "pages" / f"{screen.name}.py").read_text(encoding="utf-8"))
    first = next(statement for statement in tree.body if not _only_defines(statement))
    call = first.value if isinstance(first, ast.Assign | ast.Expr) else None
    assert isinstance(call, ast.Call), f"{screen.name}.py:{first.lineno} comes before the guard"
    assert _called(call) == "require_role", f"{screen.name}.py:{first.lineno} is no guard"
    return call


@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: screen.name)
def test_a_page_begins_with_its_guard_and_is_listed_for_the_same_roles(screen: Screen) -> None:
    roles = {
        Role[argument.attr]
        for argument in _guard(screen).args
        if isinstance(argument, ast.Attribute)
    }
    assert roles == screen.roles
