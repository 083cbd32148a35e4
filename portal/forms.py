"""Forms that are posted without a script."""

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request


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
