"""Training pictures: what is read, what is skipped, and a stream whose samples depend on their number alone."""

import numpy as np
import pytest
import torch
from PIL import Image
from test_images import gradient

from hfstyle.data.augment import Augmentation
from hfstyle.data.pictures import open_pictures
from hfstyle.data.streams import PictureStream, StepSampler, StyledStream
from hfstyle.errors import DataError
from hfstyle.tensors import to_tensor


@pytest.fixture
def folder(tmp_path):
    for index in range(5):
        Image.new("RGB", (60, 40), (index * 50, 0, 0)).save(tmp_path / f"{index}.png")
    return tmp_path


def stream(folder, seed=0, **options):
    augment = Augmentation(**({"crop": 16, "resize": (20, 30)} | options))
    pictures = open_pictures(folder, quiet=True)
    return PictureStream(seed, (pictures, augment), (pictures, augment))


def test_unreadable_files_are_skipped_and_named(folder, caplog):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("no picture, no word about it")
    pictures = open_pictures(folder, quiet=True)
    assert len(pictures) == 5
    assert {name for name, _ in pictures.unreadable} == {"broken.jpg", "empty.png"}
    assert "broken.jpg" in caplog.text and "empty.png is empty" in caplog.text and "notes" not in caplog.text


def test_folders_without_pictures(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        open_pictures(tmp_path / "none")
    with pytest.raises(DataError, match="has no pictures"):
        open_pictures(tmp_path)
    (tmp_path / "a.jpg").write_text("no")
    with pytest.raises(DataError, match=r"no readable picture; the first of 1: .*a\.jpg"):
        open_pictures(tmp_path, quiet=True)


def test_pictures_outside_the_cache_are_the_same(folder):
    cached, uncached = open_pictures(folder, quiet=True), open_pictures(folder, cache_bytes=0, quiet=True)
    for index in range(5):
        assert np.array_equal(np.asarray(cached[index]), np.asarray(uncached[index]))


def test_inner_crop_cuts_the_margins(tmp_path):
    framed = Image.new("RGB", (100, 80), "white")
    framed.paste("navy", (6, 5, 94, 75))
    framed.save(tmp_path / "a.png")
    assert open_pictures(tmp_path, inner_crop=0.85, quiet=True)[0].getcolors() == [(86 * 68, (0, 0, 128))]


def test_large_pictures_are_kept_small(tmp_path):
    gradient(size=(300, 100)).save(tmp_path / "a.png")
    assert open_pictures(tmp_path, short_side=40, quiet=True)[0].size == (120, 40)
    assert open_pictures(tmp_path, short_side=200, quiet=True)[0].size == (300, 100)


def test_every_picture_comes_once_a_round(folder):
    samples = stream(folder)
    for first in (0, 5, 10):
        reds = {round(samples[n][1][0].mean().item(), 2) for n in range(first, first + 5)}
        assert len(reds) == 5
    orders = [[samples[n][1][0].mean().item() for n in range(first, first + 5)] for first in (0, 5, 10, 15)]
    assert len({tuple(order) for order in orders}) > 1


def test_samples_depend_on_seed_and_number_alone(tmp_path):
    gradient(size=(64, 50)).save(tmp_path / "a.png")
    one, other = stream(tmp_path), stream(tmp_path)
    backwards = {n: other[n] for n in reversed(range(6))}
    for n in range(6):
        assert all(torch.equal(a, b) for a, b in zip(one[n][1:], backwards[n][1:], strict=True)) and one[n][0] == n
    assert not torch.equal(one[0][1], one[1][1])
    assert not torch.equal(one[0][1], one[0][2])  # photo and painting are cropped independently
    assert not torch.equal(one[0][1], stream(tmp_path, seed=1)[0][1])


def test_augmentation(tmp_path):
    image = gradient(size=(90, 60))
    random = np.random.default_rng(0)
    for options in ({}, {"aspect_jitter": 0.2}, {"flip": False}):
        augment = Augmentation(crop=32, resize=(32, 64), **options)
        crops = torch.stack([augment(image, random) for _ in range(40)])
        assert crops.shape == (40, 3, 32, 32) and crops.min() >= -1 and crops.max() <= 1
        # The gradient's red grows from left to right; only a flip turns it round.
        rising = (crops[:, 0, :, -1].mean(1) > crops[:, 0, :, 0].mean(1)).float().mean().item()
        assert rising == 1 if options == {"flip": False} else 0.2 < rising < 0.8
    whole = Augmentation(crop=60, resize=(60, 60), flip=False)(gradient(size=(60, 60)), random)
    assert torch.allclose((whole + 1) * 127.5, to_tensor(gradient(size=(60, 60))) * 127.5 + 127.5, atol=1e-3)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_processes_share_the_samples_of_a_step(processes):
    samplers = [StepSampler(10, 3, 4, process, processes) for process in range(processes)]
    parts = [list(sampler) for sampler in samplers]
    assert all(len(part) == len(sampler) == 12 for part, sampler in zip(parts, samplers, strict=True))
    for step in range(3):
        taken = sorted(n for part in parts for n in part[step * 4 : step * 4 + 4])
        first = 10 + step * 4 * processes
        assert taken == list(range(first, first + 4 * processes))


def test_the_fingerprint_notices_changes(folder):
    before = open_pictures(folder, quiet=True).fingerprint
    assert open_pictures(folder, quiet=True).fingerprint == before
    (folder / "3.png").unlink()
    assert open_pictures(folder, quiet=True).fingerprint != before


def test_color_jitter_is_off_unless_asked_for():
    picture = gradient(size=(64, 50))
    plain = Augmentation(crop=32, resize=(32, 40), aspect_jitter=0.2)
    jittered = Augmentation(crop=32, resize=(32, 40), aspect_jitter=0.2, color_jitter=0.5)
    random, again = np.random.default_rng(3), np.random.default_rng(3)
    crop = plain(picture, random)
    # What is drawn, and in which order, is as before there was jitter.
    scale = again.integers(32, 40, endpoint=True) / 50
    width, height = round(64 * scale * 1.2 ** again.uniform(-1, 1)), round(50 * scale)
    again.integers(0, max(width, 32) - 32, endpoint=True), again.integers(0, max(height, 32) - 32, endpoint=True)
    again.random()
    assert random.bit_generator.state == again.bit_generator.state
    assert not torch.equal(crop, jittered(picture, np.random.default_rng(3)))


def test_color_jitter_stays_within_its_part():
    grey = Image.new("RGB", (40, 40), (100, 100, 100))
    augment = Augmentation(crop=32, resize=(32, 32), color_jitter=0.2)
    values = [((augment(grey, np.random.default_rng(seed)).mean() + 1) * 127.5).item() for seed in range(50)]
    assert 79 <= min(values) < 90 and 110 < max(values) <= 121


def test_a_pair_is_changed_alike():
    picture = gradient(size=(64, 50))
    augment = Augmentation(crop=32, resize=(32, 60), aspect_jitter=0.2, color_jitter=0.3)
    for seed in range(10):
        a, b = augment.pair(picture, picture.copy(), np.random.default_rng(seed))
        assert torch.equal(a, b) and torch.equal(a, augment(picture, np.random.default_rng(seed)))


def test_styles_take_turns_however_many_pictures_they_have():
    """Each sample holds a photo, a style's number and a picture of that style; the same whenever it is asked for."""
    photos = [gradient(size=(40, 40))] * 3
    shades = {0: [Image.new("RGB", (40, 40), (200, 0, 0))] * 7, 1: [Image.new("RGB", (40, 40), (0, 200, 0))] * 2,
              2: [Image.new("RGB", (40, 40), (0, 0, 200))]}  # fmt: skip
    augment = Augmentation(32, (32, 40))
    stream = StyledStream(5, *((pictures, augment) for pictures in (photos, *shades.values())))
    orders = set()
    for first in range(0, 30, 3):
        turns = []
        for n in range(first, first + 3):
            number, photo, style, painting = stream[n]
            assert number == n and photo.shape == painting.shape == (3, 32, 32)
            assert painting.mean((1, 2)).argmax() == style, "the picture is not of the style"
            assert torch.equal(painting, stream.style(n)) and torch.equal(stream[n][3], painting)
            turns.append(int(style))
        assert sorted(turns) == [0, 1, 2]
        orders.add(tuple(turns))
    assert len(orders) > 2, "the same styles would always meet in a batch"
