"""Mails as people and machines write them, in bytes."""

from email.message import EmailMessage
from itertools import count
from typing import Final

STORY: Final = (
    "Начальник отдела заставляет вступить в партию и голосовать на праймериз, "
    "угрожает увольнением. Это в Аягозском районе."
)
_number: Final = count(1)


def letter(
    text: str = STORY,
    *,
    subject: str = "Принуждение на работе",
    sender: str = "Айгуль С. <aigul@example.kz>",
    files: tuple[tuple[str, bytes], ...] = (),
    **headers: str,
) -> bytes:
    """One mail; ``headers`` with underscores for dashes, ``""`` leaves one out."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "komissiya@example.kz"
    message["Subject"] = subject
    message["Message-ID"] = headers.pop("Message_ID", f"<letter{next(_number)}@example.kz>")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    for name, content in files:
        message.add_attachment(
            content, maintype="application", subtype="octet-stream", filename=name
        )
    return message.as_bytes()
