"""People as judges: votes on blind pairs of paintings, kept so that none is lost, and what follows from them.

A pair shows one photo as two models painted it. A vote answers two questions: which looks more like the tradition, and
which keeps more of the photo's content; to each the answer may be a tie. Strengths are those of the model of Bradley &
Terry (1952), where the chance that one beats another is the logistic function of the difference of their strengths;
`choix` fits them. A tie counts as half a win for each.
"""

import contextlib
import csv
import dataclasses
import io
import json
import logging
import os
import sqlite3
import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from hfstyle.errors import DataError
from hfstyle.repo import REPO_ID, one_sentence

if TYPE_CHECKING:
    from huggingface_hub import CommitScheduler

logger = logging.getLogger(__name__)

Answer = Literal["left", "right", "tie"]
Question = Literal["style", "content"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
PRIOR = 0.5
"""Wins of each model over each other one that the fit begins with: nobody who has won a few votes is infinitely
strong."""
FEWEST = 5
"""Voters from which bootstrap samples tell how sure a ranking is."""
FOLDER = "votes"
"""Of the files in a data set on the Hub."""
EVERY = 5.0
"""Minutes between two commits to the Hub."""
MAX_BYTES = 64 * 2**20
"""A file of votes is not larger."""


@dataclass(frozen=True)
class Vote:
    """What one person said of one pair.

    Raises:
        DataError: A field is not what it should be.
    """

    voter: str
    """What tells voters apart, and is no name of anybody; who knows it could vote in the voter's place."""
    tradition: str
    photo: str
    left: str
    """What painted on this side."""
    right: str
    style: Answer
    """Which looks more like the tradition."""
    content: Answer
    """Which keeps more of the photo."""
    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)
    time: str = dataclasses.field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, str) or not 0 < len(value) <= 200:
                raise DataError(f"a vote's {name} is a text of 1 to 200 characters, not {value!r:.60}")
        if self.left == self.right:
            raise DataError(f"a vote compares two models, not {self.left!r:.60} with itself")
        for question in QUESTIONS:
            if getattr(self, question) not in get_args(Answer):
                raise DataError(f"a vote's {question} is left, right or tie, not {getattr(self, question)!r:.60}")

    @property
    def pair(self) -> tuple[str, str]:
        """The models, however they were placed."""
        return min(self.left, self.right), max(self.left, self.right)

    def winner(self, question: Question) -> str | None:
        """The model that was chosen; None of a tie."""
        answer = getattr(self, question)
        return None if answer == "tie" else getattr(self, answer)


FIELDS = tuple(field.name for field in dataclasses.fields(Vote))


