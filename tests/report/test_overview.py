from bayesmeta.report.overview import overview


def test_every_fit_is_shown_with_the_numbers_of_the_figure(results):
    words = overview(results()).split("\n")
    assert words[0] == "Response"
    assert any("p_median" in line and "59.4 (24.8–87.9)" in line and line.endswith("CrI") for line in words)
    assert any("DerSimonian-Laird, logit" in line and line.endswith("PI") for line in words)


def test_a_problem_stands_before_the_numbers(results, nuts_without_sampling):
    nuts_without_sampling(apart=1.0)
    text = overview(results(("[engines.exact]", "[engines.nuts]")))
    assert text.index("NOT RELIABLE") < text.index("p_median")


def test_titles_and_notes_are_safe_to_print(results):
    text = overview(results(('title = "Response"', 'title = "a\\u001b[31mb"\nnotes = ["c\\u001b[31md"]')))
    assert "\x1b" not in text
