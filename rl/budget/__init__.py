"""Thinking budgets in a run: which prompt gets which, how it is told to the model, and what comes of it."""
