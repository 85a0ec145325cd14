"""The studio: a Gradio app in which photos become paintings. `launch()` opens it, `build_app()` only builds it."""

import os

from hfstyle.errors import MissingExtraError

# Read while Gradio is imported: nothing about the visitors, or about us, is reported to anybody.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

try:
    import gradio  # noqa: F401
except ImportError as error:
    raise MissingExtraError("the app", "app") from error

from hfstyle.studio.app import build_app, launch

__all__ = ["build_app", "launch"]
