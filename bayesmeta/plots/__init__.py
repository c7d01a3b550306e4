"""How is an answer drawn? Each figure is a function with a twin that returns the frame it draws."""
