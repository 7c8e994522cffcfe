"""Reading YAML into configuration sections, with every mistake named at once by its key, file and line.

`source` (YAML and where each value stands) -> `validate` (a section, or problems in a user's words, by `words`).
"""
