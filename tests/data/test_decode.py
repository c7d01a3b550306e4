import io
import zipfile

import pytest

from bayesmeta.data.decode import decode, read_bytes
from bayesmeta.errors import DataError


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_usual_encodings_of_spreadsheets_are_read(encoding):
    assert decode("study\nFoà 2020 – ü\n".encode(encoding), "f.csv") == "study\nFoà 2020 – ü\n"


def workbook():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (workbook(), "an Excel workbook or a zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"\x89PNG\r\n", "an image"),
        (b"PAR1", "a Parquet file"),
        (b"\n<!DOCTYPE html>", "a web page"),
        (b"study,events,n\nA\x00,1,2\n", "a binary file"),
        (bytes(range(256)), "a binary file"),
    ],
)
def test_other_kinds_of_file_are_named_and_an_export_is_asked_for(data, kind):
    with pytest.raises(DataError, match=f"^f.csv is {kind}, not a CSV file; export the table as CSV"):
        decode(data, "f.csv")


def test_bytes_of_no_known_encoding_are_refused():
    with pytest.raises(DataError, match="not text in UTF-8 or Windows-1252"):
        decode(b"study\nFo\x81\n", "f.csv")


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path):
    (tmp_path / "studies.csv").write_text("study\n")
    with pytest.raises(DataError, match=r"studeis\.csv does not exist\. Did you mean 'studies\.csv'\?"):
        read_bytes(tmp_path / "studeis.csv")
    with pytest.raises(DataError, match=r"x\.csv does not exist\.$"):
        read_bytes(tmp_path / "nowhere" / "x.csv")


def test_a_folder_and_an_impossible_name_are_refused(tmp_path):
    with pytest.raises(DataError, match="is a folder; give the CSV file in it"):
        read_bytes(tmp_path)
    with pytest.raises(DataError, match="is not a file name"):
        read_bytes(tmp_path / "a\0b")


def test_a_file_too_large_for_a_table_of_studies_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("bayesmeta.data.decode.LARGEST_FILE", 2**20)
    (tmp_path / "big.csv").write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(DataError, match=r"big\.csv is larger than 1 MiB"):
        read_bytes(tmp_path / "big.csv")
