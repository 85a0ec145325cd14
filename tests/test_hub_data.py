"""Data sets on the Hub: which files and columns are taken, how much is fetched, and what is refused.

All through the real `datasets` and `huggingface_hub`, against the Hub on the loopback.
"""

import io
import pickle
import shutil
import socket
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image
from test_images import encoded, gradient

from hfstyle.data.pictures import open_pairs, open_pictures
from hfstyle.data.sources import has_two_domains
from hfstyle.errors import DataError, HfstyleError, HubError, MissingExtraError

datasets = pytest.importorskip("datasets", reason="the extra 'train' is not installed")


@pytest.fixture
def hub(hub):
    shutil.rmtree(datasets.config.HF_DATASETS_CACHE, ignore_errors=True)
    return hub


def picture(number: int, size: tuple[int, int] = (40, 30)) -> bytes:
    pixels = np.asarray(gradient(size=size)).copy()
    pixels[..., 2] = number
    return encoded(Image.fromarray(pixels))


def blues(pictures) -> list[int]:
    """The numbers of the pictures that `picture` made."""
    return [pictures[index].getpixel((0, 0))[2] for index in range(len(pictures))]


def parquet(columns: dict[str, list], image: tuple[str, ...] = ("image",)) -> bytes:
    features = {name: datasets.Image() if name in image else datasets.Value("string") for name in columns}
    buffer = io.BytesIO()
    datasets.Dataset.from_dict(columns, datasets.Features(features)).to_parquet(buffer)
    return buffer.getvalue()


def rows(numbers, **others) -> bytes:
    cells = [{"bytes": picture(number), "path": f"{number}.png"} for number in numbers]
    return parquet({"image": cells, "caption": ["a"] * len(cells)})


def in_shards(count: int = 4) -> dict[str, bytes]:
    names = [f"data/train-{shard:05d}-of-{count:05d}.parquet" for shard in range(count)]
    files = {name: rows(range(10 * shard, 10 * shard + 5)) for shard, name in enumerate(names)}
    return files | {"data/test-00000-of-00001.parquet": rows([200, 201])}


@pytest.mark.parametrize("streaming", [False, True])
def test_a_table_gives_its_one_column_of_pictures(hub, streaming):
    hub.add_repo("alice/art", in_shards(2), type="dataset")
    pictures = open_pictures("alice/art", streaming=streaming, cache_bytes=0, quiet=True)
    assert blues(pictures) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert blues(open_pictures("alice/art", split="test", streaming=streaming, quiet=True)) == [200, 201]
    assert blues(pickle.loads(pickle.dumps(pictures))) == blues(pictures)


def test_streaming_fetches_no_more_than_it_takes(hub):
    hub.add_repo("alice/art", in_shards(4), type="dataset")
    pictures = open_pictures("alice/art", streaming=True, limit=7, quiet=True)
    assert blues(pictures) == [0, 1, 2, 3, 4, 10, 11]
    fetched = {entry.path.rsplit("/", 1)[1] for entry in hub.requests("GET", r"\.parquet$")}
    # `datasets` looks one file ahead.
    assert fetched <= {f"train-{shard:05d}-of-00004.parquet" for shard in range(3)}


def test_only_the_split_is_downloaded(hub):
    hub.add_repo("alice/art", in_shards(2), type="dataset")
    open_pictures("alice/art", split="test", quiet=True)
    assert not hub.requests("GET", r"train-0000.*\.parquet$")


def test_nobody_else_is_asked(hub, monkeypatch):
    asked, look_up = set(), socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *more, **o: asked.add(host) or look_up(host, *more, **o))
    hub.add_repo("alice/art", in_shards(1), type="dataset")
    open_pictures("alice/art", quiet=True)
    open_pictures("alice/art", streaming=True, quiet=True)
    assert asked <= {"127.0.0.1", "localhost"}


def test_the_fingerprint_notices_a_commit(hub):
    repo = hub.add_repo("alice/art", in_shards(1), type="dataset")
    before = open_pictures("alice/art", quiet=True).fingerprint
    assert open_pictures("alice/art", streaming=True, quiet=True).fingerprint == before
    repo.push({"README.md": b"# other"})
    assert open_pictures("alice/art", quiet=True).fingerprint != before


def test_columns(hub):
    cells = [{"bytes": picture(number), "path": None} for number in (1, 2)]
    hub.add_repo("alice/two", {"train.parquet": parquet({"x": cells, "y": cells}, ("x", "y"))}, type="dataset")
    with pytest.raises(DataError, match="several columns of pictures; name one of x, y"):
        open_pictures("alice/two", quiet=True)
    assert blues(open_pictures("alice/two", column="y", quiet=True)) == [1, 2]
    with pytest.raises(DataError, match="no column 'z' of pictures; it has x, y"):
        open_pictures("alice/two", column="z", quiet=True)
    hub.add_repo("alice/none", {"train.parquet": parquet({"x": ["a"]})}, type="dataset")
    with pytest.raises(DataError, match="no column of pictures"):
        open_pictures("alice/none", quiet=True)
    assert not has_two_domains("alice/two")


