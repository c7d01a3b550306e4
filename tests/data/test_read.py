import numpy as np
import pytest

from bayesmeta.data.read import check_csv, parse_csv, read_csv, read_studies
from bayesmeta.errors import BayesmetaError, DataError

GOOD = "study,events,n\nLee 2019,3,10\nKim 2020,4,9\n"


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        path = tmp_path / "data.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


def test_a_plain_file_is_read_with_the_lines_of_the_file_as_index(write):
    df = read_csv(write(GOOD))
    assert df.index.name == "line"
    assert df.index.tolist() == [2, 3]
    assert df["n"].tolist() == [10, 9]
    assert df["n"].dtype == np.int64


@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode("utf-16"),
        ("sep=;\r\n" + GOOD.replace(",", ";")).encode(),
        GOOD.replace(",", " , ").encode(),
        b'"study","events","n"\n"Lee 2019","3","10"\n"Kim 2020","4","9"',
        b"study,events,n,,\nLee 2019,3,10,,\nKim 2020,4,9,,\n,,,,\n,,,,\n",
        b"\n\nstudy,events,n\n\nLee 2019,3,10\n\nKim 2020,4,9\n\n",
        b'"study, year";x;events;n\nLee 2019;;3;10\nKim 2020;;4;9\n'.replace(b'"study, year"', b"study"),
    ],
    ids=[
        "BOM",
        "CRLF",
        "CR",
        "semicolons",
        "UTF-16 tabs",
        "sep=",
        "spaces",
        "quotes",
        "empty",
        "blank",
        "unused",
    ],
)
def test_the_same_studies_come_out_of_every_way_to_write_them(write, content):
    studies = read_studies(write(content))
    assert studies.study == ("Lee 2019", "Kim 2020")
    assert studies.events.tolist() == [3.0, 4.0]
    assert studies.n.tolist() == [10.0, 9.0]
    assert studies.source == "data.csv"


def test_an_export_of_a_spreadsheet_with_decimal_commas_is_read(write):
    content = "study;y;se;age\r\nFoà 2020;-0,71;0,2;54,5\r\nLee 2019;1;0,35;61\r\n".encode("utf-8-sig")
    studies = read_studies(write(content), moderators=["age"])
    assert studies.study[0] == "Foà 2020"
    assert studies.y.tolist() == [-0.71, 1.0]
    assert studies.moderators["age"].tolist() == [54.5, 61.0]


def test_the_row_names_written_by_r_are_kept_as_a_column_of_their_own(write):
    df = read_csv(write('"","study","events","n"\n"1","Lee 2019",3,10\n'))
    assert list(df.columns) == ["unnamed_1", "study", "events", "n"]


def test_labels_that_are_numbers_are_kept_as_written(write):
    content = "id,events,n\n1.10,1,2\n1.1,1,2\n007,1,2\n"
    assert read_studies(write(content), study="id").study == ("1.10", "1.1", "007")


