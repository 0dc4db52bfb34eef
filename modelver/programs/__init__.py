"""Programs of others: a training command, an interpreter that is asked about itself."""