def test_pairs_in_two_columns(hub):
    a, b = ([{"bytes": picture(number), "path": None} for number in numbers] for numbers in ((1, 2, 3), (11, 12, 13)))
    b[1] = {"bytes": b"broken", "path": None}
    hub.add_repo(
        "alice/pairs", {"train.parquet": parquet({"imageA": a, "imageB": b}, ("imageA", "imageB"))}, type="dataset"
    )
    assert has_two_domains("alice/pairs")
    pairs = open_pairs("alice/pairs", quiet=True)
    assert [(one.getpixel((0, 0))[2], other.getpixel((0, 0))[2]) for one, other in pairs] == [(1, 11), (3, 13)]
    assert [reason.split(" is ")[0] for _, reason in pairs.unreadable] == ["alice/pairs/train/000001 (imageB)"]
    swapped = open_pairs("alice/pairs", columns=("imageB", "imageA"), streaming=True, quiet=True)
    assert swapped[1][0].getpixel((0, 0))[2] == 13


def test_splits_as_domains(hub):
    files = {f"data/{name}-00000-of-00001.parquet": rows([number]) for number, name in enumerate(("trainA", "trainB"))}
    card = "---\nconfigs:\n- config_name: default\n  data_files:\n"
    card += "".join(f"  - split: {name}\n    path: data/{name}-*\n" for name in ("trainA", "trainB")) + "---\n"
    hub.add_repo("alice/ab", files | {"README.md": card.encode()}, type="dataset")
    assert has_two_domains("alice/ab")
    assert blues(open_pictures("alice/ab", domain="B", quiet=True)) == [1]
    with pytest.raises(DataError, match="no split train, only trainA, trainB"):
        open_pictures("alice/ab", quiet=True)


def test_subsets(hub):
    card = (
        b"---\nconfigs:\n- config_name: big\n  data_files: big/*\n- config_name: small\n  data_files: small/*\n---\n"
    )
    files = {"big/a.parquet": rows([1]), "small/a.parquet": rows([2]), "README.md": card}
    hub.add_repo("alice/subsets", files, type="dataset")
    assert blues(open_pictures("alice/subsets", subset="small", quiet=True)) == [2]
    with pytest.raises(HfstyleError, match="alice/subsets has subsets; name one of big, small"):
        open_pictures("alice/subsets", quiet=True)


def test_picture_files(hub):
    files = {f"{folder}/{number}.png": picture(number) for number, folder in enumerate(("trainA", "trainB", "testA"))}
    hub.add_repo("alice/files", files | {"trainA/broken.jpg": b"no", ".hidden.png": b""}, type="dataset")
    assert has_two_domains("alice/files")
    pictures = open_pictures("alice/files", domain="A", quiet=True)
    assert pictures.names == ["trainA/0.png"] and blues(pictures) == [0]
    assert pictures.unreadable[0][0] == "trainA/broken.jpg"
    assert blues(open_pictures("alice/files", split="test", domain="A", quiet=True)) == [2]
    assert not hub.requests("GET", "trainB/1.png")


def test_the_first_picture_files(hub):
    hub.add_repo("alice/files", {f"{number}.png": picture(number) for number in range(5)}, type="dataset")
    assert blues(open_pictures("alice/files", limit=2, quiet=True)) == [0, 1]
    assert len(hub.requests("GET", r"\.png$")) == 2


def test_a_zip(hub):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("art/train/1.png", picture(1))
        archive.writestr("art/test/2.png", picture(2))
    hub.add_repo("alice/zip", {"art.zip": buffer.getvalue()}, type="dataset")
    assert blues(open_pictures("alice/zip", quiet=True)) == [1]


def test_private_data_sets(hub):
    hub.add_repo("alice/private", in_shards(1), type="dataset", private=True)
    for token in (None, "hf_bob"):
        with pytest.raises(DataError, match="no folder alice/private here, and there is no data set alice/private"):
            open_pictures("alice/private", token=token, quiet=True)
    for streaming in (False, True):
        assert len(open_pictures("alice/private", token="hf_alice\n", streaming=streaming, quiet=True)) == 5
    hub.add_repo("alice/files", {"1.png": picture(1)}, type="dataset", private=True)
    assert blues(open_pictures("alice/files", token="hf_alice", quiet=True)) == [1]


