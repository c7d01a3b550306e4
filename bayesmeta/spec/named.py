"""Which models come with the package, and which file is meant by a name or a path?"""

from os import PathLike, fspath
from pathlib import Path

import pandas as pd

from bayesmeta._validate import did_you_mean, unknown_name
from bayesmeta.errors import SpecError
from bayesmeta.spec.model import ModelSpec

# A wheel holds the models inside the package; a checkout has them beside it.
_PACKAGED = Path(__file__).resolve().parents[1] / "_models"
_CHECKOUT = Path(__file__).resolve().parents[2] / "models"


def list_models() -> pd.DataFrame:
    """List the models that come with the package.

    Returns
    -------
    DataFrame
        One row per model, with columns `name` (what `load_model` takes), `likelihood`, `mu`, `tau` (the
        priors as text; no tau where all studies share one effect) and `title`.
    """
    columns = ["name", "likelihood", "mu", "tau", "title"]
    rows = []
    for name, path in _shipped().items():
        spec = ModelSpec.from_toml(path)
        rows.append((name, spec.likelihood, str(spec.mu), str(spec.tau) if spec.has_tau else "", spec.title))
    return pd.DataFrame(rows, columns=columns)


def load_model(name_or_path: str | PathLike[str]) -> ModelSpec:
    """Read a model: the user's own file if there is one of that path, else the package's model of that name.

    Parameters
    ----------
    name_or_path : str or path-like
        For example ``"binomial-normal"`` or ``"my-model.toml"``.

    Returns
    -------
    ModelSpec
        Its `source` holds the path and the SHA-256 of the file that was read.

    Raises
    ------
    SpecError
        If there is no such file or name, or the file is no model.

    Examples
    --------
    >>> print(load_model("binomial-normal").tau)
    HalfNormal(sigma=1)
    """
    return ModelSpec.from_toml(model_path(name_or_path))


def model_path(name_or_path: str | PathLike[str]) -> Path:
    """Return the file that `load_model` reads.

    Raises
    ------
    SpecError
        If a path does not exist, or a name is unknown: the nearest name and all names.
    """
    if not isinstance(name_or_path, str | PathLike):
        raise SpecError(f"a model is given by name or path, not by {type(name_or_path).__name__}.")
    given = fspath(name_or_path)
    own = Path(given)
    if own.is_file():
        return own
    shipped = _shipped()
    if isinstance(name_or_path, str) and given in shipped:
        return shipped[given]
    if not isinstance(name_or_path, str) or own.suffix or own.name != given:
        raise SpecError(
            f"the model file {given!r} does not exist.{did_you_mean(own.stem, shipped)} "
            f"Models by name: {', '.join(shipped)}."
        )
    raise SpecError(unknown_name("model", given, shipped))


def _shipped() -> dict[str, Path]:
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
