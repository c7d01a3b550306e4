import io
import json

import pandas as pd

from bayesmeta.data.datasets import list_datasets


def test_the_table_lists_every_data_set_with_its_source(run):
    result = run("datasets")
    assert result.exit_code == 0
    words = " ".join(result.stdout.split())
    for row in list_datasets().itertuples():
        assert row.name in words
        assert row.source in words
        assert row.licence in words
    assert result.stderr == ""


def test_json_and_csv_hold_the_list_of_python(run):
    table = list_datasets()
    records = json.loads(run("datasets", "--format", "json").stdout)
    assert [record["name"] for record in records] == table["name"].tolist()
    assert list(records[0]) == list(table.columns)
    assert records[0]["k"] == 14
    csv = pd.read_csv(io.StringIO(run("datasets", "--format", "csv").stdout)).astype({"k": "Int64"})
    pd.testing.assert_frame_equal(csv, table, check_dtype=False)


def test_no_line_is_wider_than_a_screen(run):
    assert max(map(len, run("datasets").stdout.splitlines())) <= 100
