"""How is the package used from a shell? Commands that call it and print; no statistics are here."""
