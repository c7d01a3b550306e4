"""How is a whole analysis told: from one file to tables, figures and a written account."""
