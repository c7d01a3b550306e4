"""Which papers does a text cite?"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, final


@final
@dataclass(frozen=True)
class Reference:
    """One paper.

    Attributes
    ----------
    citation : str
        How it is cited in a sentence; different for every paper.
    entry : str
        How it stands in the list of references, with its DOI.
    """

    citation: str
    entry: str


REFERENCES: Final = MappingProxyType(
    {
        "abrilpla2023": Reference(
            "Abril-Pla et al. 2023",
            "Abril-Pla O, Andreani V, Carroll C, et al. PyMC: a modern, and comprehensive probabilistic programming "
            "framework in Python. PeerJ Computer Science 2023;9:e1516. doi:10.7717/peerj-cs.1516",
        ),
        "baker2008": Reference(
            "Baker and Jackson 2008",
            "Baker R, Jackson D. A new approach to outliers in meta-analysis. Health Care Management Science "
            "2008;11:121-131. doi:10.1007/s10729-007-9041-8",
        ),
        "clopper1934": Reference(
            "Clopper and Pearson 1934",
            "Clopper CJ, Pearson ES. The use of confidence or fiducial limits illustrated in the case of the binomial. "
            "Biometrika 1934;26:404-413. doi:10.1093/biomet/26.4.404",
        ),
        "cochran1954": Reference(
            "Cochran 1954",
            "Cochran WG. The combination of estimates from different experiments. Biometrics 1954;10:101-129. "
            "doi:10.2307/3001666",
        ),
        "dersimonian1986": Reference(
            "DerSimonian and Laird 1986",
            "DerSimonian R, Laird N. Meta-analysis in clinical trials. Controlled Clinical Trials 1986;7:177-188. "
            "doi:10.1016/0197-2456(86)90046-2",
        ),
        "hardy1996": Reference(
            "Hardy and Thompson 1996",
            "Hardy RJ, Thompson SG. A likelihood approach to meta-analysis with random effects. Statistics in "
            "Medicine 1996;15:619-629. doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A",
        ),
        "hartung2001": Reference(
            "Hartung and Knapp 2001",
            "Hartung J, Knapp G. A refined method for the meta-analysis of controlled clinical trials with "
            "binary outcome. Statistics in Medicine 2001;20:3875-3889. doi:10.1002/sim.1009",
        ),
        "henmi2010": Reference(
            "Henmi and Copas 2010",
            "Henmi M, Copas JB. Confidence intervals for random effects meta-analysis and robustness to "
            "publication bias. Statistics in Medicine 2010;29:2969-2983. doi:10.1002/sim.4029",
        ),
        "higgins2002": Reference(
            "Higgins and Thompson 2002",
            "Higgins JPT, Thompson SG. Quantifying heterogeneity in a meta-analysis. Statistics in Medicine "
            "2002;21:1539-1558. doi:10.1002/sim.1186",
        ),
        "higgins2009": Reference(
            "Higgins et al. 2009",
            "Higgins JPT, Thompson SG, Spiegelhalter DJ. A re-evaluation of random-effects meta-analysis. Journal of "
            "the Royal Statistical Society Series A 2009;172:137-159. doi:10.1111/j.1467-985X.2008.00552.x",
        ),
        "hoffman2014": Reference(
            "Hoffman and Gelman 2014",
            "Hoffman MD, Gelman A. The No-U-Turn Sampler: adaptively setting path lengths in Hamiltonian Monte Carlo. "
            "Journal of Machine Learning Research 2014;15:1593-1623. doi:10.48550/arXiv.1111.4246",
        ),
        "ibrahim2000": Reference(
            "Ibrahim and Chen 2000",
            "Ibrahim JG, Chen MH. Power prior distributions for regression models. Statistical Science 2000;15:46-60. "
            "doi:10.1214/ss/1009212673",
        ),
        "knapp2003": Reference(
            "Knapp and Hartung 2003",
            "Knapp G, Hartung J. Improved tests for a random effects meta-regression with a single covariate. "
            "Statistics in Medicine 2003;22:2693-2710. doi:10.1002/sim.1482",
        ),
        "kruschke2021": Reference(
            "Kruschke 2021",
            "Kruschke JK. Bayesian analysis reporting guidelines. Nature Human Behaviour 2021;5:1282-1291. "
            "doi:10.1038/s41562-021-01177-7",
        ),
        "kuss2015": Reference(
            "Kuss 2015",
            "Kuss O. Statistical methods for meta-analyses including information from studies without any events: add "
            "nothing to nothing and succeed nevertheless. Statistics in Medicine 2015;34:1097-1116. "
            "doi:10.1002/sim.6383",
        ),
        "lee2008": Reference(
            "Lee and Thompson 2008",
            "Lee KJ, Thompson SG. Flexible parametric models for random-effects distributions. Statistics in Medicine "
            "2008;27:418-434. doi:10.1002/sim.2897",
        ),
        "page2021": Reference(
            "Page et al. 2021",
            "Page MJ, McKenzie JE, Bossuyt PM, et al. The PRISMA 2020 statement: an updated guideline for reporting "
            "systematic reviews. BMJ 2021;372:n71. doi:10.1136/bmj.n71",
        ),
        "rover2020": Reference(
            "Röver 2020",
            "Röver C. Bayesian random-effects meta-analysis using the bayesmeta R package. Journal of Statistical "
            "Software 2020;93(6):1-51. doi:10.18637/jss.v093.i06",
        ),
        "sterne2011": Reference(
            "Sterne et al. 2011",
            "Sterne JAC, Sutton AJ, Ioannidis JPA, et al. Recommendations for examining and interpreting funnel plot "
            "asymmetry in meta-analyses of randomised controlled trials. BMJ 2011;343:d4002. doi:10.1136/bmj.d4002",
        ),
        "stijnen2010": Reference(
            "Stijnen et al. 2010",
            "Stijnen T, Hamza TH, Özdemir P. Random effects meta-analysis of event outcome in the framework of the "
            "generalized linear mixed model with applications in sparse data. Statistics in Medicine "
            "2010;29:3046-3067. doi:10.1002/sim.4040",
        ),
        "vehtari2021": Reference(
            "Vehtari et al. 2021",
            "Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner PC. Rank-normalization, folding, and localization: "
            "an improved R-hat for assessing convergence of MCMC. Bayesian Analysis 2021;16:667-718. "
            "doi:10.1214/20-BA1221",
        ),
    }
)
"""The papers by key, in alphabetical order."""


def cite(*keys: str) -> str:
    """Return the citation of papers, in parentheses.

    Examples
    --------
    >>> cite("cochran1954", "higgins2002")
    '(Cochran 1954; Higgins and Thompson 2002)'
    """
    return f"({'; '.join(REFERENCES[key].citation for key in keys)})"


def cited_in(text: str) -> list[str]:
    """Return the entries of all papers that a text cites, in alphabetical order.

    Examples
    --------
    >>> [entry[:20] for entry in cited_in("We used Q (Cochran 1954).")]
    ['Cochran WG. The comb']
    """
    return [reference.entry for reference in REFERENCES.values() if reference.citation in text]
