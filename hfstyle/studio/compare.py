"""The page where people judge: blind pairs of paintings of one photo, and the ranking that follows from votes."""

import asyncio
import html
import logging
import os
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import FileData

from hfstyle.assets import ASSETS, bundled_styles
from hfstyle.errors import HfstyleError, HubError
from hfstyle.evaluation.votes import (
    EVERY,
    QUESTIONS,
    Agreement,
    Standing,
    Vote,
    VoteStore,
    agreement,
    all_pairs,
    most_telling,
    ranking,
    summary,
    to_csv,
)
from hfstyle.studio.components import AT_ONCE, BARE, HIDDEN, STEP, hub_token, refusal
from hfstyle.studio.painter import EXAMPLES, MAX_NAME, Painter
from hfstyle.studio.text import StudioError, both, in_both, label, style_words
from hfstyle.studio.tradition import tradition_of
from hfstyle.studio.workshop import Workshop
from hfstyle.traditions import tradition as described
from hfstyle.traditions import traditions

logger = logging.getLogger(__name__)

PHOTO = "photo"
"""The untouched photo among the models, as a control."""
OWN = "own-"
"""How the name of a visitor's own style begins, among the models."""
PHOTOS = sorted(path for folder in (EXAMPLES, ASSETS / "content") for path in folder.glob("*.jpg"))
NAMES = {path.stem: path for path in PHOTOS}

_BALLOT = """
{{#if value}}
<div class="ballot" style="--ratio: {{value.ratio}}">
    <figure><img src="{{value.photo.url}}" alt="%(photo)s"><figcaption>%(photo_words)s</figcaption></figure>
    <div class="sides">
        <figure><img src="{{value.left.url}}" alt="A"><figcaption>A</figcaption></figure>
        <figure><img src="{{value.right.url}}" alt="B"><figcaption>B</figcaption></figure>
    </div>
    {{#each value.questions}}
    <fieldset data-question="{{this.name}}"{{#if this.later}} disabled{{/if}}>
        <legend>{{{this.words}}}</legend>
        <button type="button" data-answer="left"><kbd>←</kbd> A</button>
        <button type="button" data-answer="tie"><kbd>↓</kbd> %(tie)s</button>
        <button type="button" data-answer="right">B <kbd>→</kbd></button>
    </fieldset>
    {{/each}}
</div>
{{/if}}
"""

_BALLOT_SCRIPT = """
const answers = {};
const fieldsets = () => [...element.querySelectorAll("fieldset")];
const open = () => fieldsets().find(fieldset => !fieldset.disabled && !fieldset.dataset.answered);
const answer = (fieldset, value) => {
    fieldset.dataset.answered = value;
    fieldset.querySelectorAll("button").forEach(button => {
        button.setAttribute("aria-pressed", String(button.dataset.answer === value));
    });
    answers[fieldset.dataset.question] = value;
    const rest = fieldsets().find(other => other.disabled);
    if (rest) { rest.disabled = false; rest.querySelector("button").focus({preventScroll: true}); }
    else if (fieldsets().every(one => one.dataset.answered)) {
        fieldsets().forEach(one => { one.disabled = true; });
        trigger("click", {...answers});
    }
};
element.addEventListener("click", event => {
    const button = event.target.closest("[data-answer]");
    if (button && !button.closest("fieldset").disabled) answer(button.closest("fieldset"), button.dataset.answer);
});
const keys = {ArrowLeft: "left", ArrowDown: "tie", ArrowRight: "right"};
document.addEventListener("keydown", event => {
    const shown = element.isConnected && document.documentElement.dataset.page === "compare";
    const typing = event.target.closest("input, textarea, select, [role=listbox]");
    const other = event.repeat || event.ctrlKey || event.metaKey || event.altKey;
    if (!shown || typing || other || !keys[event.key] || !open()) return;
    event.preventDefault();
    answer(open(), keys[event.key]);
});
"""


MOST_ASKED = 1000
"""Pairs that wait for an answer; of more, the oldest are forgotten."""


@dataclass(frozen=True)
class Ballot:
    """What one visitor is asked."""

    tradition: str
    photo: str
    left: str
    right: str


@dataclass(frozen=True)
class Pair:
    """What a visitor gets to see of a `Ballot`: files, and a name by which to answer."""

    ballot: str
    tradition: str
    size: tuple[int, int]
    photo: Path
    left: Path
    right: Path


