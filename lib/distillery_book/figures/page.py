"""How a picture to drag stands in a page: data for a script, and a still picture for readers
without scripts.

The page holds data alone. JupyterLab shows the still picture and its sentence, since it lets no
script through in notebooks that are not trusted; so does a browser without scripts.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = 64  # of the still picture


def markup(data: Mapping[str, Any], still: Figure, *, alt: str, sentence: str) -> str:
    """What the script of `book/_static/draggable.js` looks for; the figure is closed."""
    # a script ends at the first "</", wherever it stands
    text = json.dumps(data, ensure_ascii=False).replace("</", "<\\/")
    source = f"data:image/png;base64,{base64.b64encode(_picture(still)).decode()}"
    return (
        '<div class="draggable">\n'
        f'<img src="{source}" alt="{html.escape(alt)}">\n'
        f'<p class="draggable-says">{html.escape(sentence)}</p>\n'
        f'<script type="application/json">{text}</script>\n'
        "</div>"
    )


def _picture(figure: Figure) -> bytes:
    """A figure as a small png; it is closed, so that no notebook shows it a second time."""
    import matplotlib.pyplot as plt
    from PIL import Image

    drawn, written = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches="tight")
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(written, "PNG", optimize=True)
    return written.getvalue()
