"""Evaluating reward functions on samples that lie in a file, before a GPU hour is spent on them."""