def test_a_column_that_is_not_clean_keeps_its_cells_as_written(write):
    df = read_csv(write("study,events,p\na,3,87%\nb,x,0.5\n"))
    assert df["events"].tolist() == ["3", "x"]
    assert df["p"].tolist() == ["87%", "0.5"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; it needs a header line"),
        (" \n\n", "is empty; it needs a header line"),
        ("study,events,n\n", "has a header but no studies; add one line per study"),
        ("study,events,n\n,,\n", "has a header but no studies; add one line per study"),
        (
            "study,evnts,n\na,1,2\n",
            r"has no column 'events' \(did you mean 'evnts'\?\)\. Columns: study, evnts, n",
        ),
        ("study,n,n\na,1,2\n", ", line 1: two columns are named 'n'; rename one"),
        (
            "study,events,n\na,1,2\nb,1\n",
            r", line 3 \('b'\): 2 fields where the header has 3; add the missing",
        ),
        (
            "study,events,n\na,1,2,3\n",
            r", line 2 \('a'\): 4 fields where the header has 3; put text or a number",
        ),
        ("study,events,n\na,1\nb,1\nc,1,2\nd,1\n", r"line 2 \('a'\).* \(and so for line 3, 5\)"),
        ('study,events,n\na,1,2\n"b,1,2\nc,1,2\n', ", line 3: a quotation mark is never closed"),
        ('study,events,n\n"a"b,1,2\n', ", line 2: .* correct the quotation marks"),
        ("study,events,n\na,1,2\nb,7,5\n", ", line 3, study 'b', column 'events': events=7 > n=5"),
        ('study,events,n\n"a\nb",1,2\nc,7,5\n', ", line 4, study 'c', column 'events': events=7 > n=5"),
        ("study,events,n\na,0,0\n", "line 2, study 'a', column 'n': n=0 means no patients"),
        ("study,events,n\na,0.87,31\n", r"column 'events': '0.87' is a fraction; counts are needed.*27\.0"),
        ("study,events,n\na,87%,31\n", "column 'events': '87%' is a per cent; counts are needed"),
        ("study,events,n\na,,31\n", "column 'events': the value is missing"),
        ("study,events,n\na,NaN,31\n", "column 'events': the value is missing"),
        ("study,events,n\na,many,31\n", "column 'events': 'many' is not a number"),
        ("study,events,n\na,1,inf\n", "column 'n': 'inf' is not finite"),
        ('study,events,n\na,1,"1,234"\n', "column 'n': '1,234' has a thousands separator; write 1234"),
        (
            "study;events;n\na;1;5.000\n",
            r"column 'n': '5\.000' has a point; .*5000, if it separates thousands",
        ),
        (
            "study,events,n\na,1,2\n a ,1,3\n",
            "line 3, study 'a', column 'study': the label is also that of line 2",
        ),
        ("study,events,n\n,1,2\n", "line 2, column 'study': the label is missing"),
        ("study,events,n\na,TRUE,2\n", "'TRUE' is not a number"),
        ("study,events,n\na,1,9007199254740993\n", "9007199254740993' is too large for a count"),
        (
            "study;events;n;a;b\na;1;2;1,5;1.5\n",
            "decimals with a comma in column 'a' and with a point in column 'b'",
        ),
        (b"%PDF-1.4", "is a PDF, not a CSV file"),
    ],
)
def test_bad_input_is_one_line_that_says_where_and_what_to_do(write, content, message):
    with pytest.raises(DataError, match=rf"^data\.csv,? ?(?s:.*){message}") as error:
        read_studies(write(content))
    assert "\n" not in str(error.value)


def test_one_column_for_two_roles_is_refused_with_the_file(write):
    with pytest.raises(DataError, match=r"^data\.csv: column 'n' is named for both events and n"):
        read_studies(write(GOOD), events="n", n="n")


def test_bad_rows_can_be_left_out_and_are_listed_by_line(write):
    studies = read_studies(write("study,events,n\na,1,2\nb,7,5\nc,x,5\n"), on_bad="drop")
    assert studies.study == ("a",)
    assert studies.dropped["row"].tolist() == [3, 4]


def test_check_lists_every_problem_by_line(write):
    found = check_csv(write("study,events,n\na,1,2\nb,0.5,7%\na,x,5\n"))
    assert found[["row", "study", "column"]].values.tolist() == [
        [3, "b", "events"],
        [3, "b", "n"],
        [4, "a", "events"],
        [4, "a", "study"],
    ]


def test_lines_survive_a_selection_of_rows():
    df = parse_csv(b"study,events,n\na,1,2\nb,1,2\nc,3,2\n", "f.csv")
    assert df[df["events"] > 1].index.tolist() == [4]


def test_a_file_is_given_by_its_path():
    with pytest.raises(DataError, match="given by its path, not as list"):
        read_csv(["a.csv"])


def test_no_damaged_file_ends_in_another_error_than_a_data_error(write):
    rng = np.random.default_rng(1)
    alphabet = np.frombuffer('a,;\t"\n\r0.5%-\u00e0='.encode(), dtype=np.uint8)
    outcomes = set()
    for _ in range(2000):
        data = bytearray(GOOD.encode())
        for at in rng.integers(0, len(data), size=rng.integers(1, 8)):
            data[at] = rng.choice(alphabet)
        try:
            read_studies(write(bytes(data)), on_bad=str(rng.choice(["raise", "drop"])))
            outcomes.add("read")
        except BayesmetaError as error:
            assert "\n" not in str(error)  # noqa: PT017
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_cells_of_both_arms_stay_as_written_and_a_moderator_is_read_as_a_number(tmp_path):
    path = tmp_path / "arms.csv"
    path.write_text('study,r1,m1,r2,m2,time\na,1,"1,234",2,40,0.5\nb,3,50,4,60,1.5\n')
    roles = {"events": ("r1", "r2"), "n": ("m1", "m2"), "moderators": ["time"]}
    assert check_csv(path, **roles)["problem"].tolist() == ["'1,234' has a thousands separator; write 1234"]
    studies = read_studies(path, on_bad="drop", **roles)
    assert studies.kind == "two-arm-counts"
    assert studies.moderators["time"].tolist() == [1.5]
