"""Where training pictures come from: a folder, a zip or a data set on the Hub, all as a list of files to read.

What is in a source is chosen by its layout, the same everywhere: files anywhere below a folder `train`, `test` or
`val` belong to that split, those below `trainA`, `trainB`, `testA` ... also to a domain; a source without such folders
is all for training. Nothing below a folder for testing or validation is ever given to training.
"""

import contextlib
import logging
import os
import re
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from tqdm import tqdm
from tqdm.contrib.concurrent import thread_map

from hfstyle.errors import DataError, ImageError, MissingExtraError, ModelNotFoundError
from hfstyle.images import MAX_FILE_BYTES, SUFFIXES, list_images
from hfstyle.repo import REPO_ID, clean_token, one_sentence

logger = logging.getLogger(__name__)

MAX_ZIP_FILES = 200_000
MAX_ZIP_BYTES = 64 * 2**30
"""Largest sum of the unpacked sizes in a zip."""
MAX_ZIP_RATIO = 100
"""Of the unpacked to the packed size, once the unpacked one is over `MAX_FILE_BYTES`: pictures hardly pack."""
STREAM_LIMIT = 2000
"""Pictures that are taken from a streamed data set where no limit is given; they stay in memory."""

SPLIT_FOLDER = re.compile(r"(train|test|valid|validation|val)(A|B)?", re.IGNORECASE)
SPLIT_NAMES = {"valid": "val", "validation": "val"}
COLUMN_NAMES = {
    "A": ("input", "source", "original", "input_image", "source_image", "original_image"),
    "B": ("output", "target", "edited", "output_image", "target_image", "edited_image"),
}
"""What the columns of the two domains are called, besides `imageA` and `imageB` and their like."""


class Files(ABC):
    """A list of picture files that can be read in any order, whatever holds them.

    Attributes:
        where: How messages name the source.
        names: One a file, with `/` between folders.
        version: Of a source that may change under the same names: the commit on the Hub.
    """

    def __init__(self, where: str, names: Sequence[str], version: str = ""):
        self.where = where
        self.names = list(names)
        self.version = version

    @abstractmethod
    def read(self, index: int) -> Path | bytes:
        """What `read_image` takes for the file: its path, or its contents.

        Raises:
            ImageError: It cannot be got at.
        """

    def describe(self, index: int) -> str:
        """The file's name in messages."""
        return f"{self.where.rstrip('/')}/{_printable(self.names[index])}"


class FolderFiles(Files):
    """Pictures in a folder and those below it."""

    def __init__(self, folder: Path, names: Sequence[str]):
        super().__init__(str(folder), names)
        self.folder = folder

    def read(self, index: int) -> Path:
        return self.folder / self.names[index]


class ZipFiles(Files):
    """Pictures in a zip, unpacked into memory one at a time; nothing is ever written to disk."""

    def __init__(self, path: Path, members: dict[str, zipfile.ZipInfo], where: str, version: str = ""):
        super().__init__(where, list(members), version)
        self.path = path
        self.members = list(members.values())
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def read(self, index: int) -> bytes:
        member = self.members[index]
        if member.file_size > MAX_FILE_BYTES:
            raise ImageError(
                f"{self.describe(index)} is larger than {MAX_FILE_BYTES // 2**20} MB; make it smaller first"
            )
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unpack without a limit
            raise ImageError(f"{self.describe(index)} is packed in an unusual way; pack the zip anew")
        try:
            with self._archive().open(member) as file:
                return file.read(MAX_FILE_BYTES)
        except _ZIP_ERRORS as error:
            raise ImageError(f"{self.describe(index)} cannot be unpacked ({_first_line(error)})") from error

    def _archive(self) -> zipfile.ZipFile:
        # A forked process shares the position in the file with its parent, so each opens its own.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), zipfile.ZipFile(self.path)
        return self._opened[1]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_opened": None}


class HubImages(Files):
    """Picture files of a data set on the Hub, downloaded into the Hub's cache."""

    def __init__(self, where: str, names: Sequence[str], version: str, paths: Sequence[str]):
        super().__init__(where, names, version)
        self.paths = paths

    def read(self, index: int) -> Path:
        return Path(self.paths[index])


