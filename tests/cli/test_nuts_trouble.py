"""What does the shell say of a sampled fit that is not fit for use?"""

import sys

OPTIONS = "fit pritz1997 --engine nuts --sampler nutpie --draws 20 --tune 100 --chains 1 --seed 1"


def test_the_shell_samples_without_nutpie_and_names_every_trouble(run, monkeypatch):
    """One chain, too few draws, and nutpie asked for but absent."""
    monkeypatch.setitem(sys.modules, "nutpie", None)
    result = run(*OPTIONS.split())
    assert result.exit_code == 1
    assert result.stdout.startswith("Posterior by PyMC's NUTS, k = 14, 1 chains of 20 draws, seed 1")
    assert {line.partition(":")[0] for line in result.stderr.splitlines()} == {"data", "model", "note"}
    assert "sampled by PyMC's NUTS, because nutpie is not installed" in result.stderr
    assert all(letter.isprintable() or letter == "\n" for letter in result.stdout + result.stderr)
    for text in (" ".join(result.stdout.split()), result.stderr):
        assert "NOT RELIABLE: only one chain: R-hat cannot be computed" in text
        assert "too few draws; take more draws (draws=" in text
