"""A study as its author writes it: read, validated, every mistake reported at once; it builds its data and methods."""
