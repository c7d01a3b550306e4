from bayesmeta.report.prior_words import _TEMPLATES, prior_words
from bayesmeta.spec.families import PRIORS, R_BAYESMETA_PRIORS
from bayesmeta.spec.priors import Prior


def test_every_family_in_words_names_all_its_parameters():
    families = PRIORS | R_BAYESMETA_PRIORS
    assert set(R_BAYESMETA_PRIORS) <= set(_TEMPLATES)
    for name, template in _TEMPLATES.items():
        assert all(f"{{{parameter}}}" in template for parameter in families[name].main_form)
        values = [2.0 + i for i in range(len(families[name].main_form))]
        assert "{" not in prior_words(Prior(name, *values))


def test_a_family_whose_parameters_differ_between_programs_keeps_pymcs_notation():
    assert prior_words(Prior("InverseGamma", alpha=2, beta=0.5)) == (
        "InverseGamma(alpha=2, beta=0.5) in the notation of PyMC"
    )
