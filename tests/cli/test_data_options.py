from pathlib import Path

import pytest

from bayesmeta.cli.data_options import bundled
from bayesmeta.data.datasets import load_dataset
from bayesmeta.errors import DataError


def test_a_name_is_a_data_set_unless_there_is_such_a_file():
    assert bundled("pritz1997").equals(load_dataset("pritz1997"))
    Path("pritz1997").write_text("study,events,n\nA,1,2\n")
    assert bundled("pritz1997") is None


@pytest.mark.parametrize(
    ("given", "meant"),
    [("Trials", "trials.csv"), ("pritz97", "pritz1997"), ("debruin", "debruin2009"), ("pritz", "pritz1997")],
)
def test_a_near_name_is_suggested(given, meant):
    Path("trials.csv").write_text("study,events,n\n")
    with pytest.raises(DataError, match=f"'{given}' is neither a file .* Did you mean '{meant}'\\? See"):
        bundled(given)


@pytest.mark.parametrize("given", ["data", "tray", "responses", "mine", "cr", "studies"])
def test_a_name_that_is_like_none_gets_no_suggestion(given):
    for name in ("trials.csv", "dta2024.csv", "sites.csv"):
        Path(name).write_text("study,events,n\n")
    with pytest.raises(DataError, match="See `bayesmeta datasets`") as caught:
        bundled(given)
    assert "mean" not in str(caught.value)