class Rows(Files):
    """Pictures in a column of a table: a `datasets.Dataset`, or a list of the rows that were streamed."""

    def __init__(self, where: str, split: str, version: str, rows: Sequence[dict[str, Any]], column: str):
        # The same for all columns: pictures in one row belong together.
        super().__init__(where, [f"{split}/{index:06d}" for index in range(len(rows))], version)
        self.rows = rows
        self.column = column

    def read(self, index: int) -> bytes:
        cell = self.rows[index][self.column]
        # A table may name a file instead of holding it: any file of this machine, or any address. Neither is opened.
        if not cell or not cell.get("bytes"):
            raise ImageError(f"{self.describe(index)} holds no picture")
        return cell["bytes"]

    def describe(self, index: int) -> str:
        return f"{self.where}/{self.names[index]} ({self.column})"


# What `zipfile` is known to raise on damaged, encrypted and exotic files.
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    OverflowError,
    struct.error,
)


def find_files(
    source: str | os.PathLike,
    *,
    split: str | None = "train",
    domain: str | None = None,
    column: str | None = None,
    subset: str | None = None,
    streaming: bool = False,
    limit: int | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
    quiet: bool = False,
) -> Files:
    """The picture files that a source has for a split and domain. See `hfstyle.data.pictures.open_pictures`."""
    path = Path(os.path.expanduser(source))
    if os.path.isdir(path):
        names = [picture.relative_to(path).as_posix() for picture in list_images(path)]
        chosen = select(names, split, domain, str(source))[:limit]
        return FolderFiles(path, [names[index] for index in chosen])
    if os.path.isfile(path):
        return _zip_files(path, split, domain, limit, str(source))
    name = check_hub_name(source)
    hub = _HubDataset(name, revision, token, quiet)
    return hub.files(split, domain, column, subset, streaming, limit)


def has_two_domains(
    source: str | os.PathLike,
    *,
    subset: str | None = None,
    revision: str | None = None,
    token: str | bool | None = None,
) -> bool:
    """Whether one source holds both domains: folders `trainA` and `trainB`, or a Hub data set with two such columns.

    Raises:
        DataError: There is no such source, or it has no pictures.
        HubError: The Hub refused or could not be reached.
    """
    path = Path(os.path.expanduser(source))
    if os.path.isdir(path):
        names = [picture.relative_to(path).as_posix() for picture in list_images(path)]
    elif os.path.isfile(path):
        names = list(_members(path, str(source)))
    else:
        return _HubDataset(check_hub_name(source), revision, token, quiet=True).has_two_domains(subset)
    return _both(names)


def check_hub_name(source: str | os.PathLike) -> str:
    """The name of a data set on the Hub, where `source` can be one.

    Raises:
        DataError: It is a folder or file that is not there: what looks like a path is never asked of the Hub.
    """
    name = os.fspath(source)
    if name.lower().endswith(".zip"):
        raise DataError(f"there is no file {_printable(name)}")
    if isinstance(source, str) and REPO_ID.fullmatch(name):  # a `Path` is one: it may have been "./owner/name"
        return name
    raise DataError(f"there is no folder {_printable(name)} (a data set on the Hub is written owner/name)")


# ---- layout ----


def split_and_domain(name: str) -> tuple[str | None, str | None]:
    """To which split ("train", "test", "val") and domain ("A", "B") a file belongs by the folders that it lies in.

    Of several such folders the outermost counts, but that what is held back anywhere is held back.
    """
    marks = []
    for part in PurePosixPath(name).parts[:-1]:
        if match := SPLIT_FOLDER.fullmatch(part):
            split = match[1].lower()
            marks.append((SPLIT_NAMES.get(split, split), match[2] and match[2].upper()))
    return min(marks, key=lambda mark: mark[0] == "train", default=(None, None))


def pair_key(name: str) -> str:
    """What the names of two files that belong together have in common: `trainA/x/1.jpg` and `trainB/x/1.png`."""
    path = PurePosixPath(name)
    folders = [part for part in path.parts[:-1] if not SPLIT_FOLDER.fullmatch(part)]
    return "/".join([*folders, path.stem])


