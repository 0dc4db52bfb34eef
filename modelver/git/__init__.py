"""Everything that touches Git, and nothing else does. It moves bytes, paths and refs and knows no record."""
