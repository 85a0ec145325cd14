"""Near-duplicates, and what `hfstyle data check` says of a set before hours are spent on it."""

import io

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from test_images import encoded, gradient

from hfstyle.assets import ASSETS
from hfstyle.data.check import check, margin, sheet_name
from hfstyle.data.duplicates import duplicates_in_a_line, find_groups, near_duplicates
from hfstyle.data.pictures import open_pairs, open_pictures, thumbnail
from hfstyle.errors import DataError

PHOTOS = sorted((ASSETS / "examples").glob("*.jpg"))


def crop(image: Image.Image, part: float) -> Image.Image:
    width, height = image.size
    dx, dy = width * part / 2, height * part / 2
    return image.crop((int(dx), int(dy), int(width - dx), int(height - dy)))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image.convert("RGB"), "JPEG", quality=quality)))


CHANGES = {
    "smaller": lambda image: image.resize((image.width // 3, image.height // 3)),
    "compressed": lambda image: jpeg(image, 25),
    "cropped": lambda image: crop(image, 0.04),
    "lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "all of it": lambda image: jpeg(crop(image, 0.03).resize((200, 150)), 50),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_other_photos_are_not(change):
    photos = [Image.open(path).convert("RGB") for path in PHOTOS]
    copies = [CHANGES[change](photo) for photo in photos]
    groups = find_groups(np.stack([thumbnail(image.convert("RGB")) for image in photos + copies]))
    assert groups == [[index, index + len(photos)] for index in range(len(photos))]


def test_what_is_no_duplicate():
    flat = [np.full((64, 64), value, np.uint8) for value in (0, 128, 255)]
    noise = list(np.random.default_rng(0).integers(0, 255, (50, 64, 64), dtype=np.uint8))
    assert find_groups(np.stack(flat[:1])) == []
    assert find_groups(np.stack(noise)) == []
    mirrored = [thumbnail(Image.open(path).convert("RGB").transpose(0)) for path in PHOTOS]
    assert find_groups(np.stack([*mirrored, *(thumbnail(Image.open(path).convert("RGB")) for path in PHOTOS)])) == []
    # Two pictures in one round mount agree in the mount alone.
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    mount = x**2 + y**2 > 0.9
    first, second = (np.where(mount, 255, picture // 3).astype(np.uint8) for picture in noise[:2])
    assert find_groups(np.stack([first, second])) == []


@pytest.fixture
def folder(tmp_path):
    """A set with everything wrong."""
    root = tmp_path / "art"
    for name in ("train", "test"):
        (root / name).mkdir(parents=True)
    photos = [Image.open(path).convert("RGB") for path in PHOTOS]
    for index, photo in enumerate(photos):
        photo.save(root / "train" / f"{index}.png")
    (root / "train" / "same.png").write_bytes((root / "train" / "0.png").read_bytes())
    jpeg(photos[1], 60).resize((150, 120)).save(root / "test" / "leak.jpg")
    photos[0].transpose(0).convert("L").save(root / "train" / "grey.png")
    (root / "train" / "broken.jpg").write_bytes(b"no")
    return root


def test_duplicates_of_opened_pictures(folder):
    pictures = open_pictures(folder, quiet=True)
    groups = [[pictures.names[index] for index in group] for group in near_duplicates(pictures)]
    assert groups == [["train/0.png", "train/same.png"]]
    assert near_duplicates(open_pairs(folder, folder, quiet=True)) == near_duplicates(pictures)
    said = f"1 of {len(PHOTOS) + 2} pictures look like another one: train/0.png = train/same.png"
    assert duplicates_in_a_line(pictures) == said
    assert duplicates_in_a_line(open_pictures(folder, split="test", quiet=True)) is None


def test_the_whole_report(folder):
    report = check([str(folder)], crop=200, quiet=True)
    facts = report.to_dict()
    assert list(facts["parts"]) == [f"{folder} test", f"{folder} train"]
    assert facts["parts"][f"{folder} train"]["pictures"] == facts["usable"] == len(PHOTOS) + 2
    assert facts["parts"][f"{folder} test"]["short_side"] == {"min": 120, "median": 120, "max": 120}
    assert facts["parts"][f"{folder} train"]["modes"] == {"RGB": len(PHOTOS) + 1, "L": 1}
    assert [entry["name"] for entry in facts["broken"]] == ["train/broken.jpg"]
    assert facts["exact_duplicates"] == [["train/0.png", "train/same.png"]]
    assert facts["near_duplicates"] == [["test/leak.jpg", "train/1.png"], ["train/0.png", "train/same.png"]]
    assert facts["leaks"] == [{"test": "test/leak.jpg", "train": "train/1.png"}]
    assert facts["small"] == ["test/leak.jpg"] and facts["grey"] == ["train/grey.png"]
    text = "\n".join(report.lines())
    assert "LEAK: test/leak.jpg is held back for testing, and training learns train/1.png" in text
    assert f"broken: {folder}/train/broken.jpg is not a picture" in text
    assert text.endswith(f"ready to train: {len(PHOTOS) + 2} pictures")
    assert report.sheet.width > 1000


def test_leaks_between_two_sources(folder):
    report = check([str(folder / "train"), str(folder / "test")], quiet=True)
    assert report.leaks == [(f"{folder}/test/leak.jpg", f"{folder}/train/1.png")]
    assert check([str(folder / "train"), str(folder / "train")], quiet=True).usable == len(PHOTOS) + 2  # once


def test_a_clean_set_is_praised_and_nothing_else(tmp_path):
    for index, path in enumerate(PHOTOS):
        Image.open(path).save(tmp_path / f"{index}.png")
    report = check([str(tmp_path)], crop=64, quiet=True)
    assert report.lines()[3:] == ["", f"ready to train: {len(PHOTOS)} pictures"]


def test_all_grey_is_no_fault(tmp_path):
    for index, path in enumerate(PHOTOS):
        Image.open(path).convert("L").save(tmp_path / f"{index}.png")
    assert check([str(tmp_path)], quiet=True).grey == []


def test_frames_of_paper(tmp_path):
    photo = Image.open(PHOTOS[0]).convert("RGB").resize((180, 90))
    assert margin(photo) == 0
    assert margin(gradient(size=(200, 100))) == 0
    framed = Image.new("RGB", (200, 100), (240, 230, 210))
    framed.paste(photo, (10, 5))
    assert margin(framed) == pytest.approx(0.05, abs=0.01)
    sky = Image.new("RGB", (200, 100), (120, 160, 230))
    sky.paste(photo, (0, 20))
    assert margin(sky) == 0 and margin(Image.new("RGB", (50, 50))) == 0
    for index, path in enumerate(PHOTOS[:4]):
        framed.paste(Image.open(path).convert("RGB").resize((180, 90)), (10, 5))
        framed.save(tmp_path / f"{index}.png")
    report = check([str(tmp_path)], quiet=True)
    assert 0.86 <= report.inner_crop <= 0.9 and f"--inner-crop {report.inner_crop}" in "\n".join(report.lines())
    inside = open_pictures(tmp_path, inner_crop=report.inner_crop, quiet=True)
    assert all(margin(picture) == 0 for picture in inside)


def test_nothing_readable(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no")
    report = check([str(tmp_path)], quiet=True)
    assert report.usable == 0 and report.sheet is None and report.lines()[-1] == "nothing to train with"
    with pytest.raises(DataError, match="there is no folder"):
        check([str(tmp_path / "none")])


def test_a_data_set_on_the_hub(hub):
    files = {f"train/{path.name}": path.read_bytes() for path in PHOTOS[:3]}
    hub.add_repo("alice/art", files | {"test/9.jpg": PHOTOS[0].read_bytes()}, type="dataset")
    report = check(["alice/art"], quiet=True)
    assert report.leaks == [("test/9.jpg", f"train/{PHOTOS[0].name}")] and report.usable == 3


@pytest.mark.parametrize(
    "source,name",
    [("photos/", "photos-sheet.jpg"), ("a/b.zip", "b-sheet.jpg"), ("me/art.v2", "art.v2-sheet.jpg")],
)
def test_sheet_names(source, name):
    assert sheet_name(source) == name
