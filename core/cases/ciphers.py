"""Encrypting the texts of a case under its own key, and the keyed digests that stand beside them."""

import json
import os
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete
from sqlmodel import Session, col, select

from core.cases.models import Case, CaseWord, TextKey
from core.cases.rules import CasesRefusal
from core.errors import Refused
from core.keyring import decrypt, encrypt, hmac_digest

_PURPOSE: Final = "cases:text-key"
_NONCE: Final = 12


class TextCipher:
    """Seals and opens the texts of one case. ``key`` None means that they were erased."""

    def __init__(self, key: bytes | None) -> None:
        self._aead = AESGCM(key) if key is not None else None

    def seal(self, text: str) -> bytes:
        """``text`` encrypted; refused as ``text_erased`` once the key is destroyed."""
        return self.seal_bytes(text.encode())

    def seal_bytes(self, content: bytes, *, bound_to: bytes | None = None) -> bytes:
        """``content`` encrypted, so that it opens only with the same ``bound_to``."""
        if self._aead is None:
            raise Refused(CasesRefusal.TEXT_ERASED)
        nonce = os.urandom(_NONCE)
        return nonce + self._aead.encrypt(nonce, content, bound_to)

    def open_bytes(self, sealed: bytes, *, bound_to: bytes | None = None) -> bytes:
        """The content again; refused as ``text_erased`` once the key is destroyed."""
        if self._aead is None:
            raise Refused(CasesRefusal.TEXT_ERASED)
        return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to)

    def seal_some(self, text: str | None) -> bytes | None:
        """``text`` encrypted, or None when there is none."""
        return self.seal(text.strip()) if text and text.strip() else None

    def open(self, sealed: bytes | None) -> str | None:
        """The text again; None when there is none or it was erased."""
        if sealed is None or self._aead is None:
            return None
        return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], None).decode()

    def seal_fields(self, fields: Mapping[str, Any]) -> bytes:
        """A mapping of plain values encrypted."""
        return self.seal(json.dumps(dict(fields), ensure_ascii=False, default=str))

    def open_fields(self, sealed: bytes | None) -> dict[str, Any]:
        """The mapping again; empty when there is none or it was erased."""
        text = self.open(sealed)
        fields: dict[str, Any] = json.loads(text) if text else {}
        return fields


def new_text_key(session: Session) -> tuple[int, TextCipher]:
    """Make the key of a new case; gives its row's id and the cipher."""
    key = secrets.token_bytes(32)
    row = TextKey(wrapped=encrypt(_PURPOSE, key))
    session.add(row)
    session.flush()
    assert row.id is not None
    return row.id, TextCipher(key)


def cipher_of(session: Session, text_key_id: int) -> TextCipher:
    """The cipher of a case's texts."""
    row = session.get(TextKey, text_key_id)
    wrapped = row.wrapped if row else None
    return TextCipher(decrypt(_PURPOSE, wrapped) if wrapped is not None else None)


def destroy_text_key(session: Session, text_key_id: int, *, now: datetime) -> None:
    """Erase every text of a case for good, and the words by which search finds it."""
    cases = select(Case.id).where(col(Case.text_key_id) == text_key_id)
    session.execute(delete(CaseWord).where(col(CaseWord.case_id).in_(cases)))
    row = session.get_one(TextKey, text_key_id)
    row.wrapped, row.destroyed_at = None, now
    session.add(row)


def digest(kind: str, text: str) -> bytes:
    """A keyed digest (32 bytes) of ``text``; equal texts of different kinds differ."""
    return hmac_digest(f"cases:{kind}", text.encode())
