import matplotlib.pyplot as plt
import pytest

import bayesmeta as bm
from tests.plots.geometry import check_figure
from tests.review.test_prisma import FULL

PARTS = {
    "databases": {"MEDLINE (Ovid)": 610, "Embase & <others> $x$": 600},
    "excluded_reports": {"wrong population": 150, "a duplicate report of a cohort that is already included": 50},
}


def flow_of(name):
    if name == "with other methods":
        return bm.prisma_flow(FULL, parts=PARTS)
    if name == "does not add up":
        return bm.prisma_flow(FULL | {"screened": 940}, parts=PARTS, on_bad="keep")
    return bm.prisma_flow(name)


def boxes_of(ax):
    return {patch.get_label().removeprefix("_box "): patch for patch in ax.patches if "_box " in patch.get_label()}


@pytest.mark.parametrize("name", ["wang2026", "sarkar2026", "with other methods", "does not add up"])
@pytest.mark.parametrize("width_mm", [85, 170])
def test_every_text_stays_in_its_box_and_boxes_keep_apart(name, width_mm):
    flow = flow_of(name)
    ax = bm.plot_prisma_flow(flow, width_mm=width_mm)
    check_figure(ax.figure)
    boxes = {key: box.get_window_extent() for key, box in boxes_of(ax).items()}
    assert list(boxes) == bm.flow_frame(flow)["box"].tolist()
    inside = 0
    for text in ax.texts:
        extent = text.get_window_extent()
        for box in boxes.values():
            if box.contains(0.5 * (extent.x0 + extent.x1), 0.5 * (extent.y0 + extent.y1)):
                inside += 1
                assert box.x0 <= extent.x0
                assert extent.x1 <= box.x1
                assert box.y0 <= extent.y0
                assert extent.y1 <= box.y1
    assert inside == len(boxes)
    ends = sorted((round(box.x0), round(box.y0), round(box.x1), round(box.y1)) for box in boxes.values())
    for i, (x0, y0, x1, y1) in enumerate(ends):
        assert not any(a0 < x1 and x0 < a1 and b0 < y1 and y0 < b1 for a0, b0, a1, b1 in ends[i + 1 :])


def test_the_frame_holds_every_number_of_the_flow():
    frame = bm.flow_frame(flow_of("with other methods"))
    words = "\n".join(frame["text"])
    assert all(f"(n = {count})" in words for count in FULL.values())
    assert "MEDLINE (Ovid) (n = 610)" in words
    assert frame["missing"].sum() == frame["errors"].sum() == 0
    assert len(frame) == 14
    assert len(bm.flow_frame(flow_of("sarkar2026"))) == 9


def test_missing_numbers_and_faults_are_seen():
    wang = bm.flow_frame(flow_of("wang2026")).set_index("box")
    assert wang.loc["screened", "text"] == "Records screened (n = not reported)"
    assert wang.loc["assessed", "missing"] == 0
    ax = bm.plot_prisma_flow(flow_of("wang2026"))
    styles = {key: box.get_linestyle() for key, box in boxes_of(ax).items()}
    assert styles["screened"] != styles["assessed"] == "-"
    ax = bm.plot_prisma_flow(flow_of("does not add up"))
    boxes = boxes_of(ax)
    assert boxes["screened"].get_linewidth() > boxes["excluded"].get_linewidth()
    (warning,) = [text for text in ax.figure.texts if text.get_label() == "_warning"]
    assert "Does not add up" in warning.get_text()


def test_given_axes_are_used_and_too_small_ones_refused():
    figure, ax = plt.subplots(figsize=(6.0, 6.5), layout="constrained")
    assert bm.plot_prisma_flow(flow_of("wang2026"), ax=ax) is ax
    check_figure(figure)
    _, small = plt.subplots(figsize=(2.0, 1.0))
    with pytest.raises(bm.SpecError, match="give larger Axes"):
        bm.plot_prisma_flow(flow_of("wang2026"), ax=small)
    with pytest.raises(bm.SpecError, match="takes a flow"):
        bm.plot_prisma_flow({"screened": 3})
