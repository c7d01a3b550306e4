"""How is the report read in a browser? One file that holds text, figure and the living part, and needs no network."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from bayesmeta.exact.fit import ExactFit
from bayesmeta.report.compute import Results
from bayesmeta.report.document import Told, report_text, tell
from bayesmeta.report.figures import shown_files
from bayesmeta.report.living.page import environment, file_text, living_part, why_not
from bayesmeta.report.markdown import anchor, escaped

MEDIA: Final = {".png": "image/png", ".svg": "image/svg+xml"}
NARROW: Final = "(max-width: 40rem)"
"""Screens on which a figure as wide as a page cannot be read, and tables become lists; ``style.css`` has it too."""
MOST: Final = 3_400_000
"""Bytes of figures that the file takes up, which encoding makes a third more; beyond it narrow ones are left out."""


def report_html(results: Results, files: Mapping[str, str], folder: Path, *, told: Told | None = None) -> str:
    """Return the report as HTML: the file ``report.html``.

    Parameters
    ----------
    results : Results
        The answers.
    files : mapping
        The files of the folder, and what is in each.
    folder : pathlib.Path
        Where the figures are, which the file takes up.
    told : Told, optional
        From `tell`, if that is at hand.

    Returns
    -------
    str
        The sections of ``report.md``, then the living part or the reason why there is none.
    """
    fit = results.fits.get("exact")
    refusal = "the analysis has no exact fit" if fit is None else why_not(fit)
    told = tell(results, files) if told is None else told
    text = report_text(results, files, more=() if refusal else ("Move the priors",), told=told)
    title = results.analysis.title
    if refusal or not isinstance(fit, ExactFit):
        return page(title, text, folder, why=refusal)
    output = results.analysis.output
    living = living_part(
        fit, ci_prob=output.ci_prob, by=_known(fit, results.analysis.subgroups), printing=told.printing
    )
    return page(title, text, folder, living=living)


def page(title: str, text: str, folder: Path, *, living: str = "", why: str = "") -> str:
    """Return a report as HTML.

    Parameters
    ----------
    title : str
        Its title.
    text : str
        The report in Markdown, whose first line is the title.
    folder : pathlib.Path
        Where the figures are.
    living : str
        The living part, if there is one.
    why : str
        Why there is none.
    """
    text += f"\n## Move the priors\n\nNot available here: {escaped(why)}.\n" if why else ""
    static = _rendered(text.partition("\n")[2], folder)  # below the title
    template = environment().get_template("file.html")
    found: str = template.render(title=title, static=static, living=living, style=file_text("style.css"))
    return found


def _known(fit: ExactFit, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in fit.studies.moderators.columns]


def _rendered(text: str, folder: Path) -> str:
    """Return Markdown as HTML, its images as data; HTML in the text stays text."""
    from markdown_it import MarkdownIt

    renderer = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = renderer.parse(text)
    images = []
    for i, token in enumerate(tokens):
        if token.type == "heading_open":  # the checklists link to them
            token.attrSet("id", anchor(tokens[i + 1].content))
        images += [child for child in token.children or [] if child.type == "image"]
    pictures = iter(_pictures([str(image.attrGet("src")) for image in images], folder))
    _name_cells(tokens)

    def picture(drawn: Any, own: Any, at: int, options: Any, env: Any) -> str:
        return next(pictures).format(alt=escape(drawn.renderInlineAsText(own[at].children, options, env)))

    renderer.add_render_rule("image", picture)
    html: str = renderer.renderer.render(tokens, renderer.options, {})
    return html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")


def _name_cells(tokens: Sequence[Any]) -> None:
    """Give each cell of a table the head of its column, which narrow screens show beside it."""
    heads: list[str] = []
    place = 0
    for token, inside in pairwise(tokens):
        if token.type == "table_open":
            heads = []
        elif token.type == "tr_open":
            place = 0
        elif token.type == "th_open":
            heads.append("".join(child.content for child in inside.children or []))
        elif token.type == "td_open":
            token.attrSet("data-head", heads[place])
            place += 1


def _pictures(names: list[str], folder: Path) -> list[str]:
    """Return the element of each image with ``{alt}`` for its words; narrow screens have a figure of their own."""
    shown = [shown_files(folder, name) for name in names]
    room = MOST - sum(paths[0].stat().st_size for paths in shown)
    made = []
    for wide, *others in shown:
        narrow = ""
        if others and (size := others[-1].stat().st_size) <= room:
            room -= size
            narrow = f'<source media="{NARROW}" srcset="{_as_data(others[-1])}">'
        made.append(f'<picture>{narrow}<img src="{_as_data(wide)}" alt="{{alt}}"></picture>')
    return made


def _as_data(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{MEDIA[path.suffix]};base64,{content}"
