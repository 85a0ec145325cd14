"""The command of `hfstyle` about Spaces: one's own studio on the Hugging Face Hub."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from tyro.conf import OmitArgPrefixes, Positional, Suppress, arg, subcommand


@dataclass
class PushSpace:
    """Put a Space that everybody can open on the Hugging Face Hub, or bring yours up to date."""

    kind: Positional[Literal["studio", "browser"]]
    """studio: the app of `hfstyle app`, on a machine of the Hub. browser: a page that paints in the visitor's browser,
    free to host; it is built from a checkout, by Node."""
    repo: Annotated[Positional[str], arg(metavar="REPO")]
    """The Space (owner/name); made where it is missing."""
    model: list[str] = field(default_factory=list)
    """Models and styles of yours that it is to paint with too: folders, Hub repositories (owner/name), files of
    styles, names in `hfstyle styles list`."""
    private: bool = False
    """Where the Space is made now: only you see it."""

    def run(self) -> int:
        from hfstyle.space import push_space

        print(push_space(self.kind, self.repo, self.model, self.private))
        return 0


# To tyro, a choice of one command is no choice; the suppressed None makes it two.
@dataclass
class Space:
    """Your own studio on the Hugging Face Hub."""

    command: OmitArgPrefixes[Annotated[PushSpace, subcommand("push", prefix_name=False)] | Annotated[None, Suppress]]

    def run(self) -> int:
        return self.command.run()
