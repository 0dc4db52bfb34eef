"""The tour in a throw-away repository: the files that it needs, and the commands that it runs."""
