r"""The math verifier. Pinned behaviour:

1. extraction: the last box outside the thinking, a stated answer, "####", a formula at the end, a bare answer;
2. every hard pair of `math_cases` gets its verdict, both ways round;
3. verdicts say how they came about; golds may be numbers and lists;
4. properties: equal to itself, symmetric, unmoved by re-formatting, never equal after adding 1;
5. nothing that a model writes raises, runs code or takes longer than its deadline, from wherever it is called.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.verifiers.math_cases import TABLES
from tests.verifiers.math_cases.case import Case
from verifiers.math import Outcome, compare_answers, extract_answer, verify, verify_here
from verifiers.math.numbers import PlainNumber, parse_number
from verifiers.math.worker import close

CASES = [
    pytest.param(case, id=f"{table}-{place}") for table, cases in TABLES.items() for place, case in enumerate(cases)
]


@pytest.fixture(scope="module", autouse=True)
def no_workers_left() -> Iterator[None]:
    yield
    close()


# 1. Extraction

EXTRACTION = [
    (r"so \boxed{42}.", "42", "boxed"),
    (r"\boxed {42}", "42", "boxed"),
    (r"\boxed{\frac{1}{\sqrt{2}}} holds", r"\frac{1}{\sqrt{2}}", "boxed"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "boxed"),
    (r"\fbox{7}", "7", "boxed"),
    (r"\framebox{7}", "7", "boxed"),
    (r"$\boxed 7$", "7", "boxed"),
    (r"First \boxed{41}. Wait, that was wrong: \boxed{42}", "42", "boxed"),
    (r"<seed:think>\boxed{1}</seed:think>\boxed{2}", "2", "boxed"),
    (r"<think>\boxed{1}</think>\boxed{2}", "2", "boxed"),
    (r"\boxed{1} and 17 more words then 5", "1", "boxed"),
    (r"$x = -\boxed{5}$", "-(5)", "boxed"),
    ("5 + 3 = 8\n#### 1,234", "1,234", "####"),
    ("The answer is 18 dollars. Done.", "18 dollars", "stated"),
    ("**Answer:** 42", "42", "stated"),
    ("**Final Answer**\n\n42", "42", "stated"),
    (r"The final answer is $\frac12$, as shown", r"\frac12", "stated"),
    ("The answer is $5$ cm.", "5 cm", "stated"),
    ("Adding both, we get $x = 5$.", "x = 5", "formula"),
    (r"Adding both, we get \[ x = 5 \]", "x = 5", "formula"),
    ("42", "42", "bare"),
    (r"\frac{3}{4}", r"\frac{3}{4}", "bare"),
    ("(1, 2)", "(1, 2)", "bare"),
    ("east", "east", "bare"),
]


@pytest.mark.parametrize(("response", "answer", "rule"), EXTRACTION)
def test_extraction(response: str, answer: str, rule: str) -> None:
    found = extract_answer(response)
    assert (found.answer, found.rule, found.hedged) == (answer, rule, False)


@pytest.mark.parametrize(
    "response",
    ["", " \n", r"\boxed{}", r"\boxed{42", r"\boxed{ }", "<seed:think>\\boxed{42}", "<think>\n\\boxed{42}",
     r"\boxed{41}, no: \boxed{4", "I give up; it may well be any of these three.", "Step 1: 5\nStep 2: 42"],
)  # fmt: skip
def test_no_answer(response: str) -> None:
    assert extract_answer(response).answer is None
    assert verify("42", response).outcome is Outcome.NO_ANSWER


def test_thinking_counts_when_asked_for() -> None:
    assert extract_answer(r"<think>\boxed{42}</think> done", after_thinking=False).answer == "42"


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{41} or \boxed{42}",
        r"\boxed{42} or \boxed{41}",
        r"\boxed{41}, \boxed{42}",
        "\\boxed{41}\n\n\\boxed{42}",
        r"\boxed{41}$ and also $\boxed{42}",
        r"\boxed{41}, though it might be \boxed{42}",
        r"\boxed{42} or 41",
        r"either 41 or $\boxed{42}$",
        r"$x=41$ or $x=42$",
        "The answer is $41$ or $42$.",
    ],
)
def test_answers_side_by_side_are_a_hedge(response: str) -> None:
    assert extract_answer(response).hedged
    assert verify("42", response).outcome is Outcome.HEDGED
    assert verify("41", response).outcome is Outcome.HEDGED


@pytest.mark.parametrize("response", [r"\boxed{41 \text{ or } 42}", "The answer is 41 or 42.", "42 or 41"])
def test_alternatives_in_one_answer_are_a_hedge(response: str) -> None:
    assert verify("42", response).outcome is Outcome.HEDGED
    assert verify("41, 42", response).correct  # two solutions, not two guesses


def test_the_same_answer_twice_is_no_hedge() -> None:
    assert verify("42", r"\boxed{42}. So \boxed{42}").correct
    assert verify("1/2", r"\boxed{\frac12} or \boxed{0.5}").correct
    assert verify("1/2", r"\boxed{\frac12}, or equivalently 50\%").correct


# 2. Hard pairs


@pytest.mark.parametrize("case", CASES)
def test_hard_pair(case: Case) -> None:
    verdict = verify(case.gold, case.response)
    assert verdict.correct is case.correct, f"{case.why}: {verdict}"
    if case.answer is not None and not case.one_way:
        back = verify(case.answer, rf"So the answer is $\boxed{{{case.gold}}}$.")
        assert back.correct is case.correct, f"{case.why}, the other way round: {back}"


def test_the_tables_are_large_and_balanced() -> None:
    cases = [case for table in TABLES.values() for case in table]
    right = sum(case.correct for case in cases)
    assert len(cases) >= 600
    assert 0.4 < right / len(cases) < 0.6


def test_no_case_is_decided_by_a_fault_of_ours() -> None:
    for case in (case for table in TABLES.values() for case in table):
        assert "internal error" not in verify(case.gold, case.response).rule


# 3. Verdicts


def test_a_verdict_says_how_it_came_about() -> None:
    verdict = verify(r"\dfrac{1}{2}", r"Hence $\boxed{\;0.50\;}$.")
    assert (verdict.outcome, verdict.gold, verdict.answer) == (Outcome.RIGHT, r"\frac{1}{2}", "0.50")
    assert (verdict.rule, verdict.found_by) == ("number", "boxed")


def test_a_wrong_verdict_does_not_pass_an_if() -> None:
    assert verify("1", r"\boxed{1}")
    assert not verify("1", r"\boxed{2}")


def test_gold_may_be_a_number_or_a_list() -> None:
    assert verify(42, r"\boxed{42}").correct
    assert verify(0.5, r"\boxed{\frac12}").correct
    assert verify(Fraction(1, 3), r"\boxed{\frac13}").correct
    assert verify(["41", "42"], r"\boxed{42}").correct
    assert not verify(["41", "42"], r"\boxed{43}").correct
    assert not verify(["41", "42"], r"\boxed{41} or \boxed{42}").correct
    assert verify([], r"\boxed{42}").outcome is Outcome.UNPARSEABLE_GOLD


@pytest.mark.parametrize("gold", ["", "  ", "$$", r"\frac{1}{", "(1, 2"])
def test_a_malformed_reference_is_told(gold: str) -> None:
    assert verify(gold, r"\boxed{42}").outcome is Outcome.UNPARSEABLE_GOLD


def test_answers_too_large_to_evaluate_are_told() -> None:
    assert verify("42", r"\boxed{5^{5^{5^{5^5}}}}").outcome is Outcome.TOO_LARGE
    assert verify("42", r"\boxed{((9!)!)!}").outcome is Outcome.TOO_LARGE


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("1" + "x10^4000" * 499, Outcome.WRONG),
        ("0.0" + "x10^4000" * 499, Outcome.TOO_LARGE),
        ("1" + "x10^4000x10^-4000" * 220, Outcome.WRONG),
        (r"\sum_{a=1}^{2000}\sum_{b=1}^{2000} ab", Outcome.TOO_LARGE),
        (r"\sum_{a=1}^{2000}\sum_{b=1}^{a} ab", Outcome.TOO_LARGE),
        (r"\sum_{a=1}^{2000}\sum_{b=1}^{2000} \sin(ab)", Outcome.TOO_LARGE),
        (r"\sum_{a=1}^{2000} 2^{\frac{1}{\sum_{b=1}^{2000} b}}", Outcome.TOO_LARGE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_short_answers_that_name_huge_numbers_are_decided_without_a_deadline(answer: str, outcome: Outcome) -> None:
    started = time.process_time()
    assert verify_here("42", rf"\boxed{{{answer}}}").outcome is outcome
    assert time.process_time() - started < 10  # at most 2 s, and minutes if such sizes add up


def test_powers_of_ten_that_follow_one_another_are_bounded_together() -> None:
    assert parse_number("2x10^3x10^4") == PlainNumber(Fraction(20_000_000))
    assert parse_number("9" * 3000 + "x10^4000") is not None
    for start in ("1", "0.0", "0.(3)"):
        assert parse_number(start + "x10^4000" * 3) is None
        assert parse_number(start + "x10^-4000" * 3) is None


def test_a_reference_with_decimals_takes_what_rounds_to_it_and_not_the_reverse() -> None:
    assert compare_answers("3.14", "3.14159").correct
    assert compare_answers("3.14", r"\pi").correct
    assert compare_answers("0.33", r"\frac{1}{3}").correct
    assert compare_answers(r"\frac{1}{3}", "0.333333").correct
    assert compare_answers(r"\sqrt{2}", "1.414214").correct
    for gold, answer in [("3.14159", "3.14"), ("3.14", "3.1"), ("3.14", "3.15"), ("0.1", "0.14"), ("0.01", "0.0149"),
                         (r"\frac{1}{3}", "0.333"), (r"\pi", "3.14"), ("100000000", "100000001"), ("1", "0.9999999"),
                         (r"\frac{1}{8}", "0.1250001")]:  # fmt: skip
        assert not compare_answers(gold, answer).correct, (gold, answer)


# 4. Properties

integers = st.integers(-(10**30), 10**30)
fractions = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=10**4)


def latex(value: Fraction) -> str:
    sign = "-" if value < 0 else ""
    return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"


@st.composite
def expressions(draw: st.DrawFn) -> str:
    """A LaTeX expression in x and y with a value almost everywhere."""
    atom = st.one_of(
        st.integers(1, 99).map(str),
        st.sampled_from(["x", "y", r"\pi", r"\sqrt{2}", r"\frac{1}{3}", "e", r"\sqrt{x^2+1}", r"\sin x"]),
    )
    grow = lambda parts: st.one_of(  # noqa: E731
        st.tuples(parts, parts).map(lambda p: f"({p[0]} + {p[1]})"),
        st.tuples(parts, parts).map(lambda p: f"({p[0]} - {p[1]})"),
        st.tuples(parts, parts).map(lambda p: rf"{p[0]} \cdot {p[1]}"),
        st.tuples(parts, st.integers(2, 3)).map(lambda p: f"({p[0]})^{{{p[1]}}}"),
        parts.map(lambda p: rf"\frac{{{p}}}{{7}}"),
    )
    return draw(st.recursive(atom, grow, max_leaves=6))


@given(integers)
def test_an_integer_equals_its_other_spellings_and_no_neighbour(value: int) -> None:
    spellings = [f"{value:,}", f"+{value}" if value >= 0 else f"{value}", f"{value}.0", f"{value}.", f"${value}$",
                 f"{value:,}".replace(",", "{,}"), f"{value:,}".replace(",", r"\,"), f" {value} "]  # fmt: skip
    for spelling in spellings:
        assert verify_here(str(value), rf"\boxed{{{spelling}}}").correct, spelling
        assert not verify_here(str(value + 1), rf"\boxed{{{spelling}}}").correct, spelling


@given(fractions)
def test_a_fraction_equals_its_other_spellings_and_no_neighbour(value: Fraction) -> None:
    above, below = abs(value.numerator), value.denominator
    sign = "-" if value < 0 else ""
    spellings = [f"{sign}{above}/{below}", rf"{sign}\dfrac{{{above}}}{{{below}}}", rf"{sign}{{{above} \over {below}}}",
                 rf"\frac{{{sign}{3 * above}}}{{{3 * below}}}",
                 rf"\left({sign}\frac{{{above}}}{{{below}}}\right)"]  # fmt: skip
    if above % below > 0:
        spellings.append(
            rf"{sign}{above // below}\frac{{{above % below}}}{{{below}}}" if above > below else spellings[0]
        )
    for spelling in spellings:
        assert verify_here(latex(value), rf"\boxed{{{spelling}}}").correct, spelling
        assert not verify_here(latex(value + 1), rf"\boxed{{{spelling}}}").correct, spelling


@settings(max_examples=60, deadline=None)
@given(expressions(), expressions())
def test_equality_of_expressions_is_symmetric(one: str, other: str) -> None:
    assert compare_answers(one, other).correct == compare_answers(other, one).correct


@settings(max_examples=60, deadline=None)
@given(expressions())
def test_an_expression_equals_itself_rewritten_and_never_itself_plus_one(text: str) -> None:
    rewritten = (
        text.replace(r"\cdot", r"\times")
        .replace(r"\frac", r"\dfrac")
        .replace("(", r"\left( ")
        .replace(")", r" \right)")
    )
    assert compare_answers(text, rewritten).correct
    assert compare_answers(f"{text} + y", f"y + {text}").correct
    assert compare_answers(text, rf"\frac{{2 \cdot ({text})}}{{2}}").correct
    assert not compare_answers(text, f"{text} + 1").correct
    assert not compare_answers(text, f"{text} + 10^{{-30}}").correct


@settings(max_examples=40, deadline=None)
@given(st.lists(fractions, min_size=2, max_size=4, unique=True))
def test_order_matters_in_tuples_and_not_in_sets(values: list[Fraction]) -> None:
    forward, backward = ", ".join(map(str, values)), ", ".join(map(str, reversed(values)))
    assert compare_answers(rf"\{{{forward}\}}", rf"\{{{backward}\}}").correct
    assert compare_answers(f"({forward})", f"({forward})").correct
    assert not compare_answers(f"({forward})", f"({backward})").correct
    assert not compare_answers(f"({forward})", rf"\{{{forward}\}}").correct


# 5. Hostile text, from anywhere

HOSTILE = [
    "5^{5^{5^{5^5}}}", "9" * 10_000, "9" * 4500 + "/" + "7" * 4500, "10^{999999999}", "999999999!", "(((3!)!)!)!",
    r"\binom{999999999}{499999999}", r"\sum_{k=1}^{10^{12}} \frac{1}{k}", r"\prod_{k=1}^{2000} k^{k^k}", "(" * 5000,
    "{" * 5000, "{" * 900 + "x" + "}" * 900, r"\frac" * 3000, "1%" + "%" * 4000, r"\boxed{" * 5000, "x=" * 140 + "1",
    r"\text{" * 500, "1," * 3000, "^" + " " * 20_000, r"\left(" * 2000, "$" * 10_000, "\x00\ud800", "answer is " * 5000,
    r"1\times10^2" * 350, "-" * 10_000, "1 " * 10_000, r"\begin{pmatrix}" * 500, "[[" * 2000, "∞" * 1000, r"\log_0 0",
    r"\sin(10^{10^{10}})", r"e^{e^{e^{e^9}}}", "0.(" + "9" * 5000 + ")", "1e999999", r"\sqrt[10^9]{2}", "|" * 3000,
    "x^{x^{x^{x^x}}}", r"\tan(\frac{\pi}{2})", "0^0", "1/0", r"\frac{1}{1-1}", "±" * 500, "1_" * 500, "or " * 3000,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20].encode("ascii", "replace").decode())
def test_hostile_text_is_decided(text: str) -> None:
    for response in (text, rf"\boxed{{{text}}}", f"The answer is {text}", f"words {text} words"):
        assert not verify("41", response, timeout_s=1.0).correct
        verdict = verify(text, response, timeout_s=1.0)
        assert isinstance(verdict.correct, bool)
        assert "internal error" not in verdict.rule


MARKS = [
    "<!--",
    "<a hidden",
    "<details>",
    "\n% a a a ",
    "\\iffalse",
    "\\phantom{",
    "\\phantom",
    "<|im_end|>",
    "[THINK]",
    "####",
    "<|im_start|>user ",
    "\nUser: x",
    "\nAssistant:",
    "<|channel|>",
    "The answer is 42. ",
    "Suppose the answer is 42. ",
    "not a b ",
    "suppose for a b c d e f ",
    "some people might ",
    "final answer\n",
    "therefore ",
    "(a) ",
    "1) ",
    "$42$ ",
    "It is false that the answer is \\boxed{42}. ",
    "\\boxed{42} Case 1: ",
    "\\boxed{42}. wait, ",
    "#### 42\n",
    "answer to x ",
]


@pytest.mark.parametrize("mark", MARKS)
def test_extraction_takes_linear_time(mark: str) -> None:
    many = mark * (100_000 // len(mark))
    for response in (many, rf"\boxed{{42}}{many}\boxed{{43}}", f"The answer is 42. {many} The answer is 43."):
        started = time.process_time()
        extract_answer(response)
        assert time.process_time() - started < 10  # it takes some 0.2 s; anything quadratic takes minutes


def test_random_text_never_raises() -> None:
    rng = random.Random(0)
    pieces = [r"\boxed{", "}", "{", "$", r"\frac", "1", "23", ",", ".", "x", "=", "(", ")", "[", " ", "or", "-", "/",
              "%", r"\sqrt", "^", "_", r"\text{", "answer is", "####", "\n", "e", "i", "!", "|", "\\", "]", r"\{",
              r"\}", "<", r"\le", r"\pm", r"\cup", r"\in", r"\infty", ":", ";", "&", r"\\", r"\begin{pmatrix}",
              r"\end{pmatrix}", "cm", "\\$", "°", "0.5", "...", r"\overline{3}", r"\sin", r"\log_2", "and",
              r"\mathbb{R}", "'"]  # fmt: skip
    for _ in range(4000):
        text = "".join(rng.choices(pieces, k=rng.randint(1, 14)))
        assert isinstance(verify_here("1", text).correct, bool), text
        assert isinstance(verify_here(text, rf"\boxed{{{text}}}").correct, bool), text


@pytest.mark.parametrize("wrap", ["{}", r"\boxed{{{}}}", "Answer: {}", r"\text{{{}}}"])
def test_code_in_an_answer_never_runs(wrap: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for code in (
        f"__import__('os').system('touch {trace}')",
        f"open('{trace}','w')",
        f"exec(\"open('{trace}','w')\")",
        f"(lambda: __import__('pathlib').Path('{trace}').touch())()",
    ):
        assert not verify("42", wrap.format(code)).correct
    assert not trace.exists()


STUCK = r"\sum_{i=1}^{1999} (" + "+".join(rf"\sin({k}i)" for k in range(1, 300)) + ")"
"""Within all bounds, and half a minute of work."""


def test_a_case_that_takes_too_long_ends_at_its_deadline_and_harms_no_other() -> None:
    started = time.monotonic()
    assert verify("41", rf"\boxed{{{STUCK}}}", timeout_s=0.2).outcome is Outcome.TIMEOUT
    assert time.monotonic() - started < 30  # it takes 0.2 s; the rest is for a machine under load
    assert verify(r"\sqrt{8}", r"\boxed{2\sqrt{2}}").correct


def test_threads_get_their_own_verdicts() -> None:
    pairs = [(rf"\sqrt{{{n}}}", rf"\boxed{{\frac{{{n}}}{{\sqrt{{{n + wrong}}}}}}}", not wrong)
             for n in range(2, 22) for wrong in (0, 1)]  # fmt: skip
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda pair: verify(pair[0], pair[1]).correct, pairs))
    assert verdicts == [right for _, _, right in pairs]


async def test_it_may_be_called_inside_an_event_loop() -> None:
    assert verify(r"\sqrt{8}", r"\boxed{2\sqrt{2}}").correct
    verdicts = await asyncio.gather(
        *(asyncio.to_thread(verify, r"\sqrt{8}", rf"\boxed{{{n}\sqrt{{2}}}}") for n in range(1, 4))
    )
    assert [verdict.correct for verdict in verdicts] == [False, True, False]


def _verify_and_close(pair: tuple[str, str]) -> bool:
    try:
        return verify(*pair).correct
    finally:
        close()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_other_processes_verify_too(method: str) -> None:
    assert verify(r"\sqrt{8}", r"\boxed{2\sqrt{2}}").correct  # so that a fork inherits a pool that is not its own
    with multiprocessing.get_context(method).Pool(2) as processes:
        pairs = [(r"\sqrt{8}", r"\boxed{2\sqrt{2}}"), (r"\sqrt{8}", r"\boxed{3\sqrt{2}}")] * 2
        assert processes.map(_verify_and_close, pairs) == [True, False] * 2
    assert verify(r"\sqrt{8}", r"\boxed{2\sqrt{2}}").correct


@pytest.mark.slow
def test_soak_of_hostile_cases_from_many_threads() -> None:
    rng = random.Random(0)
    sums = [STUCK, STUCK.replace("sin", "cos"), STUCK.replace("sum", "prod")]
    quick = [text for text in HOSTILE if len(text) < 6000]

    def hostile(place: int) -> str:
        if place % 10 == 0:
            return f"{rng.choice(sums)} + {place}"
        return f"{rng.choice(quick)}{rng.randint(0, 99)}"

    texts = [hostile(place) for place in range(2000)]
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda text: verify("41", rf"\boxed{{{text}}}", timeout_s=0.1), texts))
        assert not any(verdict.correct for verdict in verdicts)
        assert sum(verdict.outcome is Outcome.TIMEOUT for verdict in verdicts) >= 200
        after = list(
            threads.map(lambda n: verify(rf"\sqrt{{{n}}}", rf"\boxed{{\frac{{{n}}}{{\sqrt{{{n}}}}}}}"), range(2, 102))
        )
    assert all(verdict.correct for verdict in after)
