"""The studio as a Space. Gradio itself comes from the Space's sdk_version; hfstyle lies beside this file."""

from hfstyle.studio import launch

launch()