class VoteStore:
    """Votes in a folder, in an SQLite file of which a kill at any moment loses none, and, once it follows one, also in
    a data set on the Hub.

    Args:
        folder: Made where it is missing. Several processes may use one.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            columns = ", ".join(f'"{name}" TEXT NOT NULL' for name in FIELDS if name != "id")
            connection.execute(f"CREATE TABLE IF NOT EXISTS votes (id TEXT PRIMARY KEY, {columns})")
            connection.execute(
                "CREATE UNIQUE INDEX IF NOT EXISTS once ON votes "
                '(voter, tradition, photo, min("left", "right"), max("left", "right"))'
            )
        self._scheduler: CommitScheduler | None = None

    def add(self, vote: Vote) -> bool:
        """Keep a vote; on disk when this returns. False where this voter has voted on this pair and photo before."""
        if not self._insert([vote]):
            return False
        if self._scheduler is not None:
            with self._scheduler.lock:
                self._write([vote])
        return True

    def _write(self, votes: Sequence[Vote]) -> None:
        """Into the file that goes to the Hub."""
        with open(self._shared, "a", encoding="utf-8") as file:
            file.writelines(json.dumps(dataclasses.asdict(vote), ensure_ascii=False) + "\n" for vote in votes)
            file.flush()
            os.fsync(file.fileno())

    def votes(self) -> list[Vote]:
        """All, in the order in which they came."""
        with self._connected() as connection:
            names = ", ".join(f'"{name}"' for name in FIELDS)
            rows = connection.execute(f"SELECT {names} FROM votes ORDER BY rowid").fetchall()
        return [Vote(**dict(zip(FIELDS, row, strict=True))) for row in rows]

    def count(self, voter: str | None = None) -> int:
        """How many votes there are, or somebody has given."""
        with self._connected() as connection:
            query = "SELECT COUNT(*) FROM votes WHERE ?1 IS NULL OR voter = ?1"
            return connection.execute(query, [voter]).fetchone()[0]

    def close(self) -> None:
        """Bring to the Hub what is not there yet.

        Raises:
            HubError: It was not taken. It stays in the folder, and goes there when the folder's votes next follow.
        """
        if self._scheduler is not None:
            try:
                with one_sentence(self._scheduler.repo_id):
                    self._scheduler.trigger().result()
            finally:
                self._scheduler.stop()  # after it, nothing would be pushed

    def _insert(self, votes: Iterable[Vote]) -> int:
        names, marks = ", ".join(f'"{name}"' for name in FIELDS), ", ".join("?" * len(FIELDS))
        statement = f"INSERT OR IGNORE INTO votes ({names}) VALUES ({marks})"
        with self._lock, self._connected() as connection:
            return connection.executemany(statement, [dataclasses.astuple(vote) for vote in votes]).rowcount

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """For each call one of its own, since threads may not share them. Commits, to the disk itself, at the end."""
        connection = sqlite3.connect(self.folder / "votes.sqlite3", timeout=30)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            with connection:
                yield connection
        finally:
            connection.close()

    def follow(self, repo_id: str, token: str | None = None) -> None:
        """From now on keep votes in a data set on the Hub too. What it has is read, since a Space's own disk is empty
        at the start; what it lacks is brought there.

        Args:
            repo_id: A data set (owner/name), made where it is missing; private, since who knows a voter's key can vote
                as that voter.
            token: For it; that of `HF_TOKEN` or `hf auth login` where not given.

        Raises:
            HubError: The data set could not be read or made.
            DataError: It is public.
        """
        from huggingface_hub import CommitScheduler, HfApi

        shared = self.folder / "hub"
        shared.mkdir(exist_ok=True)
        api = HfApi(token=token)
        with one_sentence(repo_id):
            api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
            if not api.repo_info(repo_id, repo_type="dataset").private:
                raise DataError(f"{repo_id} is public; votes need a data set that only you can see")
            there = list(votes_on_hub(repo_id, token))
            self._insert(there)
            # A file of its own for each process: the Hub's files are replaced as a whole.
            self._shared = shared / f"{uuid.uuid4().hex}.jsonl"
            self._scheduler = CommitScheduler(
                repo_id=repo_id,
                repo_type="dataset",
                folder_path=shared,
                path_in_repo=FOLDER,
                every=EVERY,
                token=token,
                hf_api=api,
            )
        known = {vote.id for vote in there}
        with self._scheduler.lock:  # afterwards, so that no vote that comes meanwhile is passed over
            if missing := [vote for vote in self.votes() if vote.id not in known]:
                self._write(missing)


def read_votes(source: str | os.PathLike, token: str | None = None) -> list[Vote]:
    """Votes from a `VoteStore`'s folder or SQLite file, from CSV as `to_csv` writes it, or from a data set on the Hub.

    Raises:
        DataError: There are no votes, or a row is none.
        HubError: The Hub refused, or could not be reached.
    """
    path = Path(source).expanduser()
    if path.is_dir() and (path / "votes.sqlite3").is_file():
        path = path / "votes.sqlite3"
    if not path.is_file():
        if REPO_ID.fullmatch(os.fspath(source)) and not path.exists():
            with one_sentence(os.fspath(source)):
                return list(votes_on_hub(os.fspath(source), token))
        raise DataError(f"there are no votes in {source}: it is no file of them, and no folder with one")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{source} is larger than {MAX_BYTES // 2**20} MB")
    try:
        with open(path, "rb") as file:
            database = file.read(16) == b"SQLite format 3\0"
        if database:
            names = ", ".join(f'"{name}"' for name in FIELDS)
            with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
                rows = connection.execute(f"SELECT {names} FROM votes ORDER BY rowid").fetchall()
            return [Vote(**dict(zip(FIELDS, row, strict=True))) for row in rows]
        with open(path, encoding="utf-8", newline="") as file:
            return [_vote(row, f"{source}, line {n}") for n, row in enumerate(csv.DictReader(file), 2)]
    except (sqlite3.Error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{source} holds no votes: {error}") from error


def votes_on_hub(repo_id: str, token: str | None = None) -> Iterator[Vote]:
    """Of a data set that a `VoteStore` made, each once. Lines that are no votes are passed over: what a full disk cut
    off must not keep the others away."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError

    api = HfApi(token=token)
    try:
        tree = list(api.list_repo_tree(repo_id, FOLDER, repo_type="dataset"))
    except EntryNotFoundError:  # nobody has voted yet
        return
    found: set[str] = set()
    for entry in sorted(tree, key=lambda entry: entry.path):
        if not entry.path.endswith(".jsonl") or getattr(entry, "size", 0) > MAX_BYTES:
            continue
        where = f"{repo_id}/{entry.path}"
        with open(api.hf_hub_download(repo_id, entry.path, repo_type="dataset"), encoding="utf-8") as file:
            for n, line in enumerate(file, 1):
                try:
                    vote = _vote(json.loads(line), f"line {n}")
                except ValueError as error:
                    logger.warning("%s, passed over: %s", where, error)
                    continue
                if vote.id not in found:
                    found.add(vote.id)
                    yield vote


