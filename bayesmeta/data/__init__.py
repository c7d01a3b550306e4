"""Which studies are there: reading, checking, the `Studies` record, and the bundled datasets."""
