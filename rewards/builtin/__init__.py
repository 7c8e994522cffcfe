"""The rewards that come with Ponder, one module each."""
