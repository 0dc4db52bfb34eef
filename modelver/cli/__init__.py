"""The command line: words in, one call of the registry, its result shown. The only room that imports Typer."""
