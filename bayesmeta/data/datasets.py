"""Which data sets come with the package, and where do their numbers come from?"""

from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import final

import pandas as pd

from bayesmeta._validate import unknown_name
from bayesmeta.data.read import parse_csv
from bayesmeta.errors import SpecError

_FACTS = "facts from published tables"
_METADAT = f"{_FACTS}; also distributed in R's metadat package"
_WANG = "Wang et al. (2026), Oncology Letters, doi 10.3892/ol.2026.15552"
_PRINTED = f"{_FACTS}, as printed"
_RECOVERED = f"{_FACTS}; counts partly reconstructed from printed pooled figures, see the column status"
_COMPARATIVE = "studies of Sarkar and Biswas (2026), AMMS Journal; each row's paper is in the column publication"
_VERIFIED = f"{_FACTS} and abstracts; column status: verified, or derived from such numbers"


@final
@dataclass(frozen=True)
class Dataset:
    """One bundled data set.

    Attributes
    ----------
    name : str
        What `load_dataset` takes.
    k : int or None
        Number of named studies; None if rows are not about single studies.
    rows : int
        Number of rows.
    description : str
        What the rows hold.
    source : str
        The publication.
    licence : str
        What kind of material it is, and how it can be used.
    """

    name: str
    k: int | None
    rows: int
    description: str
    source: str
    licence: str


DATASETS = MappingProxyType(
    {
        record.name: record
        for record in (
            Dataset(
                "pritz1997",
                14,
                14,
                "patients with vasospasm who improved under hyperdynamic therapy, in two studies all",
                "Zhou, Brizendine and Pritz (1999), Statistics in Medicine 18, 557-566; Pritz (1997), "
                "Neurosurgery Quarterly 7, 273-285",
                _METADAT,
            ),
            Dataset(
                "debruin2009",
                13,
                13,
                "patients with undetectable viral load under standard care, with moderators",
                "de Bruin et al. (2009), Health Psychology 28, 668-674, doi 10.1037/a0015989",
                _METADAT,
            ),
            Dataset(
                "crisafulli2020",
                26,
                26,
                "birth prevalence of Duchenne muscular dystrophy: rare events",
                "Crisafulli et al. (2020), Orphanet Journal of Rare Diseases 15, 141, doi 10.1186/s13023-020-01430-8",
                _METADAT,
            ),
            Dataset(
                "blinatumomab_cr",
                10,
                10,
                "complete remission under blinatumomab, ready to fit, with the covariates of the subgroups",
                _WANG,
                _RECOVERED,
            ),
            Dataset("blinatumomab_outcomes", 11, 124, "events and n by outcome and study", _WANG, _RECOVERED),
            Dataset("blinatumomab_studies", 11, 11, "covariates of the studies (Table I)", _WANG, _PRINTED),
            Dataset(
                "blinatumomab_published_results",
                None,
                36,
                "every printed pooled figure by outcome and subgroup",
                _WANG,
                _PRINTED,
            ),
            Dataset("blinatumomab_quality", 11, 11, "NOS and MINORS quality scores (Table II)", _WANG, _PRINTED),
            Dataset(
                "blinatumomab_adverse_events",
                None,
                34,
                "pooled adverse events by grade (Table III)",
                _WANG,
                _PRINTED,
            ),
            Dataset("blinatumomab_ongoing_trials", None, 20, "ongoing trials (Table IV)", _WANG, _PRINTED),
            Dataset(
                "blinatumomab_tower",
                None,
                12,
                "adverse events beside the TOWER trial's (Table V)",
                _WANG,
                _PRINTED,
            ),
            Dataset(
                "blinatumomab_publication_bias",
                None,
                4,
                "P-values of the Egger and Begg tests",
                _WANG,
                _PRINTED,
            ),
            Dataset(
                "blinatumomab_prisma",
                None,
                19,
                "PRISMA flow of both reviews",
                f"{_WANG}; Sarkar and Biswas (2026), AMMS Journal",
                _PRINTED,
            ),
            Dataset(
                "blinatumomab_comparative_effects",
                6,
                13,
                "hazard ratios against chemotherapy; pool preferred = 1 within one setting",
                _COMPARATIVE,
                _VERIFIED,
            ),
            Dataset(
                "blinatumomab_comparative_binary",
                3,
                36,
                "events and n per arm, by endpoint",
                _COMPARATIVE,
                _VERIFIED,
            ),
            Dataset(
                "blinatumomab_comparative_landmarks",
                7,
                30,
                "survival at landmarks, medians and rates, by endpoint",
                _COMPARATIVE,
                _VERIFIED,
            ),
            Dataset(
                "blinatumomab_singlearm",
                7,
                28,
                "single-arm results by endpoint, for context",
                _COMPARATIVE,
                _VERIFIED,
            ),
            Dataset(
                "blinatumomab_extraction",
                13,
                172,
                "the four tables above in one of long form, for read_extraction",
                _COMPARATIVE,
                _VERIFIED,
            ),
        )
    }
)
"""The bundled data sets by name."""


def list_datasets() -> pd.DataFrame:
    """Return the bundled data sets, one a row.

    Returns
    -------
    pandas.DataFrame
        Columns ``name``, ``k`` (named studies; missing where rows are not about single studies), ``rows``,
        ``description``, ``source``, ``licence``.

    Examples
    --------
    >>> list_datasets()["name"].tolist()[:3]
    ['pritz1997', 'debruin2009', 'crisafulli2020']
    """
    frame = pd.DataFrame([vars(record) for record in DATASETS.values()])
    return frame.astype({"k": "Int64"})


def load_dataset(name: str) -> pd.DataFrame:
    """Return a bundled data set.

    Parameters
    ----------
    name : str
        One of the names in `list_datasets`.

    Returns
    -------
    pandas.DataFrame
        A fresh copy, rows numbered from 0.

    Raises
    ------
    SpecError
        If there is no data set of this name; the message names the nearest.

    Examples
    --------
    >>> load_dataset("blinatumomab_cr")[["study", "events", "n", "status"]].head(2)
                              study  events   n                status
    0  Jabbour 2023 (mini-HCVD+INO)      29  31  reconstructed-unique
    1                      Foa 2020      62  63  reconstructed-unique
    """
    if not isinstance(name, str) or name not in DATASETS:
        raise SpecError(unknown_name("data set", name, DATASETS))
    data = files("bayesmeta.data").joinpath("tables", f"{name}.csv").read_bytes()
    return parse_csv(data, f"{name}.csv").reset_index(drop=True)
