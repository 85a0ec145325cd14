"""The page that paints what the camera sees, frame by frame. Frames stay in memory: none is ever written to a file."""

import asyncio
from typing import Any

import gradio as gr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hfstyle.assets import BANK, bundled_styles, model_of
from hfstyle.errors import HfstyleError
from hfstyle.studio.components import BARE, STEP, log_if_ours
from hfstyle.studio.painter import FRAME_SIDE, Painter
from hfstyle.studio.text import StudioError, both, error_html, label, style_title

PATH = "gradio_api/live"
"""Where frames are sent, relative to the page."""
MAX_FRAME_BYTES = 2**18
SLOWEST = 10
"""Seconds in which a frame has to arrive."""
WATCHING = 2
"""Frames that wait or are painted at once; who sends more is asked to come back later."""

_STAGE = """
<div class="live">
    <video muted playsinline aria-hidden="true"></video>
    <span class="for-readers" id="live-named">%(painting)s</span>
    <canvas role="img" aria-labelledby="live-named"></canvas>
    <p class="said" role="status"></p>
    <div class="live-buttons">
        <button type="button" data-live="start" class="main">%(start)s</button>
        <button type="button" data-live="stop" hidden>%(stop)s</button>
        <button type="button" data-live="turn" hidden>%(turn)s</button>
        <button type="button" data-live="keep" hidden>%(keep)s</button>
    </div>
    <template data-words="refused">%(refused)s</template>
    <template data-words="missing">%(missing)s</template>
    <template data-words="lost">%(lost)s</template>
</div>
"""

_SCRIPT = """
const side = %(side)s;
const find = selector => element.querySelector(selector);
const button = name => find(`[data-live=${name}]`);
const say = html => { find(".said").innerHTML = html; };
const words = name => find(`template[data-words=${name}]`).innerHTML;
let stream = null, facing = "user", rounds = 0;

const stop = () => {
    rounds += 1;
    stream?.getTracks().forEach(track => track.stop());
    stream = null;
    button("start").hidden = false;
    ["stop", "turn", "keep"].forEach(name => { button(name).hidden = true; });
};
const start = async () => {
    stop();
    const round = rounds;
    if (!navigator.mediaDevices) return say(words("missing"));
    const video = find("video"), canvas = find("canvas");
    try {
        const camera = await navigator.mediaDevices.getUserMedia({video: {facingMode: facing, width: {ideal: 640}}});
        // It was stopped, left or started once more while the browser asked its user.
        if (round !== rounds) return camera.getTracks().forEach(track => track.stop());
        stream = video.srcObject = camera;
        await video.play();
    } catch (error) {
        if (round !== rounds) return;
        stop();
        return say(words(error.name === "NotAllowedError" ? "refused" : "missing"));
    }
    if (round !== rounds) return;
    button("start").hidden = true;
    ["stop", "turn", "keep"].forEach(name => { button(name).hidden = false; });
    say("");
    const small = document.createElement("canvas"), times = [];
    while (round === rounds) {
        const scale = side / Math.max(video.videoWidth, video.videoHeight);
        small.width = Math.round(video.videoWidth * scale);
        small.height = Math.round(video.videoHeight * scale);
        const pen = small.getContext("2d");
        if (facing === "user") pen.setTransform(-1, 0, 0, 1, small.width, 0);  // as in a mirror
        pen.drawImage(video, 0, 0, small.width, small.height);
        const frame = await new Promise(done => small.toBlob(done, "image/jpeg", 0.9));
        const {style = "", strength = "100"} = find(".live").dataset;
        const asked = `%(path)s?${new URLSearchParams({style, strength})}`;
        let answer;
        try {
            answer = await fetch(asked, {method: "POST", body: frame, headers: {"Content-Type": "image/jpeg"}});
        } catch { answer = null; }
        if (round !== rounds) return;
        if (!answer?.ok) {
            // What stands before the studio, say on a Space, answers in its own way where the studio does not.
            const told = await answer?.json().catch(() => null);
            if (round !== rounds) return;
            say(told?.error ?? words("lost"));
            if (told && answer.status === 503) { await new Promise(done => setTimeout(done, 1000)); continue; }
            return stop();
        }
        const painting = await answer.blob().then(createImageBitmap).catch(() => null);
        if (round !== rounds) return;
        if (!painting) { say(words("lost")); return stop(); }
        canvas.width = painting.width;
        canvas.height = painting.height;
        canvas.getContext("2d").drawImage(painting, 0, 0);
        times.push(performance.now());
        if (times.length > 12) times.shift();
        const pace = (times.length - 1) * 1000 / (times.at(-1) - times[0]);
        canvas.dataset.frames = Number(canvas.dataset.frames || 0) + 1;
        if (times.length < 4) continue;
        canvas.dataset.pace = pace.toFixed(1);
        say(`%(pace)s`.replaceAll("{pace}", pace.toFixed(0)));
    }
};
element.addEventListener("click", event => {
    const name = event.target.closest("[data-live]")?.dataset.live;
    if (name === "start") start();
    if (name === "stop") { stop(); say(""); }
    if (name === "turn") { facing = facing === "user" ? "environment" : "user"; start(); }
    if (name === "keep") find("canvas").toBlob(picture => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(picture);
        link.download = `${(find(".live").dataset.style || "painting").replace(":", "-")}.png`;
        link.click();
        URL.revokeObjectURL(link.href);
    }, "image/png");
});
// The camera is off as soon as another page is looked at.
addEventListener("hashchange", () => { if (location.hash !== "#live") { stop(); say(""); } });
"""

