"""What does the shell say of a sampled fit that is not fit for use?"""

import subprocess
import sys

OPTIONS = "fit pritz1997 --engine nuts --sampler nutpie --draws 20 --tune 100 --chains 1 --seed 1"


def test_the_shell_samples_without_nutpie_and_names_every_trouble():
    """In a process of its own: one chain, too few draws, and nutpie asked for but absent."""
    script = (
        "import sys; sys.modules['nutpie'] = None; from bayesmeta.cli.main import main\n"
        f"sys.argv[1:] = {OPTIONS.split()}\nmain()"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout.startswith("Posterior by PyMC's NUTS, k = 14, 1 chains of 20 draws, seed 1")
    assert {line.partition(":")[0] for line in result.stderr.splitlines()} == {"data", "model", "note"}
    assert "sampled by PyMC's NUTS, because nutpie is not installed" in result.stderr
    assert all(letter.isprintable() or letter == "\n" for letter in result.stdout + result.stderr)
    for text in (" ".join(result.stdout.split()), result.stderr):
        assert "NOT RELIABLE: only one chain: R-hat cannot be computed" in text
        assert "too few draws; take more draws (draws=" in text
