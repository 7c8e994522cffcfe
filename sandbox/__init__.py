"""Running what may hang or be hostile: a pool of worker processes that are killed at their deadline."""
