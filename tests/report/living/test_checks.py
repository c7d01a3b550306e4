"""What the page is checked against: every end of every slider, and priors that its sliders cannot make impossible."""

import json
import re

import bayesmeta as bm
from bayesmeta.report.living.menus import menus


def test_every_slider_is_checked_at_both_ends_by_few_fits(report):
    found = re.search(r'<script type="application/json" id="living-data">(.*?)</script>', report.read_text("utf-8"))
    data = json.loads(found[1])
    seen = {
        (name, check[name][0], place, value)
        for check in data["checks"]
        for name in ("mu", "tau")
        for place, value in enumerate(check[name][1:])
    }
    for name in ("mu", "tau"):
        for entry in data["menus"][name]:
            for place, slider in enumerate(entry["sliders"]):
                is_location = slider["name"] in ("mu", "alpha") and not slider["log"]
                for end in ("start" if is_location else "low", "high"):
                    assert (name, entry["family"], place, slider[end]) in seen
    assert len(data["checks"]) == 21


def test_a_uniform_prior_of_tau_from_0_has_sliders_that_keep_it_there(ten):
    model = bm.ModelSpec("binomial", tau="Uniform(0, 5)")
    _, tau = menus(bm.fit(ten, model))
    lower, upper = tau["Uniform"]
    assert (lower.low, lower.high, upper.low, upper.high) == (0.0, 0.0, 2.5, 10.0)
