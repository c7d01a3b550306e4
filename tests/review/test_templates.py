import pandas as pd
import pytest

import bayesmeta as bm
from bayesmeta.review.prisma_boxes import BOXES
from tests.review.test_prisma import FULL


def test_the_flow_template_has_every_box_and_reads_back_when_filled_in(tmp_path):
    file = bm.write_prisma_template(tmp_path / "flow.toml")
    text = file.read_text()
    with pytest.raises(bm.DataError, match="has no numbers"):
        bm.prisma_flow(file)
    for key, count in FULL.items():
        text = text.replace(f"# {key} = 0 ", f"{key} = {count} ", 1)
    file.write_text(text)
    flow = bm.prisma_flow(file)
    assert dict(flow.counts) == FULL
    assert flow.problems.empty
    assert all(f"{key} = " in text for key in BOXES)


def test_the_flow_template_is_not_written_where_it_would_be_read_as_a_table(tmp_path):
    with pytest.raises(bm.SpecError, match=r"is a TOML file: call it flow\.toml"):
        bm.write_prisma_template(tmp_path / "flow.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tool", bm.list_quality_tools()["tool"])
def test_the_template_of_every_quality_tool_reads_back_when_filled_in(tmp_path, tool):
    file = bm.write_quality_template(tmp_path / "quality.csv", tool, studies=["Lee 2019", "Kim 2020"])
    chosen = bm.quality_tool(tool)
    table = pd.read_csv(file)
    best = next(iter(chosen.answers), None)
    for item in chosen.items:
        table[item.code] = best if best else item.highest
    quality = bm.read_quality(table)
    assert quality.problems.empty
    assert quality.totals["total"].tolist() == [chosen.most] * 2
    with pytest.raises(bm.OutputError, match="exists and is kept"):
        bm.write_quality_template(file, tool)
