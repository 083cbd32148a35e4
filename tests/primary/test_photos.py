"""Photos of candidates: whatever is brought, made anew; nothing else comes through."""

import random
import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, PngImagePlugin

from core.errors import Refused
from core.primary import photos
from core.primary.page_rules import PageRefusal
from core.primary.photos import LARGEST_PHOTO, LARGEST_SMALL, SIZE, SMALL_SIZE, read_photo


def picture(
    size: tuple[int, int] = (800, 1000),
    form: str = "JPEG",
    colour: str = "red",
    mode: str = "RGB",
    **options: object,
) -> bytes:
    """An invented picture as a file."""
    written = BytesIO()
    Image.new(mode, size, colour).save(written, form, **options)
    return written.getvalue()


def _opened(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(400, 500), (3000, 2000), (900, 5000)])
def test_every_photo_comes_out_in_one_size_and_format(form: str, size: tuple[int, int]) -> None:
    photo = read_photo(picture(size, form))
    for content, wanted in ((photo.content, SIZE), (photo.small, SMALL_SIZE)):
        assert _opened(content).format == "JPEG"
        assert _opened(content).size == wanted


def test_the_most_restless_picture_is_no_heavier_than_allowed() -> None:
    noise = random.Random(1).randbytes(1000 * 1250 * 3)
    written = BytesIO()
    Image.frombytes("RGB", (1000, 1250), noise).save(written, "PNG")
    photo = read_photo(written.getvalue())
    assert len(photo.content) <= LARGEST_PHOTO
    assert len(photo.small) <= LARGEST_SMALL


def test_what_a_camera_wrote_beside_the_picture_stays_outside() -> None:
    exif = Image.Exif()
    exif[0x010E] = "the flat of the candidate"
    exif.get_ifd(0x8825)[1] = "N"
    brought = picture(exif=exif, icc_profile=b"a profile", comment=b"a comment")
    assert b"the flat" in brought
    for content in (read_photo(brought).content, read_photo(brought).small):
        seen = _opened(content)
        assert dict(seen.getexif()) == {}
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(seen.info)
        assert b"the flat" not in content
        assert b"a comment" not in content


def test_what_hangs_on_the_end_of_a_picture_stays_outside() -> None:
    brought = picture() + b"<script>alert(1)</script>PK\x03\x04"
    assert b"<script" not in read_photo(brought).content


def test_a_picture_stored_on_its_side_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter to the right
    lying = Image.new("RGB", (1000, 800), "white")
    lying.paste("black", (0, 0, 200, 800))  # its left becomes the top
    written = BytesIO()
    lying.save(written, "JPEG", exif=exif)
    photo = _opened(read_photo(written.getvalue()).content).convert("L")
    top, bottom = photo.getpixel((200, 20)), photo.getpixel((200, 480))
    assert isinstance(top, int)
    assert isinstance(bottom, int)
    assert top < 60 < 200 < bottom


def test_what_shines_through_is_white() -> None:
    brought = picture(form="PNG", mode="RGBA", colour="#00000000")
    assert _opened(read_photo(brought).content).convert("L").getpixel((10, 10)) == 255


@pytest.mark.parametrize(
    "brought",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<!doctype html><script>1</script>",
        picture(form="GIF"),
        picture(form="TIFF"),
        picture(form="BMP"),
        picture()[:2000],
        picture(form="PNG")[:200],
        picture(form="WEBP")[:60],
        b"\xff\xd8\xff" + b"\0" * 500,
    ],
    ids=["empty", "svg", "html", "gif", "tiff", "bmp", "jpeg-cut", "png-cut", "webp-cut", "zeros"],
)
def test_what_is_no_whole_photo_is_refused(brought: bytes) -> None:
    with pytest.raises(Refused) as refused:
        read_photo(brought)
    assert refused.value.code is PageRefusal.PHOTO_UNREADABLE


def _png_of(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header announces this many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 10_000)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [6_000, 12_000, 40_000])
def test_a_picture_that_unpacks_to_too_much_is_refused_by_its_header(
    side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(_picture: object) -> None:
        raise AssertionError("a pixel was unpacked")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", unpack)
    with pytest.raises(Refused) as refused:
        read_photo(_png_of(side, side))
    assert refused.value.code is PageRefusal.PHOTO_TOO_LARGE


def test_a_file_that_is_too_large_is_not_even_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "LARGEST_FILE", 1000)
    with pytest.raises(Refused) as refused:
        read_photo(picture() + b"\0" * 1000)
    assert refused.value.code is PageRefusal.PHOTO_TOO_LARGE


@pytest.mark.parametrize("size", [(399, 2000), (2000, 499), (500, 400)])
def test_a_picture_smaller_than_what_is_shown_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(Refused) as refused:
        read_photo(picture(size))
    assert refused.value.code is PageRefusal.PHOTO_TOO_SMALL


def test_the_same_picture_has_the_same_name() -> None:
    assert read_photo(picture()).digest == read_photo(picture()).digest
    assert read_photo(picture()).digest != read_photo(picture(colour="blue")).digest
