"""Folders, zips and pairs: which files a layout chooses, and what every kind of file becomes."""

import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from test_images import encoded, gradient

from hfstyle.data import sources
from hfstyle.data.pictures import PairedPictures, open_pairs, open_pictures
from hfstyle.data.sources import has_two_domains, pair_key, select, split_and_domain
from hfstyle.errors import DataError


def fill(folder, *names: str, size: tuple[int, int] = (40, 24)) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        gradient(size=size).save(folder / name)


def pack(path, files: dict[str, bytes], method: int = zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def names(source, **options) -> list[str]:
    return open_pictures(source, quiet=True, **options).names


# ---- layout ----


@pytest.mark.parametrize("packed", [False, True])
def test_layouts(tmp_path, packed):
    def source(*files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        fill(folder, *files)
        if not packed:
            return folder
        contents = {name: (folder / name).read_bytes() for name in files}
        return pack(folder.with_suffix(".zip"), contents | {"__MACOSX/._a.png": b"", "x/.b.png": b"", "c.txt": b""})

    flat = source("b.png", "deep/a.png")
    assert names(flat) == ["b.png", "deep/a.png"]
    with pytest.raises(DataError, match="has no pictures for test$"):
        open_pictures(flat, split="test")
    assert not has_two_domains(flat)

    splits = source("train/1.png", "test/2.png", "val/3.png")
    assert names(splits) == ["train/1.png"] and names(splits, split="test") == ["test/2.png"]
    assert names(splits, split="val", domain="B") == ["val/3.png"]

    wrapped = source("monet/trainA/1.png", "monet/trainB/2.png", "monet/testA/3.png")
    assert has_two_domains(wrapped)
    assert names(wrapped, domain="A") == ["monet/trainA/1.png"] and names(wrapped, domain="B") == [
        "monet/trainB/2.png"
    ]
    assert names(wrapped, split="test", domain="A") == ["monet/testA/3.png"]
    with pytest.raises(DataError, match="no pictures in testB"):
        open_pictures(wrapped, split="test", domain="B")
    with pytest.raises(DataError, match="holds two domains, trainA and trainB"):
        open_pictures(wrapped)

    only_test = source("test/1.png")
    with pytest.raises(DataError, match="has no pictures for train, only for test"):
        open_pictures(only_test)
    assert names(source("a.png", "test/1.png")) == ["a.png"]
    assert names(source("1.png", "2.png", "3.png"), limit=2) == ["1.png", "2.png"]


def test_pictures_beside_the_train_folder_are_left_out_and_counted(tmp_path, caplog):
    fill(tmp_path, "train/1.png", "2.png")
    assert names(tmp_path) == ["train/1.png"]
    assert "left out, beside the folder train: 1 pictures" in caplog.text


@given(st.lists(st.lists(st.sampled_from(["a", "Test", "testA", "val", "train", "trainB", "validation"]), max_size=3)))
def test_nothing_held_back_is_ever_trained_on(folders):
    files = ["/".join([*folder, f"{index}.png"]) for index, folder in enumerate(folders)]
    for domain in ("A", "B"):
        try:
            chosen = select(files, "train", domain, "x")
        except DataError:
            continue
        for index in chosen:
            assert split_and_domain(files[index])[0] in ("train", None)
            assert all(part == "a" or part.startswith("train") for part in folders[index])


def test_a_zip_is_as_good_as_its_folder(tmp_path):
    files = ("b/2.png", "b-1.png", "a/train.png", "Z.png")
    fill(tmp_path / "art", *files)
    pack(tmp_path / "art.zip", {name: (tmp_path / "art" / name).read_bytes() for name in files}, zipfile.ZIP_DEFLATED)
    folder, packed = (open_pictures(tmp_path / name, cache_bytes=0, quiet=True) for name in ("art", "art.zip"))
    assert folder.names == packed.names and folder.fingerprint == packed.fingerprint
    for pictures in (packed, pickle.loads(pickle.dumps(packed))):
        assert all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(folder, pictures, strict=True))


# ---- hostile and broken zips ----


def test_zips_never_write_and_never_follow_names(tmp_path):
    good = encoded(gradient())
    files = dict.fromkeys(("../../out.png", "/etc/abs.png", "back\\slash.png", "ok.png"), good)
    (tmp_path / "in").mkdir()
    pack(tmp_path / "in" / "art.zip", files)
    assert names(tmp_path / "in" / "art.zip") == ["back/slash.png", "etc/abs.png", "ok.png"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["art.zip"]


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    bomb = pack(tmp_path / "bomb.zip", {"a.png": bytes(2**20), "b.png": bytes(2**20)}, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 2**20)
    with pytest.raises(DataError, match="unpack to 2 MB, over 100 times its size"):
        open_pictures(bomb)
    monkeypatch.setattr(sources, "MAX_ZIP_BYTES", 2**20)
    with pytest.raises(DataError, match="would unpack to more than"):
        open_pictures(bomb)
    monkeypatch.setattr(sources, "MAX_ZIP_FILES", 1)
    with pytest.raises(DataError, match="more than 1 files"):
        open_pictures(bomb)


def test_a_zip_that_lies_about_sizes_is_read_to_the_limit_only(tmp_path):
    path = pack(tmp_path / "liar.zip", {"a.png": bytes(2**22), "b.png": encoded(gradient())}, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\1\2", 24), (b"PK\3\4", 22)):
        struct.pack_into("<I", data, data.index(signature) + offset, 10)
    path.write_bytes(data)
    pictures = open_pictures(path, quiet=True)
    assert pictures.names == ["b.png"] and "a.png" in pictures.unreadable[0][1]


def test_single_members_that_are_too_large_or_oddly_packed_are_skipped(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 255, 5000, np.uint8).tobytes()
    path = pack(tmp_path / "a.zip", {"large.png": noise, "ok.png": encoded(gradient())})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("odd.png", encoded(gradient()))
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 4000)
    pictures = open_pictures(path, quiet=True)
    assert pictures.names == ["ok.png"]
    assert "is larger than" in dict(pictures.unreadable)["large.png"]
    assert "packed in an unusual way" in dict(pictures.unreadable)["odd.png"]


def test_encrypted_and_broken_zips(tmp_path):
    path = pack(tmp_path / "a.zip", {"a.png": encoded(gradient()), "b.png": encoded(gradient())})
    data = bytearray(path.read_bytes())
    damaged = bytearray(data)
    damaged[data.index(b"IDAT")] ^= 255
    (tmp_path / "damaged.zip").write_bytes(damaged)
    assert (
        "cannot be unpacked (Bad CRC-32"
        in dict(open_pictures(tmp_path / "damaged.zip", quiet=True).unreadable)["a.png"]
    )
    for signature, offset in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        data[data.index(signature) + offset] |= 1
    (tmp_path / "locked.zip").write_bytes(data)
    with pytest.raises(DataError, match=r"locked\.zip is encrypted; unpack it first"):
        open_pictures(tmp_path / "locked.zip")
    (tmp_path / "half.zip").write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="neither a folder nor a zip"):
        open_pictures(tmp_path / "half.zip")
    with pytest.raises(DataError, match="has no pictures"):
        open_pictures(pack(tmp_path / "empty.zip", {"a.txt": b""}))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_damage_to_a_zip_is_a_traceback(tmp_path_factory, junk, place):
    path = tmp_path_factory.mktemp("zips") / "a.zip"
    data = bytearray(pack(path, {"train/a.png": encoded(gradient(size=(3, 3)))}, zipfile.ZIP_DEFLATED).read_bytes())
    data[place : place + len(junk)] = junk
    path.write_bytes(data)
    try:
        open_pictures(path, quiet=True)[0].load()
    except DataError as error:
        assert "\n" not in str(error)


# ---- every kind of file ----


def test_all_kinds_of_files_come_in_right(tmp_path):
    rgb = gradient()
    grey = gradient("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    clear = gradient("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    hole = clear.copy()
    hole.paste((255, 0, 0, 0), (0, 0, 10, 10))
    palette = gradient("P")
    frames = [rgb, Image.new("RGB", rgb.size, "red")]
    animated = {"save_all": True, "append_images": frames[1:], "duration": 50}
    expected = {}
    for name, image, options, like in (
        ("grey.png", grey, {}, grey),
        ("grey.jpg", grey, {}, grey),
        ("deep.png", deep, {}, grey),
        ("deep.tif", deep, {}, grey),
        ("cmyk.jpg", rgb.convert("CMYK"), {"quality": 95}, rgb),
        ("rgba.png", clear, {}, rgb),
        ("hole.png", hole, {}, None),
        ("palette.png", palette, {"transparency": palette.getpixel((0, 0))}, None),
        ("animated.gif", rgb, animated, rgb),
        ("animated.webp", rgb, animated | {"lossless": True}, rgb),
        ("animated.png", rgb, animated, rgb),
    ):
        image.save(tmp_path / name, **options)
        expected[name] = like
    pictures = open_pictures(tmp_path, quiet=True)
    assert pictures.unreadable == [] and set(pictures.names) == set(expected)
    for name, picture in zip(pictures.names, pictures, strict=True):
        assert picture.mode == "RGB" and picture.size == rgb.size, name
        if like := expected[name]:
            difference = np.abs(np.asarray(picture, float) - np.asarray(like.convert("RGB"), float)).mean()
            assert difference < (12 if name.endswith((".gif", ".jpg")) else 1), name
        else:
            assert picture.getpixel((0, 0)) == (255, 255, 255), name  # what is transparent is paper


def test_many_broken_files_are_counted(tmp_path, caplog):
    fill(tmp_path, "ok.png")
    for index in range(30):
        (tmp_path / f"{index}.jpg").write_bytes(b"no")
    assert len(open_pictures(tmp_path, quiet=True).unreadable) == 30
    assert caplog.text.count("skipped") == 21 and "skipped: 10 more" in caplog.text


# ---- pairs ----


def two(size=(20, 20)):
    return Image.new("RGB", size, "navy"), Image.new("RGB", size, "gold")


def test_side_by_side(tmp_path, caplog):
    left, right = two()
    both = Image.new("RGB", (40, 20))
    both.paste(left, (0, 0))
    both.paste(right, (20, 0))
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    both.save(tmp_path / "train" / "1.png")
    both.save(tmp_path / "test" / "2.png")
    pairs = open_pairs(tmp_path, quiet=True)
    assert pairs.names == ["train/1.png"] and not caplog.text
    for pair in (pairs[0], open_pairs(tmp_path, quiet=True, inner_crop=0.5, short_side=8)[0]):
        assert [half.getcolors()[0][1] for half in pair] == [(0, 0, 128), (255, 215, 0)]
        assert pair[0].size == pair[1].size
    assert pair[0].size == (8, 8)


def test_odd_and_other_shapes_side_by_side_are_reported(tmp_path, caplog):
    fill(tmp_path, "odd.png", size=(41, 20))
    fill(tmp_path, "tall.png", size=(40, 60))
    fill(tmp_path, "thin.png", size=(1, 5))
    (tmp_path / "broken.png").write_bytes(b"no")
    pairs = open_pairs(tmp_path, quiet=True)
    assert pairs.names == ["odd.png", "tall.png"]
    assert pairs[0][0].size == pairs[0][1].size == (20, 20)
    assert "not twice as wide as high, and cut in the middle all the same: odd.png, tall.png" in caplog.text
    assert caplog.text.count("skipped") == len(pairs.unreadable) == 2


def test_pairs_from_two_sources_by_name(tmp_path, caplog):
    fill(tmp_path / "a" / "train", "1.png", "x/2.png", "3.png")
    fill(tmp_path / "b", "1.jpg", "x/2.webp", "4.png", size=(20, 12))
    (tmp_path / "b" / "3.png").write_bytes(b"no")
    pairs = open_pairs(tmp_path / "a", tmp_path / "b", quiet=True)
    assert pairs.names == ["train/1.png", "train/x/2.png"]
    assert pairs[0][1].size == pairs[0][0].size == (40, 24)
    assert set(pairs.unmatched) == {"train/3.png", "4.png"} and [name for name, _ in pairs.unreadable] == ["3.png"]
    assert "left out, without a partner: train/3.png, 4.png" in caplog.text and "stretched" not in caplog.text
    assert len(pickle.loads(pickle.dumps(pairs))) == 2
    before = pairs.fingerprint
    (tmp_path / "b" / "1.jpg").unlink()
    assert open_pairs(tmp_path / "a", tmp_path / "b", quiet=True).fingerprint != before
    fill(tmp_path / "c", "other.png")
    with pytest.raises(DataError, match="no picture of .* has a partner of the same name"):
        open_pairs(tmp_path / "a", tmp_path / "c", quiet=True)


def test_pairs_in_one_source_with_two_domains(tmp_path, caplog):
    fill(tmp_path, "trainA/1.png", "testA/2.png", "testB/2.png")
    fill(tmp_path, "trainB/1.png", size=(30, 30))
    pairs = open_pairs(tmp_path, quiet=True)
    assert isinstance(pairs, PairedPictures) and pairs.names == ["trainA/1.png"]
    assert "B is stretched: trainA/1.png" in caplog.text
    assert open_pairs(tmp_path, split="test", quiet=True).names == ["testA/2.png"]


def test_names_that_belong_together():
    assert pair_key("trainA/x/1.jpg") == pair_key("trainB/x/1.png") == pair_key("x/1.webp") != pair_key("1.jpg")
    assert pair_key("train/1.2.jpg") != pair_key("train/1.3.jpg")


def test_names_with_control_characters_do_not_reach_the_terminal(tmp_path):
    path = pack(tmp_path / "a.zip", {"\x1b[31m.png": b"no", "ok.png": encoded(gradient())})
    assert "\x1b" not in open_pictures(path, quiet=True).unreadable[0][1]


def test_what_is_neither(tmp_path):
    (tmp_path / "a.jpg").write_bytes(encoded(gradient(), "JPEG"))
    with pytest.raises(DataError, match=r"a\.jpg is neither a folder nor a zip"):
        open_pictures(tmp_path / "a.jpg")