def select(names: Sequence[str], split: str | None, domain: str | None, where: str) -> list[int]:
    """Indices of the names that belong to a split (None: to any) and, where the layout has domains, to a domain.

    Raises:
        DataError: There is none, or a domain must be named.
    """
    if not names:
        raise DataError(f"{where} has no pictures (JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF)")
    places = [split_and_domain(name) for name in names]
    if split is None:
        return list(range(len(names)))
    chosen = [index for index, place in enumerate(places) if place[0] == split]
    if not chosen and split == "train":
        chosen = [index for index, place in enumerate(places) if place[0] is None]
    if not chosen:
        found = sorted({place[0] for place in places if place[0]})
        raise DataError(f"{where} has no pictures for {split}" + (f", only for {', '.join(found)}" if found else ""))
    if beside := sum(place[0] is None for place in places) if places[chosen[0]][0] else 0:
        logger.warning("%s: left out, beside the folder %s: %d pictures", where, split, beside)
    if any(places[index][1] for index in chosen):
        if domain is None:
            raise DataError(f"{where} holds two domains, {split}A and {split}B: name the folder of one of them")
        chosen = [index for index in chosen if places[index][1] == domain]
        if not chosen:
            raise DataError(f"{where} has no pictures in {split}{domain}")
    return chosen


def _both(names: Sequence[str]) -> bool:
    return {"A", "B"} <= {domain for split, domain in map(split_and_domain, names) if split == "train"}


# ---- zip ----


def _zip_files(path: Path, split: str | None, domain: str | None, limit: int | None, where: str) -> ZipFiles:
    members = _members(path, where)
    names = list(members)
    chosen = [names[index] for index in select(names, split, domain, where)[:limit]]
    return ZipFiles(path, {name: members[name] for name in chosen}, where)


