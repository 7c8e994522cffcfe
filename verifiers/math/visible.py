r"""What a reader takes for the answer: the model's own first turn, without what does not show.

A model may write the marks of a chat as plain text and go on as somebody else, or put an answer where only a grader
sees it: in a comment, a phantom, a hidden element. Nothing of that is its answer.

All patterns run in linear time.
"""

from __future__ import annotations

import re

from verifiers.thinking import after_thinking

_END = (
    r"/s>|(?:end_of_turn|eos|seed:eos)>|｜end▁of▁sentence｜>|\|endofturn\|\]|\|(?i:im_end|endoftext|eot_id|eom_id"
    r"|end_of_text|end_of_turn_token|end|return|eos|eot|endofturn)\|>"
)
_HEAD = (
    r"\|(?:im_start|start_header_id|start)\|>\s*(?P<named>\w*)|(?:seed:bos|start_of_turn)>\s*(?P<tagged>\w*)"
    r"|\|(?:im_)?(?P<piped>user|human|system|assistant|observation|tool)\|[>\]]"
    r"|｜(?P<wide>User|Assistant)｜>|(?P<inst>/?)INST\]"
)
_TURN = re.compile(rf"[<\[](?:(?P<end>{_END})|{_HEAD})(?:<\|(?:end_header_id|message|im_sep|im_middle)\|>)?", re.ASCII)
_TURN_ENDS = ("|>", "/s>", "turn>", "eos>", "bos>", "｜>", "INST]", "|]")
"""One of these stands in every text with a mark of a turn: faster to look for than the marks."""
_OWN = frozenset(("assistant", "model", "ai", "bot", "gpt"))
_SPEAKERS = ("User", "Human", "USER", "HUMAN")
_LABEL = re.compile(
    r"(?:^|(?<=\n))[ \t>*#_]*(?:(?P<user>User|Human|USER|HUMAN)|Assistant|ASSISTANT|AI|Model|Bot)[ \t*_]*:[*_]*+"
)
_MARKED = re.compile(r"\\(?:boxed|fbox|framebox)|(?i:\banswer(?:\*\*|__|\s)*(?:is\b|:))|####")

_HIDDEN_HTML = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript)\b[^<>]{0,200}>.*?(?:</\1\s*>|\Z)"
    r"|<([a-z]\w*)\s[^<>]{0,200}?(?:\bhidden\b|display\s*:\s*none|visibility\s*:\s*hidden|(?<!-)color\s*:\s*white"
    r"|font-size\s*:\s*0)[^<>]{0,200}>.*?(?:</\2\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT_LINE = re.compile(r"^[ \t]*+%(?!(?!.*(?i:answer))[ \t]*[A-Za-z][A-Za-z \t]{0,40}[=≈:])[^\n]*", re.MULTILINE)
"""A line that LaTeX skips; but "% error = 5" is a line of its own right."""
_COMMENT_STARTS = re.compile(r"\n[ \t]*+%")
_LINK_COMMENT = re.compile(r"^[ \t]*+\[(?://|comment)\]:[^\n]*", re.MULTILINE)
_SKIPPED = re.compile(
    r"\\iffalse(?![A-Za-z]).*?(?:\\fi(?![A-Za-z])|\Z)|\\begin\{comment\}.*?(?:\\end\{comment\}|\Z)", re.DOTALL
)
_WHITE = re.compile(r"\\color\s?\{white\}[^\n]*")
_PHANTOM = re.compile(r"\\(?:[hv]?phantom|textcolor\s?\{white\})\s*+(?=\{)")
_BLANK = re.compile(r"\s*+")
_BRACE = re.compile(r"\\.|([{}])", re.DOTALL)
_FOLDED = re.compile(r"<details\b[^<>]{0,200}>.*?(?:</details\s*>|\Z)", re.DOTALL | re.IGNORECASE)


def answer_part(response: str) -> str:
    """What a reader takes for the answer of a whole response: after the thinking, in its own turn, visible.

    "" when the response goes on to say something in a further turn of its own: nobody knows which one counts.
    """
    turns = own_turns(after_thinking(response))
    return without_hidden(turns[0]) if len(turns) == 1 else ""


