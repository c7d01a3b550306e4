"""What the review itself did: audit of printed results, flow of records, quality of studies."""

"""What did the review itself do: its search, the quality of its studies, what it took from them?"""
