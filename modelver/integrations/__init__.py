"""What registers models from inside the frameworks of others; each module needs its own, and nothing imports it."""