_CHOOSE = """
(style, strength) => Object.assign(document.querySelector("#live-stage .live").dataset, {style, strength})
"""


def build() -> None:
    """Add the page to the `gr.Blocks` that is being built. `serve` adds what paints the frames."""
    styles = _styles()
    with gr.Column(elem_id="live"):
        gr.HTML(f"<h2>{both('live.title')}</h2><p>{both('live.hint')}</p>", **STEP)
        with gr.Row():
            with gr.Column(scale=7, min_width=320, elem_classes="stage"):
                words = {
                    "start": both("live.start"),
                    "stop": both("stop"),
                    "turn": both("live.turn"),
                    "keep": both("live.keep"),
                    "refused": both("live.refused"),
                    "missing": both("live.missing"),
                    "lost": both("live.lost"),
                    "painting": both("painting"),
                }
                gr.HTML(
                    value=_STAGE % words,
                    js_on_load=_SCRIPT % {"side": FRAME_SIDE, "path": PATH, "pace": both("live.pace", pace="{pace}")},
                    elem_id="live-stage",
                    **BARE,
                )
            with gr.Column(scale=3, min_width=280):
                style = gr.Radio(
                    [(style_title(name), name) for name in styles], value=styles[0], label=label("style"),
                    elem_id="live-style",
                )  # fmt: skip
                strength = gr.Slider(0, 100, 100, step=5, label=label("strength"), buttons=[], elem_id="live-strength")
    chosen = [style, strength]
    gr.on([style.change, strength.change], None, chosen, js=_CHOOSE, api_visibility="private")
    gr.context.Context.root_block.load(None, chosen, None, js=_CHOOSE, api_visibility="private")


def serve(app: Any, painter: Painter) -> None:
    """Add the address that paints frames to the running app: a JPEG is posted, its painting comes back as a JPEG.

    Gradio's own streaming writes each frame into a file and sends it as text.
    """
    waiting = 0

    async def paint(request: Request) -> Response:
        nonlocal waiting
        try:
            frame = b""
            async with asyncio.timeout(SLOWEST):
                async for chunk in request.stream():
                    frame += chunk
                    if len(frame) > MAX_FRAME_BYTES:
                        return _refused(StudioError("error.live_frame"), 413)
            if waiting >= WATCHING:
                return _refused(StudioError("error.live_busy"), 503)
            waiting += 1
            try:
                strength = request.query_params.get("strength", "100")
                if not strength.isdecimal() or int(strength) > 100:
                    return _refused(StudioError("error.live_frame"), 400)
                style = request.query_params.get("style") or _styles()[0]
                painting = await painter.frame(frame, style, int(strength) / 100)
            finally:
                waiting -= 1
        except TimeoutError:
            return _refused(StudioError("error.live_frame"), 408)
        except HfstyleError as error:
            return _refused(error, 400)
        except Exception as error:
            log_if_ours(error)
            return _refused(error, 500)
        return Response(painting, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    app.add_route(f"/{PATH}", paint, methods=["POST"])


def _styles() -> list[str]:
    """The bank's first: its one small network is the fast one."""
    return sorted(bundled_styles(), key=lambda name: model_of(name)[0] != BANK)


def _refused(error: Exception, status: int) -> JSONResponse:
    return JSONResponse({"error": error_html(error)}, status)
