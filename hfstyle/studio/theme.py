"""How the studio looks: paper and ink, by day and by night. All fonts come with Gradio or with the system."""

from pathlib import Path

import gradio as gr
from gradio.themes.utils import fonts

STYLE_SHEET = Path(__file__).with_name("studio.css")

# Of the fonts that Gradio 6.31 packages, many are cut down to the letters of one script (its Source Sans 3 and Lora
# lack most of the Latin ones); Source Sans Pro, regular and bold, is whole.
_SANS = "Source Sans Pro"
_CHINESE = ("PingFang SC", "Noto Sans SC", "Noto Sans CJK SC", "Microsoft YaHei")

# Paper and ink, indigo and night: the colours of a ukiyo-e print.
_WASHI, _PAPER, _INK, _ASH, _EDGE = "#f5f1e8", "#fffdf8", "#23272e", "#68635a", "#ddd5c5"
_INDIGO, _INDIGO_LIT, _MIST = "#1f4166", "#2c5988", "#e7ecf1"
_NIGHT, _SLATE, _MOON, _HAZE, _SEAM = "#12161c", "#1a2029", "#ece7db", "#a8a293", "#323b47"
_DAWN, _DAWN_LIT, _DUSK = "#a9c4e2", "#c4d8ee", "#222c39"


def theme() -> gr.themes.Base:
    """Gradio's theme: colours, fonts and sizes."""
    return gr.themes.Base(
        font=(fonts.LocalFont(_SANS, weights=(400, 700)), *map(fonts.Font, _CHINESE), fonts.Font("sans-serif")),
        font_mono=(fonts.LocalFont("IBM Plex Mono", weights=(400, 700)), fonts.Font("monospace")),
        spacing_size=gr.themes.sizes.spacing_md,
        radius_size=gr.themes.sizes.radius_lg,
        text_size=gr.themes.sizes.text_md,
    ).set(
        **_pair("body_background_fill", _WASHI, _NIGHT),
        **_pair("body_text_color", _INK, _MOON),
        **_pair("body_text_color_subdued", _ASH, _HAZE),
        **_pair("background_fill_primary", _PAPER, _SLATE),
        **_pair("background_fill_secondary", _WASHI, _NIGHT),
        **_pair("border_color_primary", _EDGE, _SEAM),
        **_pair("border_color_accent", _INDIGO, _DAWN),
        **_pair("color_accent_soft", _MIST, _DUSK),
        color_accent=_INDIGO_LIT,
        **_pair("link_text_color", _INDIGO, _DAWN),
        **_pair("link_text_color_hover", _INDIGO_LIT, _DAWN_LIT),
        **_pair("link_text_color_visited", _INDIGO, _DAWN),
        **_pair("link_text_color_active", _INDIGO, _DAWN),
        **_pair("block_background_fill", _PAPER, _SLATE),
        **_pair("block_border_color", _EDGE, _SEAM),
        **_pair("block_label_background_fill", _PAPER, _SLATE),
        **_pair("block_label_text_color", _ASH, _HAZE),
        **_pair("block_title_text_color", _ASH, _HAZE),
        block_title_text_weight="400",
        block_shadow="none",
        block_shadow_dark="none",
        block_border_width="1px",
        block_border_width_dark="1px",
        **_pair("input_background_fill", _PAPER, _NIGHT),
        **_pair("input_border_color", _EDGE, _SEAM),
        **_pair("input_border_color_focus", _INDIGO_LIT, _DAWN),
        **_pair("slider_color", _INDIGO, _DAWN),
        **_pair("loader_color", _INDIGO, _DAWN),
        **_pair("checkbox_background_color", _PAPER, _NIGHT),
        **_pair("checkbox_background_color_selected", _INDIGO, "#4d7cb0"),
        **_pair("checkbox_border_color", _ASH, _HAZE),
        **_pair("checkbox_border_color_selected", _INDIGO, "#4d7cb0"),
        **_pair("checkbox_label_background_fill", _PAPER, _SLATE),
        **_pair("checkbox_label_background_fill_hover", _MIST, _DUSK),
        **_pair("checkbox_label_background_fill_selected", _MIST, _DUSK),
        **_pair("checkbox_label_border_color_selected", _INDIGO, _DAWN),
        **_pair("button_primary_background_fill", _INDIGO, _DAWN),
        **_pair("button_primary_background_fill_hover", _INDIGO_LIT, _DAWN_LIT),
        **_pair("button_primary_border_color", _INDIGO, _DAWN),
        **_pair("button_primary_border_color_hover", _INDIGO_LIT, _DAWN_LIT),
        **_pair("button_primary_text_color", "#ffffff", _NIGHT),
        **_pair("button_secondary_background_fill", _PAPER, _SLATE),
        **_pair("button_secondary_background_fill_hover", _MIST, _DUSK),
        **_pair("button_secondary_border_color", _EDGE, _SEAM),
        **_pair("button_secondary_text_color", _INK, _MOON),
        button_border_width="1px",
        button_border_width_dark="1px",
        button_large_text_weight="700",
        button_medium_text_weight="700",
        button_transition="background-color 0.15s ease",
    )


def _pair(name: str, day: str, night: str) -> dict[str, str]:
    return {name: day, f"{name}_dark": night}
