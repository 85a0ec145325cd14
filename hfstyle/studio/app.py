"""The app around the pages: what is common to all of them, and how it is served."""

import os
import signal
import sys
import threading
import time

import gradio as gr
import gradio.mcp

from hfstyle.assets import IMAGINE, bundled_models
from hfstyle.errors import HfstyleError
from hfstyle.evaluation.votes import VoteStore
from hfstyle.studio import about, api, compare, imagine, live, measure, mine, overview, stylise
from hfstyle.studio.components import header
from hfstyle.studio.painter import Painter
from hfstyle.studio.storage import CHECK_EVERY, MAX_AGE, claim_folder, keep_clean
from hfstyle.studio.text import CATALOGUE, i18n
from hfstyle.studio.theme import STYLE_SHEET, theme

PAGES = ("one", "all", "mine", "live", "imagine", "compare", "measure", "about")
"""Their names in the address, the first page first; studio.css shows one of them."""

MAX_UPLOAD_BYTES = 50 * 2**20
"""Larger uploads are refused while they arrive. A phone's largest photos have about 25 MB."""
MAX_WAITING = 20
"""Visitors in the queue; the next one is asked to come back later."""


def build_app(painter: Painter | None = None, owner: bool = False, votes: VoteStore | None = None) -> gr.Blocks:
    """All pages, ready for `launch`.

    Args:
        painter: What paints; one of its own, in a new folder for uploads, where none is given.
        owner: See `mine.build`.
        votes: Where votes are kept; in the folder for uploads, and so for a moment only, where not given.
    """
    painter = painter or Painter(claim_folder())
    votes = votes or VoteStore(painter.folder / "votes")
    with gr.Blocks(
        title=CATALOGUE["title"]["en"], analytics_enabled=False, delete_cache=(CHECK_EVERY, MAX_AGE)
    ) as demo:
        header([name for name in PAGES if name != "imagine" or IMAGINE in bundled_models()])
        with gr.Column(elem_id="page-mine"):  # first, since the others have hearts, which add to it
            shelf = mine.build(painter, owner)
        with gr.Column(elem_id="page-one"):
            stylise.build(painter, shelf, owner)
        with gr.Column(elem_id="page-all"):
            overview.build(painter, shelf)
        if IMAGINE in bundled_models():
            with gr.Column(elem_id="page-imagine"):
                imagine.build(painter, shelf)
        with gr.Column(elem_id="page-live"):
            live.build()
        with gr.Column(elem_id="page-compare"):
            booth = compare.build(painter, shelf.workshop, votes, owner)
        with gr.Column(elem_id="page-measure"):
            measurer = measure.build(painter, owner)
        with gr.Column(elem_id="page-about"):
            about.build()
        api.build(painter, shelf.workshop, measurer, booth, owner)
    return demo.queue(max_size=MAX_WAITING, default_concurrency_limit=1)


def launch(
    host: str | None = None, port: int | None = None, share: bool = False, inbrowser: bool = False, block: bool = True
) -> gr.Blocks:
    """Serve the studio.

    Args:
        host: Address to listen on; None is this machine only, or `GRADIO_SERVER_NAME`.
        port: None is the first free one from 7860 on, or `GRADIO_SERVER_PORT`.
        share: Also make a public address, through Gradio's servers.
        inbrowser: Open the page in the default browser.
        block: Return only when the server ends.

    Returns:
        The running app; `local_url` is its address.

    Raises:
        HfstyleError: The port is not free.
    """
    folder = claim_folder()
    gradio.mcp.DEFAULT_TEMP_DIR = str(folder)  # for pictures sent as data; read from the environment on import
    keep_clean(folder)
    painter = Painter(folder)
    where = host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    owner = where in ("127.0.0.1", "localhost", "::1") and not share
    votes = compare.open_votes()
    demo = build_app(painter, owner, votes)
    try:
        demo.launch(
            server_name=host,
            server_port=port,
            share=share,
            inbrowser=inbrowser,
            prevent_thread_lock=True,
            max_file_size=MAX_UPLOAD_BYTES,
            theme=theme(),
            css_paths=STYLE_SHEET,
            i18n=i18n(),
            footer_links=["api"],
            # Gradio would keep every visitor's photos and paintings in their browser, on shared machines too.
            run_history=False,
            ssr_mode=False,
            mcp_server=True,
            quiet=True,
            enable_monitoring=False,
            pwa=False,
        )
    except OSError as error:
        raise HfstyleError(f"the app cannot listen on port {port or 7860}: {error}") from error
    live.serve(demo.app, painter)
    print(f"The studio is open at {demo.local_url} (Ctrl+C closes it)", flush=True)
    for style in filter(None, (stylise.default_style(), *overview.styles()[:1])):
        painter.warm_up(style)
    if block:
        _serve(demo, painter, votes)
    return demo


def _serve(demo: gr.Blocks, painter: Painter, votes: VoteStore) -> None:
    """Wait for Ctrl+C or, as containers are ended, SIGTERM; then leave no photo behind."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        print()
    finally:
        painter.close()
        demo.close(verbose=False)
        votes.close()
