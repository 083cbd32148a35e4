"""A candidate's photo: whatever was brought, made anew in one size and format for all. Pure.

Only pixels are taken over. What a camera or a telephone wrote beside them (place, time, owner,
a second picture) and anything hidden behind the picture's end stays outside.
"""

from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Final

from core.errors import Refused
from core.primary.page_rules import PageRefusal

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS: Final = ("JPEG", "PNG", "WEBP")
LARGEST_FILE: Final = 10 * 1024 * 1024  # bytes
MOST_PIXELS: Final = 30_000_000
SIZE: Final = (400, 500)
SMALL_SIZE: Final = (112, 140)
LARGEST_PHOTO: Final = 32 * 1024  # bytes
LARGEST_SMALL: Final = 5 * 1024
MEDIA_TYPE: Final = "image/jpeg"

# Heads stand in the upper part of a picture: of what is cut off, less is cut there.
_CENTRE: Final = (0.5, 0.3)
_QUALITIES: Final = (84, 76, 68, 60, 50, 40, 30, 20, 10)


@dataclass(frozen=True)
class Photo:
    """Two JPEGs of a fixed size; ``digest`` is the SHA-256 of the large one, in hexadecimal."""

    content: bytes = field(repr=False)
    small: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The name under which the photo is kept and served."""
        return sha256(self.content).hexdigest()


def read_photo(brought: bytes) -> Photo:
    """The photo that the bytes of a file hold, whatever the file is called.

    Refused when it is no JPEG, PNG or WebP, is broken, larger than 10 MB or 30 million pixels
    (asked of the header, before a pixel is unpacked), or smaller than what is shown.
    """
    from PIL import Image, ImageOps

    if len(brought) > LARGEST_FILE:
        raise _too_large()
    try:
        with Image.open(BytesIO(brought), formats=FORMATS) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise _too_large()
            # A JPEG is unpacked at the smallest scale that still has every pixel we show.
            opened.draft("RGB", (2 * SIZE[1], 2 * SIZE[1]))
            upright = ImageOps.exif_transpose(opened)
            if upright.width < SIZE[0] or upright.height < SIZE[1]:
                raise Refused(PageRefusal.PHOTO_TOO_SMALL, width=SIZE[0], height=SIZE[1])
            photo = ImageOps.fit(_on_white(upright), SIZE, centering=_CENTRE)
    except Image.DecompressionBombError:
        raise _too_large() from None
    except (OSError, SyntaxError, ValueError, ArithmeticError, LookupError):
        # What a broken file makes a decoder raise is not told anywhere; none of it is our fault.
        raise Refused(PageRefusal.PHOTO_UNREADABLE) from None
    small = photo.resize(SMALL_SIZE)
    return Photo(_jpeg(photo, LARGEST_PHOTO), _jpeg(small, LARGEST_SMALL))


def _too_large() -> Refused:
    return Refused(
        PageRefusal.PHOTO_TOO_LARGE,
        megabytes=LARGEST_FILE // 2**20,
        megapixels=MOST_PIXELS // 10**6,
    )


def _on_white(picture: "Image") -> "Image":
    """The picture without transparency: what shines through is white for everybody."""
    from PIL import Image

    if "A" not in picture.getbands() and "transparency" not in picture.info:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    ground = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(ground, layered).convert("RGB")


def _jpeg(picture: "Image", largest: int) -> bytes:
    """The picture as a JPEG of at most ``largest`` bytes: no page is heavier than another."""
    clean = picture.copy()
    clean.info = {}
    encoded = b""
    for quality in _QUALITIES:
        written = BytesIO()
        clean.save(written, "JPEG", quality=quality, optimize=True, progressive=True)
        encoded = written.getvalue()
        if len(encoded) <= largest:
            break
    return encoded