def to_csv(votes: Iterable[Vote]) -> str:
    """One line a vote, with the names of the columns before them. Voters are numbered in the order in which they
    came."""
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    numbers: dict[str, int] = {}
    for vote in votes:
        number = numbers.setdefault(vote.voter, len(numbers) + 1)
        writer.writerow(dataclasses.asdict(vote) | {"voter": f"{number}"})
    return out.getvalue()


def _vote(row: Any, where: str) -> Vote:
    if not isinstance(row, Mapping) or not set(FIELDS) <= set(row):
        raise DataError(f"{where}, is no vote: it has not all of {', '.join(FIELDS)}")
    try:
        return Vote(**{name: row[name] for name in FIELDS})
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


# What follows from votes


@dataclass(frozen=True)
class Standing:
    """How one model stands among the others."""

    model: str
    strength: float
    """Of Bradley & Terry, with a mean of 0 over the models."""
    share: float
    """The mean chance, by the strengths, to be preferred to one of the others."""
    low: float | None
    """95 % of bootstrap samples of the voters have a share between `low` and `high`; None of fewer than `FEWEST`."""
    high: float | None
    votes: int


def ranking(votes: Sequence[Vote], question: Question, samples: int = 500, seed: int = 0) -> list[Standing]:
    """Models by their strengths, the strongest first.

    Intervals come from bootstrap samples of voters, and not of votes: those of one person are not independent. Where
    all are of one person, they say how sure that person is.

    Raises:
        DataError: There are no votes.
        MissingExtraError: choix is not installed.
    """
    if not votes:
        raise DataError("there are no votes yet")
    models = sorted({model for vote in votes for model in vote.pair})
    strengths = _fit(votes, question, models)
    shares = _shares(strengths)
    by_voter: dict[str, list[Vote]] = defaultdict(list)
    for vote in votes:
        by_voter[vote.voter].append(vote)
    groups = list(by_voter.values()) if len(by_voter) > 1 else [[vote] for vote in votes]
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(samples if len(groups) >= FEWEST else 0):
        sample = [vote for n in random.integers(len(groups), size=len(groups)) for vote in groups[n]]
        drawn.append(_shares(_fit(sample, question, models)))
    bounds = np.quantile(np.array(drawn), [0.025, 0.975], axis=0).T.tolist() if drawn else [(None, None)] * len(models)
    standings = [
        Standing(model, float(strength), float(share), *bound, sum(model in vote.pair for vote in votes))
        for model, strength, share, bound in zip(models, strengths, shares, bounds, strict=True)
    ]
    return sorted(standings, key=lambda standing: -standing.strength)


@dataclass(frozen=True)
class Agreement:
    """How far people agree where several saw the same pair of paintings."""

    pairs: int
    """Of votes on the same paintings by two people."""
    same: float
    """Share of these that give the same answer, ties included."""
    alpha: float | None
    """Krippendorff's alpha: 1 for full agreement, 0 for what chance would give. None where all answers are the same,
    and nothing can be said of chance."""


