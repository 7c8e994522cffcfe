"""The math verifier. Pinned behaviour:

1. extraction: last box outside the thinking, then "####", "answer is", a bare answer, the last number; hedges are told;
2. equal answers of every kind are equal both ways, with the exceptions where a rounding is allowed one way;
3. what peers take for equal and is not, is wrong (each with the trap it stands for);
4. nothing in a response raises, and no pattern is slow on long hostile text.
"""

from __future__ import annotations

import random
import time

import pytest

from verifiers.math import equal_answers, extract, extract_answer, verify

EXTRACTION = [
    (r"so \boxed{42}.", "42", "boxed"),
    (r"\boxed {42}", "42", "boxed"),
    (r"\boxed{\frac{1}{\sqrt{2}}} holds", r"\frac{1}{\sqrt{2}}", "boxed"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2\}", "boxed"),
    (r"\fbox{7}", "7", "boxed"),
    (r"First \boxed{41}. Wait, that was wrong: \boxed{42}", "42", "boxed"),
    (r"<seed:think>\boxed{1}</seed:think>\boxed{2}", "2", "boxed"),
    (r"<seed:think>\boxed{1}</seed:think>It is 2.", "2", "number"),
    (r"\boxed{1} and 17 more words then 5", "1", "boxed"),
    ("5 + 3 = 8\n#### 1,234", "1,234", "####"),
    ("The answer is 18 dollars. Done.", "18 dollars", "stated"),
    ("**Answer:** 42", "42", "stated"),
    (r"The final answer is $\frac12$, as shown", r"\frac12", "stated"),
    ("The answer is obtained by adding, which gives 42", "42", "number"),
    ("42", "42", "bare"),
    (r"\frac{3}{4}", r"\frac{3}{4}", "bare"),
    ("(1, 2)", "(1, 2)", "bare"),
    ("east", "east", "bare"),
    ("So 5 + 3 = 8", "8", "number"),
    ("it costs $1,234.50 in total", "1,234.50", "number"),
    ("We get 3/4 of it", "3/4", "number"),
]


@pytest.mark.parametrize(("response", "answer", "rule"), EXTRACTION)
def test_extraction(response: str, answer: str, rule: str) -> None:
    found = extract(response)
    assert (found.answer, found.rule, found.hedged) == (answer, rule, False)


@pytest.mark.parametrize(
    "response",
    [
        "",
        " \n",
        r"\boxed{}",
        r"\boxed{42",
        r"<seed:think>\boxed{42}",
        r"I give up; it may be any of them.",
        r"\boxed{ }",
    ],
)
def test_no_answer(response: str) -> None:
    assert extract_answer(response) is None
    assert not verify("42", response)


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{41} or \boxed{42}",
        r"\boxed{42} or \boxed{41}",
        r"\boxed{41}, \boxed{42}",
        "\\boxed{41}\n\n\\boxed{42}",
        r"\boxed{41}$ and also $\boxed{42}",
        r"\boxed{41 \text{ or } 42}",
        r"\boxed{42, 41}",
        "The answer is 41 or 42.",
        "It is either 41 or 42",
        "42 or 41",
        "42, not 41",
        "Answer: 42, 41",
    ],
)
def test_a_hedge_is_wrong_whichever_way_round(response: str) -> None:
    assert not verify("42", response)
    assert not verify("41", response)


def test_the_same_box_twice_is_one_answer() -> None:
    assert verify("42", r"\boxed{42}. So \boxed{42}")
    assert verify(r"\frac{1}{2}", r"\boxed{\frac12} and \boxed{\dfrac{1}{2}}")


