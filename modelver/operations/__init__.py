"""The use cases: plain arguments in, a frozen result out. Nothing here prints, asks, or reads the environment."""
