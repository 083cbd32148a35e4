"""Forms that are posted without a script."""

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import BinaryIO, Final
from urllib.parse import parse_qs

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from portal.guard import LARGEST_UPLOAD

UPLOADS_AT_ONCE: Final = 16
"""Files are held in memory while they come: nothing of a complaint lies on a disk unencrypted."""

UPLOAD_TAKES: Final = 300.0
"""Seconds after which a file that is still coming is given up: 25 MB over a weak line take less, and
nobody keeps the room of others.
"""

_room = asyncio.Semaphore(UPLOADS_AT_ONCE)


async def fields_of(request: Request, *, largest: int) -> Mapping[str, str]:
    """The fields of a posted form; none when it is larger than ``largest`` or no form of ours."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > largest:
            return {}
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


async def file_of(request: Request) -> tuple[Mapping[str, str], str, BinaryIO]:
    """The fields of a posted form that brings one file, its stated name, and its content.

    No fields and an empty file when it is no form of ours, or did not come in time.
    """
    async with _room:
        parser = MultiPartParser(
            request.headers, request.stream(), max_files=1, max_fields=10, max_part_size=4096
        )
        parser.spool_max_size = LARGEST_UPLOAD
        try:
            async with asyncio.timeout(UPLOAD_TAKES):
                form = await parser.parse()
        except (MultiPartException, KeyError, TimeoutError):
            return {}, "", BytesIO()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    file = form.get("file")
    if not isinstance(file, UploadFile):
        return fields, "", BytesIO()
    return fields, file.filename or "", file.file
