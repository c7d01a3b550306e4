"""What the review itself did: audit of printed results, flow of records, quality of studies."""
