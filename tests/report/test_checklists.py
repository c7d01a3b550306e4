"""Each item of the guidelines has an answer that is there, or the reason why there is none."""

import re

from bayesmeta.report.checklists import BARG, PRISMA, checklist_section
from bayesmeta.report.document import report_text
from bayesmeta.report.files import file_list
from bayesmeta.report.html import report_html
from bayesmeta.report.markdown import anchor


def numbers(items):
    return [item.number for item in items]


def test_prisma_has_its_27_items_in_42_parts_in_order():
    found = numbers(PRISMA)
    assert len(found) == len(set(found)) == 42
    whole = [int(re.match(r"[0-9]+", number)[0]) for number in found]
    assert whole == sorted(whole)
    assert set(whole) == set(range(1, 28))
    parts = {10: "ab", 13: "abcdef", 16: "ab", 20: "abcd", 23: "abcd", 24: "abc"}
    assert [n for n in found if n[-1].isalpha()] == [f"{item}{part}" for item in parts for part in parts[item]]


def test_barg_has_its_six_steps_in_order():
    steps = [number[0] for number in numbers(BARG) if not number.startswith("Preamble")]
    assert steps == sorted(steps)
    assert set(steps) == set("123456")
    assert len(set(numbers(BARG))) == len(BARG)


def test_every_link_leads_to_a_heading_and_every_item_has_an_answer(results, tmp_path):
    found = results(("[engines.exact]", 'subgroups.by = ["kind"]\n[engines.exact]'.replace("subgroups.by", "# by")))
    text = report_text(found, file_list(found))
    headings = {anchor(line.removeprefix("## ")) for line in text.splitlines() if line.startswith("## ")}
    links = re.findall(r"\]\(#([^)]*)\)", text)
    assert len(links) > 20
    assert set(links) <= headings
    rows = [line for line in text.partition("## Reporting checklists")[2].splitlines() if line.startswith("| ")]
    items = [row for row in rows if not row.startswith(("| item", "| ---"))]
    assert len(items) == len(PRISMA) + len(BARG)
    assert all("](#" in row or "Not answered here: " in row for row in items)


def test_links_work_in_the_browser_too_and_reach_the_living_part(results, tmp_path):
    found = results(('plots = ["forest"]', "plots = []"))
    page = report_html(found, file_list(found), tmp_path)
    ids = set(re.findall(r' id="([^"]+)"', page))
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert "move-the-priors" in links
    assert links <= ids


def test_what_was_not_done_is_not_claimed():
    text = checklist_section(["Result", "Methods"], is_bayesian=True)
    assert "| 13f | sensitivity analyses | Not answered here: none was asked for. |" in text
    assert "| 20c | results on causes of heterogeneity | Not answered here: no subgroups were asked for. |" in text
    assert "| 12 | effect measures | [Methods](#methods) |" in text
    assert "BARG" not in checklist_section(["Result"], is_bayesian=False)


def test_both_guidelines_are_among_the_references(results):
    found = results()
    references = report_text(found, file_list(found)).partition("## References")[2]
    assert "doi:10.1136/bmj.n71" in references
    assert "doi:10.1038/s41562-021-01177-7" in references