EQUAL = [
    ("42", "42."), ("42", "+42"), ("42", "042"), ("42", "42.0"), ("1000000", "1,000,000"), ("1000000", r"1\,000\,000"),
    ("1234", "1{,}234"), ("-5", "−5"), ("0.5", ".5"), ("1/2", r"\frac12"), ("1/2", r"\dfrac{1}{2}"), ("1/2", "0.5"),
    ("1/2", "2/4"), ("-1/2", r"-\frac{1}{2}"), ("-1/2", r"\frac{-1}{2}"), ("1 1/2", r"1\frac{1}{2}"), ("3/2", "1 1/2"),
    ("50%", r"50\%"), ("50%", "0.5"), ("50", "50%"), ("18", r"\$18"), ("18", "18 dollars"), ("15", r"15\text{ cm}"),
    ("15 cm", r"15\text{ cm}"), ("90", r"90^\circ"), ("90", "90°"), ("6.02\\times10^{23}", r"6.02 \cdot 10^{23}"),
    (r"2\sqrt{3}", r"\sqrt{12}"), (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), (r"2\pi", r"\pi \cdot 2"),
    ("-1", r"e^{i\pi}"), ("-i", r"\frac{1}{i}"), ("5", "|3+4i|"), ("3", r"\log_2 8"), ("120", "5!"), ("2ab", "ab+ba"),
    ("x^2-1", "(x-1)(x+1)"), (r"\frac{x}{10}", "0.1x"), ("p-q", "-q+p"), ("5", "x=5"), ("x=5", "x = 5"),
    ("y=2x+1", "2x-y+1=0"), ("x<5", "5>x"), (r"x\le 5", r"5 \geq x"),
    ("(1,2)", "(1, 2)"), ("(1,2)", r"\left(1,\frac{4}{2}\right)"),
    ("[0,1)", "[0, 1)"), (r"(-\infty,2)\cup(3,\infty)", r"(3,\infty) \cup (-\infty, 2)"), (r"\{1,2\}", r"\{2, 1\}"),
    ("1,-2", "-2, 1"), (r"\{1,2\}", "1, 2"), ("1 or 2", r"2 \text{ or } 1"), (r"\emptyset", r"\varnothing"),
    (r"\infty", "∞"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&\frac{8}{2}\end{pmatrix}"), ("C", "(C)"),
    ("C", r"\text{(C)}"), (r"\text{east}", "East"), ("no solution", r"\text{No solution}"), ("204_5", "204_{5}"),
    ("7" * 5000, "7" * 5000), ("(" * 60 + "x" + ")" * 60, "(" * 60 + "x" + ")" * 60),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal(one: str, other: str) -> None:
    assert equal_answers(one, other)
    assert equal_answers(other, one)
    assert verify(one, rf"Therefore $\boxed{{{other}}}$.")


DIFFERENT = [
    ("100000000", "100000001", "no relative tolerance between exact numbers"),
    ("28", "0.28", "no factor of 100 without a percent sign"),
    ("28", "2800", "no factor of 100 without a percent sign"),
    (r"\frac{1}{2^{98}}", r"\frac{1}{2^{99}}", "small numbers are compared relative to their size"),
    ("10^{-40}", "10^{-41}", "small numbers are compared relative to their size"),
    ("204_5", "204_6", "bases count"), ("204_5", "204", "bases count"), ("15 cm", "15 m", "units count"),
    (r"15\text{ cm}", r"15\text{ cm}^2", "powers of units count"), ("5", "5 million", "a multiplier is no unit"),
    ("2", "2 pi", "a constant is no unit"), ("[0,1)", "(0,1)", "kinds of brackets count"),
    ("(1,2)", "(2,1)", "order counts"),
    ("(1,2)", r"\{1,2\}", "a pair is no set"), ("11/2", "1 1/2", "a space makes a mixed number"),
    ("north", "thorn", "letters of words do not commute"), ("x", "y", "names of variables count"),
    ("C", "D", "choices"),
    (r"\sqrt{x^2}", "x", "equal on one side of zero only"), ("5", "x<5", "a number is no inequality"),
    ("x<5", r"x\le 5", "strictness counts"), ("x<5", "x>5", "direction counts"), ("x<5", "-x<-5", "direction counts"),
    ("4", "42", "no prefixes"), ("3", "3x", "a variable is no unit"), ("1,2", "1,2,3", "nothing extra"),
    ("1,2", "1", "nothing missing"), ("2x", "x^2", "powers"), ("5^2", "52", "powers"), ("2_1", "21", "subscripts"),
    ("42", "forty", "words"), ("0", r"10^{-60}", "zero is exact"), ("1", "0.999999999", "decimals are exact"),
    ("y=2x+1", "y=2x+2", "equations"), (r"\pi", "3.14", "a constant is not its rounding"), ("5²", "52", "superscripts"),
    (r"\frac{1}{0}", r"\frac{2}{0}", "no value, no equality"), ("x", "x+10^{-20}y", "nothing small is nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other", "why"), DIFFERENT)
def test_different(one: str, other: str, why: str) -> None:
    assert not equal_answers(one, other), why
    assert not equal_answers(other, one), why


def test_a_reference_written_with_decimals_takes_the_exact_value() -> None:
    assert equal_answers("3.14", "3.14159")
    assert equal_answers("0.33", r"\frac{1}{3}")
    assert not equal_answers("3.14", "3.1")
    assert not equal_answers("3.14159", "3.14")
    assert not equal_answers("3.14", "3.15")
    assert not equal_answers("3.1", "3.14159")  # one decimal says too little
    assert not equal_answers(r"\frac{1}{3}", "0.3333333333")  # a rounding of an exact reference is not the number


HOSTILE = [
    "5^{5^{5^{5^5}}}", "9" * 10_000, "9" * 4500 + "/" + "7" * 4500, "10^{999999999}", "999999999!", "(((3!)!)!)!",
    r"\binom{999999999}{499999999}", r"\sum_{k=1}^{10^{12}} \frac{1}{k}", "(" * 5000, "{" * 5000,
    r"\frac" * 3000, "1%" + "%" * 4000, "__import__('os').system('true')", "exec('1')", r"\boxed{" * 5000,
    "x=" * 140 + "1",
    r"\text{" * 500, "1," * 3000, "^" + " " * 20_000, r"\left(" * 2000, "$" * 10_000, "\x00\ud800", "answer is " * 5000,
    r"1\times10^2" * 350, "-" * 10_000, "1 " * 10_000, r"\begin{pmatrix}" * 500, "[[" * 2000, "∞" * 1000, r"\log_0 0",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20])
def test_hostile_text_is_decided(text: str) -> None:
    started = time.perf_counter()
    for response in (text, rf"\boxed{{{text}}}", f"The answer is {text}", f"words {text} words"):
        assert verify("41", response) is False
        assert isinstance(verify(text, response), bool)
    assert time.perf_counter() - started < 5


def test_random_text_never_raises() -> None:
    rng = random.Random(0)
    pieces = [r"\boxed{", "}", "{", "$", r"\frac", "1", "23", ",", ".", "x", "=", "(", ")", "[", " ", "or", "-", "/",
              "%", r"\sqrt", "^", "_", r"\text{", "answer is", "####", "\n", "e", "i", "!", "|", "\\"]  # fmt: skip
    for _ in range(1500):
        text = "".join(rng.choices(pieces, k=rng.randint(1, 14)))
        assert isinstance(verify("1", text), bool)
        assert isinstance(equal_answers(text, text), bool)