def test_what_is_not_there(hub, tmp_path, caplog):
    with pytest.raises(DataError, match="no folder alice/none here, and there is no data set alice/none on the Hub"):
        open_pictures("alice/none", quiet=True)
    hub.log.clear()
    for name in (
        "./alice/none",
        "/alice/none",
        "~/alice/none",
        "photos/",
        "photos",
        "a/b/c",
        "alice/none.zip",
        tmp_path / "x",
    ):
        with pytest.raises(DataError, match="there is no (folder|file)"):
            open_pictures(name)
    assert not hub.log
    hub.add_repo("alice/words", {"a.csv": b"a,b\n1,2\n"}, type="dataset")
    with pytest.raises(DataError, match="neither picture files nor Parquet files nor one zip"):
        open_pictures("alice/words")
    damaged = bytearray(rows([1, 2, 3]))
    damaged[len(damaged) // 3 : len(damaged) // 3 + 400] = bytes(400)
    for content in (b"PAR1 no more", bytes(damaged)):
        hub.add_repo("alice/broken", {"a.parquet": content}, type="dataset")
        for streaming in (False, True):
            with pytest.raises(HfstyleError, match="^alice/broken[^\n]*$"):
                open_pictures("alice/broken", streaming=streaming, quiet=True)
    assert not caplog.text
    hub.add_repo("alice/art", in_shards(1), type="dataset")
    with pytest.raises(DataError, match="no split val, only test, train"):
        open_pictures("alice/art", split="val", quiet=True)
    with pytest.raises(DataError, match="no branch, tag or commit v9"):
        open_pictures("alice/art", revision="v9", quiet=True)


def test_a_folder_of_that_name_comes_first(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alice" / "art").mkdir(parents=True)
    (tmp_path / "alice" / "art" / "1.png").write_bytes(picture(7))
    hub.add_repo("alice/art", in_shards(1), type="dataset")
    hub.log.clear()
    assert blues(open_pictures("alice/art", quiet=True)) == [7] and not hub.log


@pytest.mark.parametrize("streaming", [False, True])
def test_a_table_cannot_name_files_or_addresses(hub, tmp_path, streaming):
    (tmp_path / "secret.png").write_bytes(picture(9))
    cells = [{"bytes": None, "path": str(tmp_path / "secret.png")}, {"bytes": None, "path": f"{hub.url}/steal.png"}]
    # As a plain struct, so that the library that writes the table does not put the files into it.
    feature = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    cells.append({"bytes": picture(1), "path": None})
    buffer = io.BytesIO()
    datasets.Dataset.from_dict({"image": cells}, datasets.Features({"image": feature})).to_parquet(buffer)
    hub.add_repo("bob/thief", {"train.parquet": buffer.getvalue()}, type="dataset")
    pictures = open_pictures("bob/thief", streaming=streaming, quiet=True)
    assert blues(pictures) == [1] and len(pictures.unreadable) == 2
    assert not hub.requests("", "steal")


@pytest.mark.parametrize(
    "path", ["/etc/*.parquet", "{url}/steal.parquet", "../other/*", "hf://datasets/alice/x/*.parquet"]
)
def test_a_card_cannot_lead_elsewhere(hub, path):
    card = f"---\nconfigs:\n- config_name: default\n  data_files: '{path.format(url=hub.url)}'\n---\n"
    hub.add_repo("bob/thief", in_shards(1) | {"README.md": card.encode()}, type="dataset")
    with pytest.raises(DataError, match="outside its own repository"):
        open_pictures("bob/thief", quiet=True)
    assert not hub.requests("", "steal")


def test_code_is_never_run(hub, tmp_path):
    script = f"open({str(tmp_path / 'ran')!r}, 'w')\n".encode()
    hub.add_repo("bob/code", {"code.py": script, **in_shards(1)}, type="dataset")
    with pytest.raises(HfstyleError, match="bob/code.*scripts"):
        open_pictures("bob/code", quiet=True)
    assert not (tmp_path / "ran").exists()


def test_the_hub_fails(hub):
    from local_hub import Status

    hub.add_repo("alice/art", in_shards(1), type="dataset")
    hub.fail("GET", "/api/datasets/alice/art", Status(429), times=None)
    with pytest.raises(HubError, match="alice/art"):
        open_pictures("alice/art", quiet=True)


def test_without_the_extra(hub, monkeypatch):
    hub.add_repo("alice/art", in_shards(1), type="dataset")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"hfstyle\[train\]"):
        open_pictures("alice/art", quiet=True)
    hub.add_repo("alice/files", {"1.png": picture(3)}, type="dataset")
    assert blues(open_pictures("alice/files", quiet=True)) == [3]