class Booth:
    """Where pairs are shown and votes are given. Who paints what stays here until it is answered.

    A voter is a number that is drawn here and kept in the voter's browser, never a name: whoever brings anything else
    is given one.

    Args:
        workshop: Has the visitor's own style, which can be compared too.
        votes: Where votes are kept.
    """

    def __init__(self, painter: Painter, workshop: Workshop, votes: VoteStore):
        self.painter = painter
        self.workshop = workshop
        self.votes = votes
        self._asked: OrderedDict[str, tuple[str, Ballot]] = OrderedDict()
        self._made: dict[tuple[str, ...], tuple[int, Any]] = {}

    @staticmethod
    def voter(given: str | None) -> str:
        return given if given and re.fullmatch("[0-9a-f]{32}", given) else secrets.token_hex(16)

    def ranking(self, guests: Collection[str] = ()) -> str:
        """See `ranking_html`; made anew only where there are other votes than before."""
        return self._remembered(("page", *sorted(guests)), lambda votes: ranking_html(without_others(votes, guests)))

    def summary(self) -> dict[str, Any]:
        """See `votes.summary`; made anew only where there are other votes than before."""
        return self._remembered(("summary",), lambda votes: summary(without_others(votes, ()), 200))

    def _remembered(self, what: tuple[str, ...], make: Callable[[list[Vote]], Any]) -> Any:
        count = self.votes.count()
        if self._made.get(what, (None,))[0] != count:
            if len(self._made) > MOST_ASKED:
                self._made.clear()
            self._made[what] = count, make(self.votes.votes())
        return self._made[what][1]

    async def ask(
        self, voter: str, tradition: str, guests: Mapping[str, str], session: str | None = None
    ) -> Pair | None:
        """The next pair, on which this voter has not voted yet; None where there is none.

        Args:
            tradition: One, or "" for any.
            guests: Models of the Hub, and the own style of the session, each with the tradition in which it competes.
        """
        there = await asyncio.to_thread(self.votes.votes)
        following = await asyncio.to_thread(_following, there, voter, tradition, guests)
        if following is None:
            return None
        small = await self.painter.shrink(NAMES[following.photo])
        sides = []
        for name in (following.left, following.right):
            style, strength = self._painted_by(name, session)
            sides.append((await self.painter.sketch(small.file, style, strength)).file)
        ballot = secrets.token_hex(16)
        self._asked[ballot] = voter, following
        while len(self._asked) > MOST_ASKED:
            self._asked.popitem(last=False)
        return Pair(ballot, following.tradition, small.size, small.file, *sides)

    async def answer(self, ballot: str | None, **answers: str) -> str:
        """Keep a vote, which is on disk when this returns. Returns the voter.

        Raises:
            HfstyleError: There is no such ballot, or an answer is none.
        """
        voter, asked = self._asked.get(ballot or "") or (None, None)
        if asked is None:
            raise StudioError("error.no_ballot")
        await asyncio.to_thread(self.votes.add, Vote(voter=voter, **vars(asked), **answers))
        self._asked.pop(ballot, None)
        return voter

    def _painted_by(self, model_name: str, session: str | None) -> tuple[Any, float]:
        """What the painter takes. The control is painted too, with strength 0, so that nothing gives it away."""
        if model_name == PHOTO:
            return bundled_styles()[0], 0.0
        if session and model_name.startswith(OWN):
            desk = self.workshop.desk(session)
            if desk.bank is None or desk.style is None:
                raise StudioError("error.no_style")
            return desk.bank.painter(desk.style.name), 1.0
        return model_name, 1.0


