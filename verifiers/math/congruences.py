r"""Congruences such as `x \equiv 3 \pmod{7}`: the same variable, modulus and classes."""

from __future__ import annotations

import re

_RESIDUE = r"(?:\\pm ?)?-?\d{1,40}"
_SEPARATOR = r"(?:,|\\text ?\{ ?or ?\}|or)"
_MOD = r"(?:\\[bp]?mod|\( ?(?:\\text ?\{ ?|\\b?)?mod ?\}?|\\text ?\{ ?\(? ?mod ?\}?|mod)"
_MODULUS = rf"{_MOD} ?\{{? ?(?P<modulus>\d{{1,18}}) ?[)}}]*"
_CONGRUENCE = re.compile(
    rf"(?P<name>[A-Za-z](?:_\{{?\w\}}?)?) ?(?:\\equiv|≡) ?"
    rf"(?P<residues>{_RESIDUE}(?: ?{_SEPARATOR} ?{_RESIDUE})*) ?{_MODULUS}"
)


def equal_congruences(gold: str, answer: str) -> bool | None:
    """Whether two congruences name the same classes; None when either is none."""
    read = [_read(text) for text in (gold, answer)]
    return None if None in read else read[0] == read[1]


def _read(text: str) -> tuple[str, int, frozenset[int]] | None:
    match = _CONGRUENCE.fullmatch(text)
    if match is None or int(match["modulus"]) == 0:
        return None
    modulus = int(match["modulus"])
    residues: set[int] = set()
    for part in re.split(_SEPARATOR, match["residues"]):
        number = int(re.sub(r"\\pm| ", "", part))
        residues.update({number % modulus, -number % modulus} if "\\pm" in part else {number % modulus})
    return match["name"], modulus, frozenset(residues)
