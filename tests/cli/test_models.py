import io
import json
import os
from pathlib import Path

import pandas as pd
import pytest

from bayesmeta.nuts.code import pymc_code
from bayesmeta.spec.model import ModelSpec
from bayesmeta.spec.named import list_models, load_model, model_path

NAMES = list(list_models()["name"])


def test_the_list_holds_every_model_in_every_format(run):
    table = list_models()
    shown = run("models", "list")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert max(map(len, shown.stdout.splitlines())) <= 100
    assert all(f"\n{name} " in shown.stdout for name in NAMES)
    assert json.loads(run("models", "list", "--format", "json").stdout) == table.to_dict("records")
    csv = pd.read_csv(io.StringIO(run("models", "list", "--format", "csv").stdout), keep_default_na=False)
    pd.testing.assert_frame_equal(csv, table, check_dtype=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_shown_as_it_is_with_its_place_and_hash_beside(run, name):
    result = run("models", "show", name)
    source = load_model(name).source
    assert result.exit_code == 0
    assert result.stdout_bytes == model_path(name).read_bytes()
    assert result.stderr == f"model: file {source.path}, sha256 {source.sha256}\n"
    assert run("models", "show", name, "--as", "toml").stdout == result.stdout


def test_as_pymc_the_program_is_shown(run):
    result = run("models", "show", "binomial-normal", "--as", "pymc")
    assert result.stdout == pymc_code(load_model("binomial-normal"))
    assert "sha256" in result.stderr


def test_a_file_of_ones_own_is_shown_byte_for_byte(run):
    content = "# mine\r\n" + ModelSpec(tau="HalfNormal(7)", title="für mich").to_toml()
    Path("mine.toml").write_bytes(content.encode())
    result = run("models", "show", "mine.toml")
    assert result.stdout_bytes == content.encode()
    assert result.stderr.startswith("model: file mine.toml, sha256 ")
    assert "sigma=7.0" in run("models", "show", "mine.toml", "--as", "pymc").stdout


@pytest.mark.parametrize("command", ["show", "copy"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("binomal-normal", "unknown model 'binomal-normal'. Did you mean 'binomial-normal'?"),
        ("gone.toml", "the model file 'gone.toml' does not exist."),
    ],
)
def test_an_unknown_name_gets_the_nearest(refused, command, given, message):
    assert refused("models", command, given, status=2).startswith(message)


@pytest.mark.parametrize("command", ["show", "copy"])
def test_a_file_that_is_no_model_is_refused_with_its_key(refused, command):
    Path("mine.toml").write_text(ModelSpec().to_toml().replace("likelihood", "likelyhood"))
    message = refused("models", command, "mine.toml", status=2)
    assert message.startswith("mine.toml: unknown key 'likelyhood'. Did you mean 'likelihood'?")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ([], "normal-normal.toml"),
        (["--to", "folder"], "folder/normal-normal.toml"),
        (["--to", "folder/mine.toml"], "folder/mine.toml"),
        (["--to", "mine"], "mine"),
    ],
)
def test_a_copy_is_the_same_file_and_the_only_one(run, options, place):
    Path("folder").mkdir()
    result = run("models", "copy", "normal-normal", *options)
    assert result.exit_code == 0
    assert Path(place).read_bytes() == model_path("normal-normal").read_bytes()
    assert [path for path in Path().rglob("*") if path.is_file()] == [Path(place)]
    assert str(Path(place)) in result.stdout
    assert "sha256" in result.stderr


def test_a_copy_can_be_used_as_it_says(run):
    Path("data.csv").write_text("study,events,n\nA,3,9\nB,4,8\n")
    command = run("models", "copy", "binomial-normal").stdout.split("bayesmeta ")[1].split()
    command[command.index("DATA.csv")] = "data.csv"
    assert run(*command).exit_code == 0


def test_a_copy_is_readable_like_any_new_file(run):
    Path("other").write_text("")
    run("models", "copy", "normal-normal")
    assert Path("normal-normal.toml").stat().st_mode == Path("other").stat().st_mode


def test_nothing_is_overwritten(refused):
    mine = Path("normal-normal.toml")
    mine.write_text("mine")
    for args in (["normal-normal"], ["binomial-normal", "--to", "normal-normal.toml"], ["normal-normal", "--to", "."]):
        message = refused("models", "copy", *args)
        assert message == (
            "normal-normal.toml exists already and is kept; name another file with --to, or move it away."
        )
    assert mine.read_text() == "mine"


def test_a_file_that_appears_meanwhile_is_not_overwritten(refused, monkeypatch):
    real = Path.exists
    monkeypatch.setattr(Path, "exists", lambda path, **options: path.name != "mine.toml" and real(path, **options))
    Path("mine.toml").write_text("mine")
    assert "mine.toml exists already" in refused("models", "copy", "normal-normal", "--to", "mine.toml")
    assert Path("mine.toml").read_text() == "mine"


def test_a_file_system_without_links_gets_the_file_too(run, monkeypatch):
    def no_links(path, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    assert run("models", "copy", "normal-normal").exit_code == 0
    assert os.listdir() == ["normal-normal.toml"]  # noqa: PTH208
    assert Path("normal-normal.toml").read_bytes() == model_path("normal-normal").read_bytes()


def test_a_place_that_cannot_be_written_is_said_in_one_line(refused):
    message = refused("models", "copy", "normal-normal", "--to", "no/such/mine.toml")
    assert message.startswith("no/such/mine.toml cannot be written: No such file or directory; ")


@pytest.mark.parametrize("args", [["models", "shwo"], ["models", "show"], ["models", "show", "x", "--as", "stan"]])
def test_wrong_usage_has_status_2_and_names_the_help(run, args):
    result = run(*args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--help" in result.stderr


@pytest.mark.parametrize("command", ["list", "show", "copy"])
def test_every_command_explains_itself(run, command):
    assert run("models", command, "--help").exit_code == 0
    assert f"  {command} " in run("models", "--help").stdout
