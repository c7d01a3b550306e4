"""What text do the bytes of a file hold, or what kind of file is it instead?"""

from pathlib import Path

from bayesmeta._validate import did_you_mean
from bayesmeta.errors import DataError

LARGEST_FILE = 64 * 2**20
"""In bytes. A table of studies is a thousand times smaller; a larger file is another one, or a device."""

_EXPORT = "export the table as CSV and give that file"

_SIGNATURES = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "a rich-text document"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
)
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_TEXT_CONTROLS = frozenset(b"\t\n\v\f\r\x1a")


def read_bytes(path: Path) -> bytes:
    """Return the content of a file.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    DataError
        If it is missing (the nearest name there is given), a folder, too large, or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except IsADirectoryError:
        raise DataError(f"{path} is a folder; give the CSV file in it.") from None
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.{_nearest(path)}") from None
    except OSError as error:
        if path.is_dir():  # Windows reports a folder as one that may not be opened
            raise DataError(f"{path} is a folder; give the CSV file in it.") from None
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError:
        raise DataError(f"{str(path)!r} is not a file name.") from None
    if len(data) > LARGEST_FILE:
        raise DataError(f"{path} is larger than {LARGEST_FILE // 2**20} MiB, which no table of studies is.")
    return data


def decode(data: bytes, source: str) -> str:
    """Return the text of a CSV file.

    Parameters
    ----------
    data : bytes
        The file's content: UTF-8, or UTF-16 with its mark, or else Windows-1252.
    source : str
        The file's name, for messages.

    Returns
    -------
    str
        The text, without a byte order mark.

    Raises
    ------
    DataError
        If the content is not text.
    """
    start = data[:16].lstrip().lower()
    for signature, kind in _SIGNATURES:
        if start.startswith(signature.lower()):
            raise DataError(f"{source} is {kind}, not a CSV file; {_EXPORT}.")
    encodings = [encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)]
    if not encodings and any(byte < 32 and byte not in _TEXT_CONTROLS for byte in set(data)):
        raise DataError(f"{source} is a binary file, not a CSV file; {_EXPORT}.")
    for encoding in encodings or ["utf-8", "cp1252"]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{source} is not text in UTF-8 or Windows-1252; {_EXPORT}, in UTF-8.")


def _nearest(path: Path) -> str:
    try:
        return did_you_mean(path.name, [entry.name for entry in path.parent.iterdir()])
    except OSError:
        return ""
