"""The one door for pictures: what comes in right, what is turned away, and that files are written whole."""

import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from hfstyle import images
from hfstyle.errors import ImageError
from hfstyle.images import (
    contact_sheet,
    keep_color,
    list_images,
    read_image,
    save_image,
    split_alpha,
    write_whole,
)
from hfstyle.tensors import to_image, to_tensor


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(mode: str = "RGB", size: tuple[int, int] = (40, 24)) -> Image.Image:
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.stack([x, y, 255 - x], -1).astype(np.uint8)).convert(mode)


def test_sources_are_interchangeable(tmp_path):
    data = encoded(gradient())
    path = tmp_path / "a.png"
    path.write_bytes(data)
    expected = np.asarray(gradient())
    for source in (path, str(path), data, io.BytesIO(data), gradient()):
        assert np.array_equal(np.asarray(read_image(source)), expected)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "PPM", "AVIF"])
def test_every_listed_format_is_read(kind):
    result = read_image(encoded(gradient(), kind))
    assert result.mode == "RGB" and result.size == (40, 24)
    assert np.abs(np.asarray(result, float) - np.asarray(gradient(), float)).mean() < 12  # GIF has 256 colours


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "YCbCr", "HSV", "LAB"])
def test_modes_without_transparency_become_rgb(mode):
    assert read_image(gradient(mode)).mode == "RGB"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_stays(mode):
    image = gradient("RGBA" if mode != "LA" else "LA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    alpha = np.asarray(image.getchannel("A"))
    result = read_image(image.convert(mode))
    assert result.mode == "RGBA"
    assert mode == "PA" or np.array_equal(np.asarray(result.getchannel("A")), alpha)


def test_palette_with_a_transparent_colour():
    image = gradient("P")
    result = read_image(encoded(image, transparency=image.getpixel((0, 0))))
    assert result.mode == "RGBA"
    assert result.getpixel((0, 0))[3] == 0 and result.getpixel((39, 23))[3] == 255


def test_hidden_colours_of_transparent_pixels_do_not_show():
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    image.putpixel((0, 0), (10, 20, 30, 128))
    colours, alpha = split_alpha(image)
    assert colours.getpixel((1, 1)) == (255, 255, 255)
    assert colours.getpixel((0, 0)) == (10, 20, 30)
    assert alpha.getpixel((0, 0)) == 128


@pytest.mark.parametrize("dtype,white", [(np.uint16, 65535), (np.int32, 65535), (np.float32, 1.0)])
def test_deep_greys_are_scaled_not_clipped(dtype, white):
    ramp = (np.linspace(0, 1, 256).reshape(16, 16) * white).astype(dtype)
    result = np.asarray(read_image(Image.fromarray(ramp)))[..., 0]
    assert np.abs(result.ravel().astype(int) - np.arange(256)).max() <= 1


def test_a_16_bit_png_file():
    ramp = np.linspace(0, 65535, 256).reshape(16, 16).astype(np.uint16)
    result = np.asarray(read_image(encoded(Image.fromarray(ramp))))[..., 0]
    assert np.abs(result.ravel().astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied_once(orientation, kind):
    image = Image.new("RGB", (40, 24))
    image.paste("red", (0, 0, 12, 8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    result = read_image(encoded(image, kind, exif=exif))
    assert result.size == ((40, 24) if orientation < 5 else (24, 40))
    corner = {1: (0, 0), 2: (1, 0), 3: (1, 1), 4: (0, 1), 5: (0, 0), 6: (1, 0), 7: (1, 1), 8: (0, 1)}[orientation]
    red = result.getpixel((corner[0] * (result.width - 1), corner[1] * (result.height - 1)))
    assert red[0] > 200 and red[1] < 60
    assert read_image(result).size == result.size
    assert not result.getexif()


def test_metadata_do_not_travel():
    exif = Image.Exif()
    exif[0x010F] = "camera of somebody"
    assert b"somebody" not in encoded(read_image(encoded(gradient(), "JPEG", exif=exif)), "JPEG")


def test_a_colour_profile_is_applied():
    # A profile in which red and green change places is as far from sRGB as one can get with what Pillow makes.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = read_image(encoded(gradient(), "PNG", icc_profile=lab))
    assert np.abs(np.asarray(same, int) - np.asarray(gradient(), int)).max() <= 2
    broken = read_image(encoded(gradient(), "PNG", icc_profile=b"not a profile"))
    assert np.array_equal(np.asarray(broken), np.asarray(gradient()))


def test_the_first_frame_of_an_animation():
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    result = read_image(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert result.convert("RGB").getpixel((4, 4)) == (255, 0, 0)


@pytest.mark.parametrize(
    "data,words",
    [
        (b"", "is empty"),
        (b"hello, I am a text", "is not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing or text"),
        (b"PK\x03\x04" + bytes(100), "is not a picture"),
        (encoded(gradient())[:-40], "damaged or incomplete"),
        (encoded(gradient(size=(300, 300)), "JPEG")[:1500], "damaged or incomplete"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "is not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not a picture"),
    ],
)
def test_what_is_not_a_picture_is_refused_in_one_sentence(tmp_path, data, words):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words) as caught:
        read_image(path)
    assert "holiday.jpg" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ImageError, match="No such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(ImageError, match="is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match="not int"):
        read_image(3)


def test_bombs_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    # A PNG header that promises 40,000 x 40,000 pixels costs 57 bytes.
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(ImageError, match="megapixels"):
        read_image(bomb)
    header = struct.pack(">IIBBBBB", 12000, 11000, 8, 2, 0, 0, 0)
    smaller = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    with pytest.raises(ImageError, match="12000x11000, more than 120 megapixels"):
        read_image(smaller)


def test_large_files_are_refused_unread(monkeypatch, tmp_path):
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 100)
    path = tmp_path / "a.png"
    path.write_bytes(encoded(gradient()))
    with pytest.raises(ImageError, match="is larger than"):
        read_image(path)
    with pytest.raises(ImageError, match="is larger than"):
        read_image(io.BytesIO(encoded(gradient())))


@given(st.binary(max_size=400))
def test_no_bytes_crash_the_reader(data):
    for prefix in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\x00", b"GIF89a", b"RIFF\x00\x00\x00\x00WEBP"):
        try:
            read_image(prefix + data)
        except ImageError as error:
            assert "\n" not in str(error)


@given(st.binary(min_size=1, max_size=12), st.integers(min_value=0))
def test_no_damage_to_a_real_file_crashes_the_reader(noise, position):
    for kind in ("PNG", "JPEG", "WEBP", "TIFF", "GIF"):
        data = bytearray(encoded(gradient(size=(12, 9)), kind))
        start = position % len(data)
        data[start : start + len(noise)] = noise
        try:
            read_image(bytes(data))
        except ImageError as error:
            assert "\n" not in str(error)


def test_tensors_round_trip_exactly():
    image = gradient()
    tensor = to_tensor(image)
    assert tensor.shape == (3, 24, 40) and tensor.min() >= -1 and tensor.max() <= 1
    assert np.array_equal(np.asarray(to_image(tensor)), np.asarray(image))
    assert to_image(to_tensor(image, channels=1)).mode == "RGB"
    assert to_image(tensor * 9).getextrema() == ((0, 255),) * 3  # clipped, not wrapped


def test_keep_color_takes_light_from_the_painting_and_hue_from_the_photo():
    photo, painting = Image.new("RGB", (2, 2), (200, 60, 60)), Image.new("RGB", (2, 2), (90, 90, 120))
    kept = keep_color(painting, photo).convert("YCbCr").getpixel((0, 0))
    assert abs(kept[0] - painting.convert("YCbCr").getpixel((0, 0))[0]) <= 2
    assert kept[2] > 150  # still red


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_pictures_are_written_and_read_back(tmp_path, suffix):
    image = gradient()
    if suffix != ".jpg":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    save_image(image, tmp_path / f"a{suffix}")
    result = read_image(tmp_path / f"a{suffix}")
    difference = np.abs(np.asarray(result, int) - np.asarray(image, int))
    assert difference.max() <= (8 if suffix == ".jpg" else 0)


def test_saving_refuses_what_it_cannot_do(tmp_path):
    with pytest.raises(ImageError, match="name it .png"):
        save_image(gradient(), tmp_path / "a.doc")
    with pytest.raises(ImageError, match="No such file"):
        save_image(gradient(), tmp_path / "missing" / "a.png")
    save_image(gradient(), tmp_path / "a.png")
    with pytest.raises(FileExistsError):
        save_image(gradient(), tmp_path / "a.png", overwrite=False)


@pytest.mark.parametrize("overwrite", [True, False])
def test_a_file_is_written_whole_or_not_at_all(tmp_path, overwrite):
    path = tmp_path / "a.bin"
    if overwrite:
        path.write_bytes(b"old")
    with pytest.raises(RuntimeError), write_whole(path, overwrite) as file:
        file.write(b"half")
        raise RuntimeError("power cut")
    assert os.listdir(tmp_path) == (["a.bin"] if overwrite else [])
    assert not overwrite or path.read_bytes() == b"old"
    with write_whole(path, overwrite) as file:
        file.write(b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_memory_card_has_no_links(tmp_path, monkeypatch):
    def link(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    save_image(gradient(), tmp_path / "a.png", overwrite=False)
    with pytest.raises(FileExistsError), write_whole(tmp_path / "b.png", overwrite=False) as file:
        (tmp_path / "b.png").touch()
        file.write(b"b")
    assert sorted(os.listdir(tmp_path)) == ["a.png", "b.png"]


def test_a_pipe_with_a_name():
    reading, writing = os.pipe()
    os.write(writing, encoded(gradient(size=(9, 7)), "PNG"))
    os.close(writing)
    assert read_image(f"/dev/fd/{reading}").size == (9, 7)
    os.close(reading)


def test_an_opened_picture_may_be_damaged_too():
    whole = encoded(gradient(size=(90, 70)), "PNG")
    with pytest.raises(ImageError, match="damaged or incomplete"):
        read_image(Image.open(io.BytesIO(whole[: len(whole) // 2])))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_folders_are_listed_in_order_without_hidden_files(tmp_path):
    for name in ("b.PNG", "a.jpg", "sub/c.webp", ".hidden.jpg", ".trash/d.jpg", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert [path.name for path in list_images(tmp_path)] == ["a.jpg", "b.PNG", "c.webp"]


def test_a_contact_sheet_shows_each_picture_in_its_place():
    wide, tall = Image.new("RGB", (80, 20), "red"), Image.new("RGB", (20, 80), "blue")
    sheet = contact_sheet([[wide, tall], [wide]], cell=40, gap=4)
    assert sheet.size == (84, 40 + 4 + 10)
    assert sheet.getpixel((20, 20)) == (255, 0, 0) and sheet.getpixel((64, 20)) == (0, 0, 255)
    assert sheet.getpixel((20, 49)) == (255, 0, 0) and sheet.getpixel((64, 49)) == (255, 255, 255)
