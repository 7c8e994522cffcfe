"""`ponder check --explain [KEY]`: what may stand in a configuration, from the fields' own types and docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rewards.settings.words import entries, expected, nearest
from rl.config import RunConfig
from rl.errors import ConfigError


def explain(key: str = "") -> Iterator[str]:
    """Lines that describe the fields at and below `key` ("" is the whole configuration).

    Raises:
        ConfigError: there is no such key.
    """
    everything = list(entries(RunConfig))
    below = [e for e in everything if not key or e.key == key or e.key.startswith(f"{key}.")]
    if not below:
        close = nearest(key, {entry.key for entry in everything})
        raise ConfigError(f"there is no key {key!r}." + (f" Did you mean `{close}`?" if close else ""))
    for section, fields in groupby(below, lambda entry: entry.section):
        if section:
            yield ""
            yield section
        for entry in fields:
            default = f" [{entry.default}]" if entry.default else ""
            yield f"  {entry.key}: {expected(entry.field)}{default}"
            for line in entry.description.split("\n"):
                if line.strip():
                    yield f"      {line.strip()}"