def build(painter: Painter, workshop: Workshop, votes: VoteStore, owner: bool = False) -> Booth:
    """Add the page to the `gr.Blocks` that is being built.

    Args:
        workshop, votes: See `Booth`.
        owner: See `mine.build`.
    """
    booth = Booth(painter, workshop, votes)
    voter = gr.BrowserState(None, storage_key="hfstyle-voter", secret="hfstyle")
    judged = judged_traditions()
    asked = gr.State()  # the ballot
    added = gr.State({})  # models of the Hub and the own style, each with the tradition in which it competes
    with gr.Column(elem_id="compare"):
        gr.HTML(f"<h2>{both('compare.title')}</h2><p>{both('compare.hint')}</p>", **STEP)
        with gr.Row(elem_id="compare-controls"):
            choice = gr.Dropdown(
                [(label("compare.any"), ""), *((_title(name), name) for name in judged)],
                value="",
                label=label("compare.tradition"),
                elem_id="compare-tradition",
            )
            start = gr.Button(label("compare.start"), variant="primary", elem_id="compare-start")
        said = gr.HTML(visible=HIDDEN, elem_id="compare-said", **BARE)
        ballot = gr.HTML(
            html_template=_BALLOT % {"photo": "photo", "photo_words": both("photo"), "tie": both("compare.tie")},
            js_on_load=_BALLOT_SCRIPT,
            visible=HIDDEN,
            elem_id="ballot",
            **BARE,
        )
        with gr.Accordion(label("compare.more"), open=False, elem_id="compare-more"):
            with gr.Row():
                place = gr.Dropdown(
                    [(_title(name), name) for name in judged], label=label("compare.as"), elem_id="compare-as"
                )
                model = gr.Textbox(
                    label=label("hub.model"), placeholder="owner/name", max_length=MAX_NAME, elem_id="compare-model"
                )
            with gr.Row():
                invite = gr.Button(label("compare.add"), size="md", elem_id="compare-add")
                mine = gr.Button(label("compare.add_mine"), size="md", elem_id="compare-add-mine")
        with gr.Accordion(label("compare.ranking"), open=False, elem_id="compare-ranking-box") as opened:
            table = gr.HTML(elem_id="ranking", **BARE)
            file = gr.DownloadButton(label("compare.csv"), visible=HIDDEN, size="md", elem_id="compare-csv")

    async def ask(tradition: str, guests: dict[str, str], who: str | None, request: gr.Request) -> dict[Any, Any]:
        who, session = booth.voter(who), request.session_hash
        if workshop.desk(session).style is None:
            guests = {name: where for name, where in guests.items() if not name.startswith(OWN)}
        try:
            pair = await booth.ask(who, tradition, guests, session)
            done = await asyncio.to_thread(votes.count, who)
        except Exception as error:
            raise refusal(error, None) from error
        words = both("compare.all_done") if pair is None else both("compare.thanks", count=done)
        return {
            voter: who,
            asked: pair and pair.ballot,
            ballot: gr.update(value=pair and ballot_value(pair), visible=pair is not None or HIDDEN),
            said: gr.update(value=f'<p role="status">{words}</p>', visible=pair is None or done > 0 or HIDDEN),
        }

    async def judge(one: str | None, event: gr.EventData) -> None:
        try:
            await booth.answer(one, **{question: getattr(event, question) for question in QUESTIONS})
        except Exception as error:
            raise refusal(error, None) from error

    async def add(name: str, tradition: str | None, guests: dict[str, str], request: gr.Request) -> Any:
        try:
            if tradition not in judged:
                raise StudioError("error.no_tradition")
            await painter.invite(name.strip(), hub_token(owner, request))
        except Exception as error:
            raise refusal(error, None) from error
        gr.Info(both("compare.added"), duration=4)
        return {**guests, name.strip(): tradition}, tradition

    def add_mine(tradition: str | None, guests: dict[str, str], request: gr.Request) -> Any:
        try:
            style = workshop.desk(request.session_hash).style
            if style is None:
                raise StudioError("error.no_style")
            if tradition not in judged:
                raise StudioError("error.no_tradition")
        except HfstyleError as error:
            raise refusal(error, None) from error
        gr.Info(both("compare.added"), duration=4)
        return {**guests, f"{OWN}{secrets.token_hex(4)}": tradition}, tradition

    async def rank(guests: dict[str, str]) -> dict[Any, Any]:
        try:
            told = await asyncio.to_thread(booth.ranking, [name for name in guests if name.startswith(OWN)])
            there = await asyncio.to_thread(votes.votes)
        except Exception as error:
            raise refusal(error, None) from error
        if not there:
            return {table: told, file: gr.update(visible=HIDDEN)}
        path = painter.new_folder() / "votes.csv"
        path.write_text(to_csv(there), encoding="utf-8")
        return {table: told, file: gr.update(value=str(path), visible=True)}

    nexts = {
        "fn": ask,
        "inputs": [choice, added, voter],
        "outputs": [voter, asked, ballot, said],
        "show_progress_on": ballot,
        "api_visibility": "private",
        "concurrency_id": "asking",
        "concurrency_limit": 4,
    }
    start.click(**nexts)
    ballot.click(judge, asked, None, **AT_ONCE).success(**nexts)
    # With any tradition chosen, it might be long until its own is asked about.
    invite.click(add, [model, place, added], [added, choice], api_visibility="private", concurrency_id="loading")
    mine.click(add_mine, [place, added], [added, choice], **AT_ONCE)
    opened.expand(
        rank, added, [table, file], show_progress="minimal", api_visibility="private", concurrency_id="ranking"
    )
    return booth


def judged_traditions() -> list[str]:
    """Those in which there is something to compare."""
    return [name for name in traditions() if len(contenders(name)) > 1]


def ballot_value(pair: Pair) -> dict[str, Any]:
    titles = in_both(described(pair.tradition).titles)
    return {
        "ratio": pair.size[0] / pair.size[1],
        **{side: FileData(path=str(getattr(pair, side))).model_dump() for side in ("photo", "left", "right")},
        "questions": [
            {"name": "style", "words": f"{both('compare.style')} <em>{titles}</em>", "later": False},
            {"name": "content", "words": both("compare.content"), "later": True},
        ],
    }