def _members(path: Path, where: str) -> dict[str, zipfile.ZipInfo]:
    """The pictures in a zip by name, in the order that they would have in a folder; checked before any is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except _ZIP_ERRORS as error:
        kind = "a damaged zip" if zipfile.is_zipfile(path) else "neither a folder nor a zip"
        raise DataError(f"{where} is {kind} ({_first_line(error)})") from error
    if len(found) > MAX_ZIP_FILES:
        raise DataError(f"{where} has more than {MAX_ZIP_FILES} files; split it")
    unpacked = sum(member.file_size for member in found)
    if unpacked > MAX_ZIP_BYTES:
        raise DataError(f"{where} would unpack to more than {MAX_ZIP_BYTES // 2**30} GB; split it")
    if unpacked > max(MAX_FILE_BYTES, MAX_ZIP_RATIO * path.stat().st_size):
        raise DataError(
            f"{where} would unpack to {unpacked // 2**20} MB, over {MAX_ZIP_RATIO} times its size: no pictures"
        )
    members = {}
    for member in found:
        name = member.filename.replace("\\", "/").lstrip("/")
        parts = PurePosixPath(name).parts
        if member.is_dir() or PurePosixPath(name).suffix.lower() not in SUFFIXES:
            continue
        # ".." begins with a dot too; names are never used as paths.
        if "__MACOSX" in parts or any(part.startswith(".") for part in parts):
            continue
        if member.flag_bits & 1:
            raise DataError(f"{where} is encrypted; unpack it first")
        members[name] = member
    return {name: members[name] for name in sorted(members, key=PurePosixPath)}


# ---- Hub ----


class _HubDataset:
    """A data set on the Hub at one commit: picture files, one zip, or tables in Parquet files."""

    def __init__(self, name: str, revision: str | None, token: str | bool | None, quiet: bool):
        self.name = name
        self.token = clean_token(token)
        self.quiet = quiet
        try:
            with one_sentence(name, revision=revision):
                info = HfApi(token=self.token, library_name="hfstyle").dataset_info(name, revision=revision)
        except ModelNotFoundError as error:
            reason = str(error).replace(f"there is no {name} on the Hub", f"there is no data set {name} on the Hub")
            raise DataError(f"there is no folder {name} here, and {reason}") from error
        self.commit = info.sha
        self.listed = [sibling.rfilename for sibling in info.siblings or []]
        self.card = info.card_data.to_dict() if info.card_data else {}
        visible = [name for name in self.listed if not any(part.startswith(".") for part in PurePosixPath(name).parts)]
        self.tables = [name for name in visible if name.endswith(".parquet")]
        self.images = sorted((n for n in visible if PurePosixPath(n).suffix.lower() in SUFFIXES), key=PurePosixPath)
        self.zips = [name for name in visible if name.endswith(".zip")]

    def files(
        self,
        split: str | None,
        domain: str | None,
        column: str | None,
        subset: str | None,
        streaming: bool,
        limit: int | None,
    ) -> Files:
        if self.tables:
            return self._table(split or "train", domain, column, subset, streaming, limit)
        if self.images:
            chosen = [self.images[index] for index in select(self.images, split, domain, self.name)[:limit]]
            return HubImages(self.name, chosen, self.commit, self._download(chosen))
        if len(self.zips) == 1:
            (path,) = self._download(self.zips)
            files = _zip_files(Path(path), split, domain, limit, f"{self.name}/{self.zips[0]}")
            files.version = self.commit
            return files
        raise DataError(f"{self.name} on the Hub holds neither picture files nor Parquet files nor one zip")

    def has_two_domains(self, subset: str | None) -> bool:
        if self.tables:
            splits = self._splits(subset)
            if {"trainA", "trainB"} <= splits.keys():
                return True
            columns = self._image_columns(splits.get("train") or next(iter(splits.values())))
            return all(_column_of(columns, domain) for domain in "AB")
        if not self.images and len(self.zips) == 1:
            return _both(list(_members(Path(self._download(self.zips)[0]), self.name)))
        return _both(self.images)

    def _download(self, names: Sequence[str]) -> list[str]:
        """Paths on this machine, of files that are downloaded where needed, eight at a time."""

        def fetch(name: str) -> str:
            with one_sentence(self.name, file=name):
                return hf_hub_download(
                    self.name,
                    name,
                    repo_type="dataset",
                    revision=self.commit,
                    token=self.token,
                    library_name="hfstyle",
                )

        quiet = self.quiet or len(names) < 20
        title = f"downloading {self.name}"
        return thread_map(fetch, names, max_workers=8, desc=title, disable=quiet or None, leave=False, delay=1)

    # ---- tables, through `datasets` ----

    def _table(
        self,
        split: str,
        domain: str | None,
        column: str | None,
        subset: str | None,
        streaming: bool,
        limit: int | None,
    ) -> Rows:
        datasets = _datasets()
        splits = self._splits(subset)
        if split not in splits and domain and f"{split}{domain}" in splits:
            split = f"{split}{domain}"
        if split not in splits:
            raise DataError(f"{self.name} has no split {split}, only {', '.join(sorted(splits))}")
        urls = splits[split]
        columns = self._image_columns(urls)
        column = self._choose(columns, column, domain)
        as_file = datasets.Image(decode=False)  # decoding is for `read_image`, with its limits
        with _data_errors(self.name), one_sentence(self.name):
            if streaming:
                table = self._stream(urls, columns=[column]).cast_column(column, as_file)
                wanted = STREAM_LIMIT if limit is None else limit
                rows: Any = list(table.take(wanted))
                if limit is None and len(rows) == wanted:
                    logger.warning("%s: the first %d pictures are taken; a limit allows more", self.name, wanted)
            else:
                prefix = len(self._prefix)
                paths = self._download([url[prefix:] for url in urls])
                with _quiet(datasets, self.quiet):
                    rows = datasets.Dataset.from_parquet(paths, columns=[column]).cast_column(column, as_file)
                if limit is not None:
                    rows = rows.select(range(min(limit, len(rows))))
        if not len(rows):
            raise DataError(f"{self.name} has no pictures in the split {split}")
        return Rows(self.name, split, f"{self.commit} {column}", rows, column)

    @property
    def _prefix(self) -> str:
        return f"hf://datasets/{self.name}@{self.commit}/"

    def _splits(self, subset: str | None) -> dict[str, list[str]]:
        """The Parquet files of each split, as the card or their names say."""
        datasets = _datasets()
        # The card comes from a stranger: it may send the library to files of this machine, or to other servers.
        if ".huggingface.yaml" in self.listed or any(map(_leads_away, _strings(self.card.get("configs")))):
            raise DataError(f"{self.name} names data files outside its own repository, which are not read")
        with _data_errors(self.name), one_sentence(self.name):
            try:
                builder = datasets.load_dataset_builder(self.name, subset, revision=self.commit, token=self.token)
            except ValueError as error:
                subsets = [str(config.get("config_name")) for config in self.card.get("configs") or []]
                if subset in subsets or not subsets:
                    raise
                raise DataError(f"{self.name} has subsets; name one of {', '.join(subsets)}") from error
        splits = {str(split): list(map(str, urls)) for split, urls in (builder.config.data_files or {}).items()}
        for url in (url for urls in splits.values() for url in urls):
            if not (url.startswith(self._prefix) and url.endswith(".parquet")):
                raise DataError(f"{self.name} keeps its pictures in {PurePosixPath(url).name}: only Parquet is read")
        if not splits:
            raise DataError(f"{self.name} names no data files")
        return splits

    def _stream(self, urls: list[str], **options: Any) -> Any:
        return _datasets().load_dataset(
            "parquet", data_files={"train": urls}, split="train", streaming=True, token=self.token, **options
        )

    def _image_columns(self, urls: list[str]) -> list[str]:
        datasets = _datasets()
        with _data_errors(self.name), one_sentence(self.name):
            features = self._stream(urls[:1]).features
        return [
            name
            for name, feature in features.items()
            if isinstance(feature, datasets.Image)
            or (isinstance(feature, dict) and {"bytes", "path"} == feature.keys())
            or (isinstance(feature, datasets.Value) and feature.dtype in ("binary", "large_binary"))
        ]

    def _choose(self, columns: list[str], column: str | None, domain: str | None) -> str:
        if not columns:
            raise DataError(f"{self.name} has no column of pictures")
        if column is not None:
            if column not in columns:
                raise DataError(f"{self.name} has no column {column!r:.60} of pictures; it has {', '.join(columns)}")
            return column
        if len(columns) == 1:
            return columns[0]
        if domain and (fitting := _column_of(columns, domain)):
            return fitting
        raise DataError(f"{self.name} has several columns of pictures; name one of {', '.join(columns)}")


class _NoBar(tqdm):
    """A progress bar that is not shown."""

    def __init__(self, *arguments: Any, **options: Any):
        options.pop("name", None)  # known to the bars of huggingface_hub alone
        super().__init__(*arguments, **options | {"disable": True})


def _column_of(columns: Sequence[str], domain: str) -> str | None:
    """The one column that holds a domain by its name: imageA of imageA and imageB, input of input and output."""
    other = {"A": "B", "B": "A"}[domain]
    named = [
        column
        for column in columns
        for mine, others in ((domain, other), (domain.lower(), other.lower()))
        if column.endswith(mine) and column[:-1] + others in columns
    ]
    named = named or [column for column in columns if column.lower() in COLUMN_NAMES[domain]]
    return named[0] if len(named) == 1 else None


def _datasets() -> Any:
    """The package `datasets`, kept from counting downloads at a third place and from asking the dataset viewer."""
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("a data set on the Hub", "train") from error
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    datasets.config.USE_PARQUET_EXPORT = False
    return datasets


@contextlib.contextmanager
def _data_errors(name: str) -> Iterator[None]:
    """Errors of `datasets` itself as one sentence; those of the Hub are `one_sentence`'s."""
    from datasets.exceptions import DatasetsError

    log = logging.getLogger("datasets")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it would say before it raises what the error says
    try:
        yield
    except DatasetsError as error:
        raise DataError(f"{name} cannot be read: {_first_line(error.__cause__ or error)}") from error
    finally:
        log.setLevel(level)


@contextlib.contextmanager
def _quiet(datasets: Any, quiet: bool) -> Iterator[None]:
    """No progress bars of `datasets` meanwhile, where none are wanted."""
    if not quiet or datasets.are_progress_bars_disabled():
        yield
        return
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        datasets.enable_progress_bars()


def _strings(value: Any) -> Iterator[str]:
    """All strings in nested lists and dictionaries."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def _leads_away(pattern: str) -> bool:
    return "://" in pattern or "::" in pattern or pattern.startswith(("/", "~", "\\")) or ".." in pattern.split("/")


def _first_line(error: BaseException) -> str:
    return f"{next(iter(str(error).splitlines()), type(error).__name__):.160}"


def _printable(name: str) -> str:
    """A name that a stranger chose, without what would command the terminal."""
    return f"{name if name.isprintable() else ascii(name)[1:-1]:.200}"