def own_turns(text: str) -> list[str]:
    """What the model itself says, a text for each of its turns, blank ones left out.

    What comes after the end of its turn is nobody's until a new turn of the model begins.
    """
    if (">" in text or "]" in text) and any(end in text for end in _TURN_ENDS):
        marks = list(_TURN.finditer(text))
        if marks:
            return [part for turn in _split(text, marks) for part in own_turns_by_label(turn)]
    return own_turns_by_label(text)


def own_turns_by_label(text: str) -> list[str]:
    """As `own_turns`, for turns that begin with `User:` and `Assistant:`.

    These may be words of an honest answer too. They begin turns where an answer stands before them, or where they open
    the text and the model's own label follows; elsewhere only the line that they begin is left out.
    """
    if not text.strip():
        return []
    if not any(speaker in text for speaker in _SPEAKERS):
        return [text]
    labels = list(_LABEL.finditer(text))
    users = [label for label in labels if label["user"]]
    if not users:
        return [text]
    lead = text[: users[0].start()]
    answers = any(label["user"] is None and label.start() > users[0].start() for label in labels)
    if _MARKED.search(lead) or (answers and not _LABEL.sub("", lead).strip()):
        turns = [lead]
        for label, following in zip(labels, [*labels[1:], None], strict=True):
            if label["user"] is None and label.start() > users[0].start():
                turns.append(text[label.end() : following.start() if following else len(text)])
        return [turn for turn in turns if turn.strip()]
    kept = _without(text, [(label.start(), _line_end(text, label.end())) for label in users])
    return [kept] if kept.strip() else []


def without_hidden(text: str) -> str:
    """Without what a reader of the rendered text does not see."""
    if "<" in text and (">" in text or "<!--" in text):
        text = _HIDDEN_HTML.sub("", text)
    if "%" in text and (text.lstrip().startswith("%") or _COMMENT_STARTS.search(text)):
        text = _COMMENT_LINE.sub("", text)
    if "]:" in text:
        text = _LINK_COMMENT.sub("", text)
    if "\\iffalse" in text or "{comment}" in text:
        text = _SKIPPED.sub("", text)
    if "phantom" in text or "{white}" in text:
        text = _WHITE.sub("", _without_groups(text))
    return text


def without_folded(text: str) -> str:
    """Without the parts of a page that open only when somebody clicks."""
    return _FOLDED.sub("", text) if ">" in text else text


def _split(text: str, marks: list[re.Match[str]]) -> list[str]:
    """The model's own stretches of a text between the marks of turns."""
    turns: list[str] = []
    own, start = True, 0
    for mark in marks:
        if own and text[start : mark.start()].strip():
            turns.append(text[start : mark.start()])
        if mark["end"] is None:
            role = mark["named"] or mark["tagged"] or mark["piped"] or mark["wide"] or ""
            own = role.lower() in _OWN or mark["inst"] == "/"
        elif turns:
            own = False
        start = mark.end()
    if own and text[start:].strip():
        turns.append(text[start:])
    return turns


def _line_end(text: str, start: int) -> int:
    """The end of the line in which a label stands, or of the next one when nothing follows the label."""
    blank = _BLANK.match(text, start)
    end = text.find("\n", blank.end() if blank else start)
    return len(text) if end < 0 else end


def _without_groups(text: str) -> str:
    r"""Without the `\phantom{...}` in a text, whatever braces are nested in them."""
    opened = {match.end(): match.start() for match in _PHANTOM.finditer(text)}
    if not opened:
        return text
    spans: list[tuple[int, int]] = []
    depth, outer = 0, -1
    for brace in _BRACE.finditer(text):
        if brace[1] == "{":
            depth += 1
            if outer < 0 and brace.start() in opened:
                outer, start = depth, opened[brace.start()]
        elif brace[1] == "}":
            if depth == outer:
                spans.append((start, brace.end()))
                outer = -1
            depth = max(depth - 1, 0)
    if outer >= 0:  # never closed
        spans.append((start, len(text)))
    return _without(text, spans)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    kept, last = [], 0
    for start, end in spans:
        kept.append(text[last:start])
        last = max(end, last)
    return "".join((*kept, text[last:]))