def contenders(tradition: str, guests: Mapping[str, str] | None = None) -> list[str]:
    """What competes in a tradition: the photo, the bundled styles, and who was added."""
    bundled = [name for name in bundled_styles() if tradition_of(name) == tradition]
    invited = [name for name, where in (guests or {}).items() if where == tradition]
    return list(dict.fromkeys([PHOTO, *bundled, *invited]))


def _following(votes: Sequence[Vote], who: str, tradition: str, guests: Mapping[str, str]) -> Ballot | None:
    """A pair that this voter has not seen, of those that teach most, in the tradition with the fewest votes."""
    random = secrets.SystemRandom()
    traditions_left = [tradition] if tradition else judged_traditions()
    counts = {name: sum(vote.tradition == name for vote in votes) for name in traditions_left}
    for name in sorted(random.sample(traditions_left, len(traditions_left)), key=counts.__getitem__):
        there = [vote for vote in votes if vote.tradition == name]
        seen = {(vote.photo, vote.pair) for vote in there if vote.voter == who}
        for pair in most_telling(there, all_pairs(contenders(name, guests))):
            photos = [photo for photo in NAMES if (photo, pair) not in seen]
            if photos:
                used = {photo: sum(vote.photo == photo and vote.voter == who for vote in votes) for photo in photos}
                photo = min(random.sample(photos, len(photos)), key=used.__getitem__)
                left, right = random.sample(pair, 2)
                return Ballot(name, photo, left, right)
    return None


def without_others(votes: Sequence[Vote], guests: Collection[str]) -> list[Vote]:
    """Without the styles that other visitors brought, which have no name here."""
    return [vote for vote in votes if all(one in guests or not one.startswith(OWN) for one in vote.pair)]


def ranking_html(votes: Sequence[Vote]) -> str:
    """For each tradition and question a table: who stands where, and how sure that is."""
    if not votes:
        return f"<p>{both('compare.no_votes')}</p>"
    parts = [f"<p>{both('compare.counts', votes=len(votes), voters=len({vote.voter for vote in votes}))}</p>"]
    for name in traditions():
        mine = [vote for vote in votes if vote.tradition == name]
        if not mine:
            continue
        parts.append(f"<h3>{in_both(described(name).titles)}</h3>")
        for question in QUESTIONS:
            parts.append(_table(question, ranking(mine, question, samples=200), agreement(mine, question)))
    return "".join(parts) + f'<p class="quiet">{both("compare.ranking_hint")}</p>'


def _table(question: str, standings: Sequence[Standing], agreed: Agreement | None) -> str:
    rows = "".join(
        f"<tr><th scope=row>{_name(one.model)}</th><td>{one.share:.0%}</td>"
        f"<td>{_interval(one)}</td><td>{one.votes}</td></tr>"
        for one in standings
    )
    told = "" if agreed is None else f'<p class="quiet">{both("compare.agreed", same=round(100 * agreed.same))}</p>'
    columns = both("compare.model"), both("compare.share"), both("compare.sure"), both("compare.votes")
    heads = "".join(f"<th scope=col>{column}</th>" for column in columns)
    caption = both("compare.by_style" if question == "style" else "compare.by_content")
    return f"<table><caption>{caption}</caption><tr>{heads}</tr>{rows}</table>{told}"


def _interval(one: Standing) -> str:
    if one.low is None or one.high is None:
        return both("compare.too_few")
    places = f"--low:{100 * one.low:.0f};--high:{100 * one.high:.0f};--at:{100 * one.share:.0f}"
    return (
        f'<span class="interval" style="{places}" aria-hidden="true"></span>'
        f'<span class="for-readers">{one.low:.0%} – {one.high:.0%}</span>'
    )


def _name(model: str) -> str:
    """A model as the ranking calls it, as HTML."""
    if model == PHOTO:
        return both("compare.control")
    return (
        both("mine.title")
        if model.startswith(OWN)
        else style_words(model)
        if model in bundled_styles()
        else html.escape(model)
    )


def _title(tradition: str) -> Any:
    return label(f"style.{tradition}")


def open_votes() -> VoteStore:
    """Where a studio keeps its votes: on this machine in `~/.hfstyle/votes`, and where the environment variable
    `HFSTYLE_VOTES` names a data set on the Hub (owner/name), there too, as soon as the Hub lets it."""
    from hfstyle.library import home

    store = VoteStore(home() / "votes")
    if repo_id := os.environ.get("HFSTYLE_VOTES"):
        threading.Thread(target=_follow, args=(store, repo_id), daemon=True).start()
    return store


def _follow(store: VoteStore, repo_id: str) -> None:
    """A studio whose Hub does not answer is there all the same."""
    while True:
        try:
            return store.follow(repo_id)
        except HubError as error:
            logger.error("votes are kept on this machine only, until the Hub takes them: %s", error)
            time.sleep(60 * EVERY)
        except HfstyleError as error:
            return logger.error("votes are kept on this machine only: %s", error)
