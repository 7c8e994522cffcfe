"""Is this answer right? Mathematical equivalence, multiple choice, and the thinking protocol."""
