"""Is the right file read for a name or a path, from a checkout and from an installed wheel?"""

import shutil
from pathlib import Path

import pytest

from bayesmeta.errors import SpecError
from bayesmeta.spec import named
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.named import list_models, load_model, model_path

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(params=["checkout", "wheel"])
def shipped(request, monkeypatch, tmp_path) -> Path:
    """The folder of shipped models, in each of the two places it can be in."""
    if request.param == "checkout":
        monkeypatch.setattr(named, "_PACKAGED", tmp_path / "none")
        return MODELS
    folder = tmp_path / "site-packages" / "bayesmeta" / "_models"
    shutil.copytree(MODELS, folder)
    monkeypatch.setattr(named, "_PACKAGED", folder)
    monkeypatch.setattr(named, "_CHECKOUT", tmp_path / "none")
    return folder


def test_the_folders_are_those_of_a_wheel_and_of_the_checkout():
    assert MODELS == named._CHECKOUT
    assert MODELS.parent / "bayesmeta" / "_models" == named._PACKAGED


def test_a_name_is_found_in_the_shipped_folder(shipped):
    spec = load_model("binomial-normal")
    assert spec.name == "binomial-normal"
    assert Path(spec.source.path) == shipped / "binomial-normal.toml"
    assert len(spec.source.sha256) == 64


def test_the_list_shows_every_shipped_model(shipped):
    models = list_models()
    assert list(models.columns) == ["name", "likelihood", "mu", "tau", "title"]
    assert list(models["name"]) == sorted(path.stem for path in MODELS.glob("*.toml"))
    first = models.set_index("name").loc["binomial-normal"]
    assert first["likelihood"] == "binomial"
    assert first["tau"] == "HalfNormal(sigma=1)"
    for name in models["name"]:
        assert load_model(name).title in set(models["title"])


@pytest.mark.parametrize("file_name", ["binomial-normal", "mine.toml", "folder/mine.toml"])
def test_a_path_of_the_users_own_wins(file_name, shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path(file_name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(ModelSpec(tau="HalfNormal(7)").to_toml(), "utf-8")
    for given in (file_name, path, str(path.absolute())):
        spec = load_model(given)
        assert spec.tau.parameters["sigma"] == 7
        assert Path(spec.source.path).absolute() == path.absolute()


def test_a_folder_of_that_name_is_no_model(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("binomial-normal").mkdir()
    assert model_path("binomial-normal") == shipped / "binomial-normal.toml"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "binomal-normal",
            "unknown model 'binomal-normal'. Did you mean 'binomial-normal'? Allowed: beta-binomial, ",
        ),
        ("", "unknown model ''. Allowed: beta-binomial, "),
        (
            "binomial-normal.toml",
            "the model file 'binomial-normal.toml' does not exist. Did you mean 'binomial-normal'?",
        ),
        ("no/such/model", "the model file 'no/such/model' does not exist. Models by name: beta-binomial, "),
        (Path("gone"), "the model file 'gone' does not exist."),
        ("../binomial-normal", "the model file '../binomial-normal' does not exist."),
        ("a\0b", "unknown model"),
        (3, "a model is given by name or path, not by int."),
        (None, "a model is given by name or path, not by NoneType."),
    ],
)
def test_what_is_not_there_is_said_in_one_line(given, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError) as caught:
        load_model(given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_model_is_named(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("schema = 1\nlikelihood = 'binomial'\n", "utf-8")
    with pytest.raises(SpecError, match=r"mine\.toml: the key 'priors' is missing"):
        load_model(path)
