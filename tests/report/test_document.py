import pytest

from bayesmeta.report.document import methods_text, report_text
from bayesmeta.report.files import file_list

SUBGROUPS = ("[output]", '[subgroups]\nby = ["kind"]\n[output]')
NUTS = ("[engines.exact]", "[engines.exact]\n[engines.nuts]")


@pytest.fixture
def report(results):
    def call(*changes, **data):
        found = results(*changes, **data)
        return report_text(found, file_list(found))

    return call


def test_the_sections_stand_in_the_order_of_a_readers_questions(report):
    headings = [line for line in report(SUBGROUPS).splitlines() if line.startswith(("# ", "## "))]
    assert headings == [
        "# Response", "## Result", "## Estimates side by side", "## Subgroups", "## Leaving studies out",
        "## Small studies", "## Data", "## Notes", "## Methods", "## References", "## Files", "## Versions and inputs",
        "## Reporting checklists",
    ]  # fmt: skip


def test_each_estimand_is_named_with_its_meaning_and_the_figure_is_shown(report):
    text = report()
    assert "| Median study (p\\_median) | 59.4 (24.8–87.9) | CrI | proportion of the median study |" in text
    assert "| Average study (p\\_mean) |" in text
    assert "| Next study (p\\_new) |" in text
    assert "](forest-170mm.png)" in text


def test_both_answers_are_explained(report):
    text = report(("[engines.frequentist]", '[engines.frequentist]\nmeasure = "PR"\nvariance = "exact-ci"'))
    assert "Bayesian model, `p_mean`: the mean over studies, each counting alike" in text
    assert "DerSimonian-Laird, raw proportion, `p_mean`: precision-weighted mean of the raw proportions" in text
    assert "Credible intervals average over what is not known of tau" in text


def test_a_single_fit_has_nothing_beside_it(report):
    assert "Estimates side by side" not in report(("[engines.frequentist]\n", ""))


def test_a_frequentist_analysis_alone_has_a_report_too(report):
    text = report(('[model]\nname = "binomial-normal"\n[engines.exact]\n', ""))
    assert "Frequentist estimate (DL, PLO), 3 studies, 19/34 events:" in text
    assert "prior" not in text


def test_labels_cannot_break_out_of_the_report(report):
    data = 'study,events,n\n"Lee|2019 <script>",7,15\n"# Kim ![x](http://e)",3,10\n'
    text = report(('title = "Response"', 'title = "A | <b>B</b>"\nnotes = ["1. <i>x</i>"]'), data=data)
    assert "| Lee\\|2019 &lt;script&gt; | 7/15 |" in text
    assert "| \\# Kim !\\[x\\](http://e) |" in text
    assert "# A \\| &lt;b&gt;B&lt;/b&gt;" in text
    assert "- 1\\. &lt;i&gt;x&lt;/i&gt;" in text
    assert "<" not in text.replace("P < 0.001", "").replace("<1e", "")


def test_left_out_rows_are_told_with_line_and_reason(report):
    data = "study,events,n\nLee 2019,7,15\nKim 2020,30,10\nAli,4,9\n"
    text = report(('file = "counts.csv"', 'file = "counts.csv"\non_bad = "drop"'), data=data)
    assert "Left out, because these rows cannot be used:\n\n- line 3, study Kim 2020: events=30 &gt; n=10" in text


def test_a_level_of_one_study_is_told_as_such(report):
    text = report(SUBGROUPS)
    assert "| kind | b | 1 | 9/9 | Bayesian model | p\\_mean |" in text
    assert "- kind = b, Bayesian model: one study: tau is known from its prior alone" in text


def test_sampling_is_told_with_diagnosis_and_verification(report, nuts_without_sampling):
    nuts_without_sampling()
    text = report(NUTS)
    assert "## Sampling\n\n4 chains of 500 draws after 1000 tuning steps, sampler pymc, seed 1." in text
    assert "- Diagnosis: no sign of trouble: R-hat" in text
    assert "| parameter | mean | sd | mcse\\_mean | ess\\_bulk | ess\\_tail | r\\_hat |" in text
    assert "sampled by the no-U-turn sampler (Hoffman and Gelman 2014) of PyMC" in text


def test_a_sampler_that_took_the_place_of_another_is_told(report, nuts_without_sampling):
    nuts_without_sampling(note="sampled by PyMC's NUTS, because nutpie is not installed")
    assert "- sampled by PyMC's NUTS, because nutpie is not installed\n" in report(NUTS)


def test_a_fit_that_failed_is_the_first_thing_said(report, nuts_without_sampling):
    nuts_without_sampling(apart=1.0)
    assert report(NUTS).splitlines()[2].startswith("> **nuts: NOT RELIABLE: ")


def test_a_replaced_prior_without_a_reason_is_told(report):
    text = report(("[engines.exact]", '[model.priors]\ntau = "HalfNormal(0.5)"\n[engines.exact]'))
    assert "HalfNormal(sigma=0.5), replaces that of the model file; no reason is given for it." in text


def test_ratios_are_told_as_ratios(report):
    text = report(
        ('file = "counts.csv"', 'file = "counts.csv"\nmeasure = "HR"'),
        ('events = "events"\nn = "n"', 'estimate = "hr"\nlower = "low"\nupper = "high"'),
        ("binomial-normal", "normal-normal"),
        data="study,hr,low,high\nLee,0.7,0.5,0.98\nKim,0.8,0.6,1.07\n",
    )
    assert "| quantity | hazard ratio, 95 % interval | kind | meaning |" in text
    assert "| Lee | 0.70 (0.50–0.98) |" in text
    assert "events" not in text


def test_the_methods_as_text_end_with_what_they_cite(results):
    text = methods_text(results())
    body, _, references = text.partition("\n\nReferences\n\n")
    assert "exact binomial likelihood" in body
    assert "\\" not in text
    assert "Each study was left out in turn." in body
    assert "tested by the methods of Egger, Deeks and Peters (Sterne et al. 2011)" in body
    assert [entry.split()[0] for entry in references.split("\n\n")] == [
        "Cochran", "DerSimonian", "Higgins", "Higgins", "Sterne", "Stijnen",
    ]  # fmt: skip


def test_methods_and_report_hold_no_path_and_no_time(report, tmp_path):
    text = report()
    assert str(tmp_path) not in text
    assert "/" not in text.partition("## Versions and inputs")[2].replace("`bayesmeta run analysis.toml`", "")
