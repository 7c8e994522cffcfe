"""Is this answer right? Equivalence of answers, and the thinking protocol."""
