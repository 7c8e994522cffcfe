"""`ponder check --explain [KEY]`: what may stand in a configuration, from the fields' own types and docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from rewards.settings.words import Entry, entries, expected, nearest
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
    first: dict[str, Entry] = {}
    leader = ""  # the first preset of a section that has several
    for section, group in groupby(below, lambda entry: entry.section):
        fields = [entry for entry in group if not _said(entry, first.setdefault(entry.key, entry))]
        preset = section.rpartition(" (")[2].removesuffix(")") if section.endswith(")") else ""
        leader = leader or preset
        if not fields:
            continue
        if section:
            yield ""
            yield section if preset in ("", leader) else f"{section}: where it differs from {leader}"
        for entry in fields:
            default = f" [{entry.default}]" if entry.default else ""
            yield f"  {entry.key}: {expected(entry.field)}{default}"
            for line in entry.description.split("\n"):
                if line.strip():
                    yield f"      {line.strip()}"


def _said(entry: Entry, first: Entry) -> bool:
    """Whether the first preset that has this key said the same of it."""
    return entry is not first and (entry.value, entry.description) == (first.value, first.description)
