from bayesmeta.report.references import REFERENCES, cite, cited_in


def test_every_reference_has_a_doi_and_a_citation_of_its_own():
    citations = [reference.citation for reference in REFERENCES.values()]
    assert len(set(citations)) == len(citations)
    assert all("doi:10." in reference.entry for reference in REFERENCES.values())
    for one in citations:
        assert not [other for other in citations if one != other and one in other]


def test_the_entries_are_in_alphabetical_order():
    authors = [reference.entry.split()[0] for reference in REFERENCES.values()]
    assert authors == sorted(authors)


def test_what_is_cited_is_listed_and_nothing_else():
    text = f"A {cite('rover2020')} and B {cite('higgins2002', 'cochran1954')}."
    assert [entry.split()[0] for entry in cited_in(text)] == ["Cochran", "Higgins", "Röver"]
