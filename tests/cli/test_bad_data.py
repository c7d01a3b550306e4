"""Is every kind of unusable data refused in one line that names the place, with nothing printed?"""

from pathlib import Path

import pytest

HEADER = "study,events,n\n"
GOOD = f"{HEADER}Lee 2019,3,10\nKim 2020,5,9\n"

REFUSED = {
    "missing column": ("study,event,n\nLee 2019,3,10\n", ["'events'", "did you mean 'event'"]),
    "more events than n": (f"{HEADER}Lee 2019,7,5\n", ["line 2", "'Lee 2019'", "'events'", "events=7 > n=5"]),
    "no patients": (f"{HEADER}Lee 2019,0,0\n", ["line 2", "'Lee 2019'", "'n'", "n must be 1 or more"]),
    "negative n": (f"{HEADER}Lee 2019,0,-5\n", ["line 2", "'Lee 2019'", "'n'", "negative"]),
    "fraction": (f"{HEADER}Lee 2019,0.87,30\n", ["line 2", "'Lee 2019'", "counts are needed"]),
    "per cent": (f"{HEADER}Lee 2019,87%,30\n", ["line 2", "'Lee 2019'", "per cent", "counts are needed"]),
    "nan": (f"{HEADER}Lee 2019,NaN,30\n", ["line 2", "'Lee 2019'", "missing"]),
    "missing cell": (f"{HEADER}Lee 2019,,30\n", ["line 2", "'Lee 2019'", "missing"]),
    "text": (f"{HEADER}Lee 2019,seven,30\n", ["line 2", "'Lee 2019'", "'seven' is not a number"]),
    "two numbers": (f"{HEADER}Lee 2019,7/30,30\n", ["line 2", "two numbers"]),
    "infinite": (f"{HEADER}Lee 2019,inf,30\n", ["line 2", "'Lee 2019'", "not finite"]),
    "thousands": (
        f'{HEADER}Lee 2019,"1,234",3000\n',
        ["line 2", "'Lee 2019'", "thousands separator", "1234"],
    ),
    "duplicate": (f"{HEADER}Lee 2019,3,10\nLee 2019,4,10\n", ["line 3", "'Lee 2019'", "line 2", "distinct"]),
    "no label": (f"{HEADER},3,10\n", ["line 2", "'study'", "label is missing"]),
    "ragged": (f"{HEADER}Lee 2019,1,234,3000\n", ["line 2", "4 fields where the header has 3"]),
    "empty": ("", ["is empty"]),
    "header only": (HEADER, ["has a header but no studies"]),
    "open quotation": (f'{HEADER}"Lee 2019,3,10\n', ["quotation mark"]),
    "binary": ("\x00\x01\x02\x03", ["binary file"]),
    "workbook": ("PK\x03\x04 etc", ["Excel workbook"]),
    "no header": ("Lee 2019,3,10\nKim 2020,5,9\n", ["header line missing"]),
}


@pytest.mark.parametrize("engine", ["exact", "frequentist"])
@pytest.mark.parametrize("kind", REFUSED)
def test_it_is_refused_and_the_place_is_named(refused, kind, engine):
    text, parts = REFUSED[kind]
    Path("data.csv").write_bytes(text.encode())
    message = refused("fit", "data.csv", "--engine", engine)
    assert "data.csv" in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_a_real_process_says_the_same_without_a_traceback(shell, kind):
    text, parts = REFUSED[kind]
    Path("data.csv").write_bytes(text.encode())
    done = shell("fit", "data.csv")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert all(part in done.stderr for part in parts)


def test_the_message_counts_the_other_problems_and_names_the_command_that_lists_them(refused):
    Path("data.csv").write_text(f"{HEADER}A,7,5\nB,x,4\n")
    message = refused("fit", "data.csv")
    assert "1 of 2 problems" in message
    assert "`bayesmeta check`" in message


def test_a_folder_or_a_missing_file_is_refused(refused):
    Path("folder").mkdir()
    assert "is a folder" in refused("fit", "folder")
    assert "does not exist" in refused("fit", "nothing.csv")
    assert "does not exist" in refused("check", "folder/nothing.csv")


def test_dropping_every_row_is_refused(refused):
    Path("data.csv").write_text(f"{HEADER}A,7,5\n")
    assert "no good row" in refused("fit", "data.csv", "--on-bad", "drop")


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + GOOD.replace(",", ";").encode(),
        GOOD.replace(",", ";").replace("\n", "\r\n").encode(),
        GOOD.replace(",", "\t").encode("utf-16"),
        b"sep=;\r\n" + GOOD.replace(",", ";").encode(),
        GOOD.replace("Lee", "Lef\xe8vre").encode("cp1252"),
        f"{GOOD}\n,,\n".encode(),
    ],
    ids=["bom and semicolons", "semicolons", "utf-16 and tabs", "sep=", "cp1252", "blank lines"],
)
def test_what_excel_exports_is_read_as_it_was_meant(run, data):
    Path("plain.csv").write_text(GOOD)
    Path("data.csv").write_bytes(data)
    result = run("fit", "data.csv", "--format", "json")
    assert result.exit_code == 0
    assert result.stdout == run("fit", "plain.csv", "--format", "json").stdout
