"""How is the report read in a browser? One file that holds text, figure and the living part, and needs no network."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bayesmeta.exact.fit import ExactFit
from bayesmeta.report.compute import Results
from bayesmeta.report.document import report_text
from bayesmeta.report.living.page import environment, file_text, living_part, why_not
from bayesmeta.report.markdown import anchor, escaped

MEDIA: Final = {".png": "image/png", ".svg": "image/svg+xml"}


def report_html(results: Results, files: Mapping[str, str], folder: Path) -> str:
    """Return the report as HTML: the file ``report.html``.

    Parameters
    ----------
    results : Results
        The answers.
    files : mapping
        The files of the folder, and what is in each.
    folder : pathlib.Path
        Where the figures are, which the file takes up.

    Returns
    -------
    str
        The sections of ``report.md``, then the living part or the reason why there is none.
    """
    fit = results.fits.get("exact")
    refusal = "the analysis has no exact fit" if fit is None else why_not(fit)
    text = report_text(results, files, more=() if refusal else ("Move the priors",))
    title = results.analysis.title
    if refusal or not isinstance(fit, ExactFit):
        return page(title, text, folder, why=refusal)
    output = results.analysis.output
    living = living_part(fit, ci_prob=output.ci_prob, by=_known(fit, results.analysis.subgroups))
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
    for i, token in enumerate(tokens):
        if token.type == "heading_open":  # the checklists link to them
            token.attrSet("id", anchor(tokens[i + 1].content))
        for child in token.children or []:
            if child.type == "image":
                child.attrSet("src", _as_data(folder / str(child.attrGet("src"))))
    html: str = renderer.renderer.render(tokens, renderer.options, {})
    return html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")


def _as_data(path: Path) -> str:
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    return f"data:{MEDIA[path.suffix]};base64,{content}"