def agreement(votes: Sequence[Vote], question: Question) -> Agreement | None:
    """See `Agreement`; None where no two people saw the same pair.

    Source: Krippendorff (2004), Content Analysis, chapter 11; for nominal data, by the package `krippendorff`.
    """
    import krippendorff

    counts: dict[tuple, np.ndarray] = defaultdict(lambda: np.zeros(3))
    for vote in votes:
        answer = (*vote.pair, None).index(vote.winner(question))
        counts[vote.tradition, vote.photo, vote.pair][answer] += 1
    table = np.array([row for row in counts.values() if row.sum() > 1])
    if not len(table):
        return None
    seen = table.sum(1)
    pairs, same = (seen * (seen - 1) / 2).sum(), (table * (table - 1) / 2).sum()
    varied = np.count_nonzero(table.sum(0)) > 1
    alpha = krippendorff.alpha(value_counts=table, level_of_measurement="nominal") if varied else None
    return Agreement(int(pairs), float(same / pairs), alpha if alpha is None else float(alpha))


def most_telling(
    votes: Sequence[Vote], pairs: Sequence[tuple[str, str]], question: Question = "style"
) -> list[tuple[str, str]]:
    """Pairs of models, those first on which a vote is expected to teach most.

    That is the Fisher information p (1 - p) of an answer, times the variance that the difference of the two strengths
    still has: the first step of D-optimal design for the model of Bradley & Terry (Grasshoff & Schwabe 2008).
    """
    models = sorted({model for pair in pairs for model in pair})
    relevant = [vote for vote in votes if set(vote.pair) <= set(models)]
    strengths = _fit(relevant, question, models) if relevant else np.zeros(len(models))
    place = {model: n for n, model in enumerate(models)}
    seen = Counter(dict.fromkeys(all_pairs(models), 2 * PRIOR))
    seen.update(vote.pair for vote in relevant)
    precision = np.zeros((len(models), len(models)))
    for pair, count in seen.items():
        one, other = (place[model] for model in pair)
        precision += count * _spread(strengths[one] - strengths[other]) * _difference(one, other, len(models))
    covariance = np.linalg.pinv(precision)  # all strengths may move together

    def worth(pair: tuple[str, str]) -> float:
        one, other = (place[model] for model in pair)
        variance = covariance[one, one] + covariance[other, other] - 2 * covariance[one, other]
        return round(-_spread(strengths[one] - strengths[other]) * variance, 9)  # equals in the order given

    return sorted(pairs, key=worth)


def all_pairs(models: Sequence[str]) -> list[tuple[str, str]]:
    return [(min(pair), max(pair)) for pair in combinations(models, 2)]


def _fit(votes: Sequence[Vote], question: Question, models: Sequence[str]) -> np.ndarray:
    try:
        import choix
    except ImportError as error:
        from hfstyle.errors import MissingExtraError

        raise MissingExtraError("ranking votes needs choix", "app") from error
    place = {model: n for n, model in enumerate(models)}
    wins = PRIOR * (1 - np.eye(len(models)))
    for vote in votes:
        one, other = (place[model] for model in vote.pair)
        chosen = vote.winner(question)
        wins[one, other] += 0.5 if chosen is None else chosen == vote.pair[0]
        wins[other, one] += 0.5 if chosen is None else chosen == vote.pair[1]
    strengths = choix.ilsr_pairwise_dense(wins)
    return strengths - strengths.mean()


def _spread(difference: float) -> float:
    """Variance of the answer where the strengths differ by so much."""
    chance = 1 / (1 + np.exp(-difference))
    return chance * (1 - chance)


def _shares(strengths: np.ndarray) -> np.ndarray:
    chances = 1 / (1 + np.exp(strengths[None] - strengths[:, None]))
    return (chances.sum(1) - 0.5) / max(len(strengths) - 1, 1)


def _difference(one: int, other: int, count: int) -> np.ndarray:
    row = np.zeros(count)
    row[one], row[other] = 1, -1
    return np.outer(row, row)


def summary(votes: Sequence[Vote], samples: int = 500) -> dict[str, Any]:
    """For each tradition and question the ranking and the agreement, for JSON."""
    told: dict[str, Any] = {"votes": len(votes), "voters": len({vote.voter for vote in votes}), "traditions": {}}
    for tradition in sorted({vote.tradition for vote in votes}):
        mine = [vote for vote in votes if vote.tradition == tradition]
        told["traditions"][tradition] = {"votes": len(mine)} | {
            question: {
                "ranking": [dataclasses.asdict(one) for one in ranking(mine, question, samples)],
                "agreement": (agreed := agreement(mine, question)) and dataclasses.asdict(agreed),
            }
            for question in QUESTIONS
        }
    return told
