r"""Hard pairs of numbers that only look equal, and of answers of hostile size.

An answer that is too big to be worked out earns nothing unless it is the gold itself; the verdict must be quick.
"""

from __future__ import annotations

from tests.verifiers.math_cases.case import Case, response_right, response_wrong, right, wrong

DIGITS = "".join(str(n) for n in range(1, 1800))[:5000]
"""Five thousand digits without a period."""

GRAHAM_LEFT = "+".join(
    rf"\sqrt{{{n}}}" for n in (1000001, 1000025, 1000031, 1000084, 1000087, 1000134, 1000158, 1000182, 1000198)
)
GRAHAM_RIGHT = "+".join(
    rf"\sqrt{{{n}}}" for n in (1000002, 1000018, 1000042, 1000066, 1000113, 1000116, 1000169, 1000175, 1000199)
)
"""Two sums of nine roots that agree to more than thirty digits (Graham)."""

PI = "3.1415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679"


def flip(digits: str, at: int) -> str:
    """The same digits with one of them changed."""
    return digits[:at] + str((int(digits[at]) + 1) % 10) + digits[at + 1 :]


def nest(before: str, inside: str, after: str, depth: int) -> str:
    """`inside` wrapped `depth` times."""
    return before * depth + inside + after * depth


def group(digits: str) -> str:
    """The digits in threes, with commas."""
    return f"{int(digits[:1000]):,}"


CASES: list[Case] = [
    # Numbers that agree to many digits
    wrong(r"262537412640768744", r"e^{\pi\sqrt{163}}", "Ramanujan's constant, thirty equal digits"),
    wrong(r"24591257752", r"e^{\pi\sqrt{58}}", "almost an integer"),
    wrong(r"\pi", r"\frac{\ln(640320^3+744)}{\sqrt{163}}", "thirty digits of pi"),
    wrong(r"e^6", r"\pi^4+\pi^5", "seven equal digits"),
    wrong(r"20", r"e^{\pi}-\pi", "almost equal to twenty"),
    wrong(r"4472", r"\sqrt[12]{3987^{12}+4365^{12}}", "near miss of Fermat's theorem"),
    wrong(r"1922^{12}", r"1782^{12}+1841^{12}", "nine leading digits of Fermat's theorem agree"),
    wrong(
        r"\sqrt{2}",
        r"\frac{4946041176255201878775086487573351061418968498177}"
        r"{3497379255757941172020851852070562919437964212608}",
        "convergent with near a hundred digits",
    ),
    wrong(
        r"\frac{1+\sqrt{5}}{2}", r"\frac{354224848179261915075}{218922995834555169026}", "quotient of Fibonacci numbers"
    ),
    wrong(GRAHAM_LEFT, GRAHAM_RIGHT, "Graham's root sums differ in the thirty-seventh decimal place"),
    wrong(r"e", r"\left(1+10^{-100}\right)^{10^{100}}", "a hundred digits of e"),
    wrong(r"e", r"\left(1+9^{-4^{6\cdot 7}}\right)^{3^{2^{85}}}", "septillions of digits of e"),
    wrong(
        r"\pi",
        r"\left(\frac{1}{10^5}\sum_{n=-\infty}^{\infty} e^{-n^2/10^{10}}\right)^2",
        "forty-two billion digits of pi",
    ),
    wrong(
        r"1280640",
        r"\sum_{n=1}^{\infty}\frac{\lfloor n e^{\pi\sqrt{163}/3}\rfloor}{2^n}",
        "half a billion equal digits",
    ),
    wrong(r"1", r"\tanh 100", "begins with eighty-six nines"),
    wrong(r"1", r"\cos(10^{-30})", "begins with sixty nines"),
    wrong(r"1", r"1-10^{-50}", "begins with fifty nines"),
    wrong(r"10^{30}", r"\sqrt{10^{60}+1}", "sixty equal digits"),
    wrong(r"2", r"\sqrt{4+10^{-80}}", "eighty equal digits"),
    wrong(r"0", r"\sqrt{10^{40}+1}-10^{20}", "cancels to a float zero"),
    wrong(r"0", r"e^{-1000}", "tiny, not zero"),
    wrong(r"0", r"10^{-400}", "below the smallest float"),
    wrong(r"0", r"10^{50}+1-10^{50}", "one is lost in a float"),
    right(r"1", r"10^{50}+1-10^{50}", "exact difference of huge numbers"),
    right(r"0", r"\sqrt{5+2\sqrt{6}}-\sqrt{3}-\sqrt{2}", "everything cancels exactly"),
    right(r"0", r"\sin(2\pi\cdot 10^{30})", "a multiple of whole turns"),
    # Magnitudes that overflow or underflow a float
    wrong(r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", "tiny numbers, one twice the other"),
    wrong(r"\frac{1}{2^{99}}", r"0", "tiny, not zero"),
    wrong(r"\frac{1}{2^{99}}", r"-\frac{1}{2^{99}}", "tiny numbers of opposite sign"),
    wrong(r"10^{400}", r"10^{401}", "both overflow a float"),
    wrong(r"10^{-400}", r"10^{-401}", "both underflow a float"),
    wrong(r"e^{1000}", r"e^{1001}", "both overflow a float"),
    wrong(r"10^{400}", r"\infty", "finite against infinite"),
    wrong(r"10^{100}", r"10^{100}+1", "relative difference of one in a googol"),
    wrong(r"10^{100}", "1" + "0" * 99, "one zero short of a googol"),
    wrong(r"2^{1000}", r"2^{1000}+1", "one in three hundred digits"),
    wrong(
        r"\frac{10^{60}}{10^{60}+1}", r"\frac{10^{60}+1}{10^{60}+2}", "fractions that differ by ten to the minus 120"
    ),
    right(r"10^{100}", "1" + "0" * 100, "a googol written out"),
    right(r"\frac{1}{2^{99}}", r"2^{-99}", "a negative power instead"),
    right(r"\frac{1}{2^{99}}", r"\frac{2}{2^{100}}", "one factor of two cancels"),
    right(r"10^{400}", r"100^{200}", "base and exponent changed"),
    right(r"e^{1000}", r"(e^{500})^2", "power of a power beyond floats"),
    right(r"1.5\times 10^{-400}", r"15\times 10^{-401}", "decimal below the smallest float"),
    right(r"2^{1000}", r"32^{200}", "three hundred digits"),
    # Long integers
    right("0." + DIGITS, "0." + DIGITS + "000", "five thousand decimal places and three zeros"),
    right("-" + DIGITS, "−" + DIGITS, "unicode minus before five thousand digits"),
    right(rf"\frac{{{DIGITS}}}{{2}}", rf"{DIGITS}/2", "slash after five thousand digits"),
    right(DIGITS, DIGITS, "five thousand equal digits"),
    right(DIGITS, "0" + DIGITS, "a leading zero before five thousand digits"),
    right(DIGITS[:1000], group(DIGITS), "a thousand digits with commas"),
    right(r"\frac{10^{5000}-1}{9}", "1" * 5000, "five thousand ones"),
    right(r"10^{6000}", "1" + ",000" * 2000, "two thousand groups of zeros"),
    right("2" + "0" * 4000, r"2 \cdot 10^{4000}", "two and four thousand zeros"),
    right(r"\frac{1}{2}", rf"\frac{{{'3' * 3000}}}{{{'6' * 3000}}}", "cancels three thousand digits"),
    wrong(DIGITS, flip(DIGITS, 4999), "last of five thousand digits differs"),
    wrong(DIGITS, flip(DIGITS, 2500), "middle of five thousand digits differs"),
    wrong(DIGITS, DIGITS[:-1], "last of five thousand digits missing"),
    wrong(DIGITS, "-" + DIGITS, "sign before five thousand digits"),
    wrong("0." + DIGITS, "0." + flip(DIGITS, 4999), "last of five thousand decimal places differs"),
    wrong(r"\frac{10^{5000}-1}{9}", "1" * 4999, "one digit too few"),
    wrong(r"\frac{1}{2}", rf"\frac{{{'3' * 3000}}}{{{'6' * 2999}7}}", "last digit of the denominator differs"),
    wrong(r"7", "7" * 100_000, "a hundred thousand sevens", one_way=True),
    wrong(r"7", "0." + "9" * 100_000, "a hundred thousand decimal places", one_way=True),
    # Decimals beyond forty places
    right(r"\pi", PI[:52], "fifty places of pi", one_way=True),
    right(PI[:51] + "1", r"\pi", "fifty places of pi, rounded"),
    right(
        r"10^{30}\pi",
        PI.replace(".", "")[:31] + "." + PI[32:62],
        "sixty digits, half of them before the point",
        one_way=True,
    ),
    right(r"\pi", PI, "a hundred places of pi", one_way=True),
    wrong(r"\pi", PI[:51] + "2", "last of fifty places differs", one_way=True),
    wrong(r"\pi", flip(PI, 60), "one of a hundred places differs", one_way=True),
    # Towers, factorials and sums that cannot be worked out
    wrong(r"7", r"5^{5^{5^{5^5}}}", "tower of five", one_way=True),
    wrong(r"1", r"9^{9^{9^9}} \bmod 10", "the last digit is nine", one_way=True),
    wrong(r"0", r"10^{-10^{10^{10}}}", "tiny tower is not zero", one_way=True),
    wrong(r"1", r"1^{10^{10^{10}}}+1", "harmless tower, then plus one", one_way=True),
    wrong(r"3", r"(((9!)!)!)!", "factorial of a factorial, repeated", one_way=True),
    wrong(r"3", r"(10^{9})!", "factorial of a billion", one_way=True),
    wrong(r"12", r"\binom{10^9}{5\cdot 10^8}", "binomial of a billion", one_way=True),
    wrong(r"5", r"\sum_{k=1}^{10^{12}} k", "a sum of a trillion terms", one_way=True),
    wrong(r"5", r"\prod_{k=1}^{10^{9}} k", "a product of a billion factors", one_way=True),
    wrong(r"5", r"\sum_{a=1}^{10^4}\sum_{b=1}^{10^4}\sum_{c=1}^{10^4} abc", "three sums in each other", one_way=True),
    wrong(r"5", r"\sum_{a=1}^{2000}\sum_{b=1}^{2000} ab", "two sums in each other", one_way=True),
    wrong(r"5", r"\sum_{a=1}^{2000}\sum_{b=1}^{a} ab", "a sum as long as another one's variable", one_way=True),
    right(r"6502500", r"\sum_{a=1}^{50}\sum_{b=1}^{50} 4ab", "two short sums in each other"),
    wrong(r"42", "1" + "x10^4000" * 499, "five hundred powers of ten", one_way=True),
    wrong(r"5", r"1e999999999", "exponent of a billion in computer notation", one_way=True),
    wrong(r"0", r"1e-999999999", "tiny exponent is not zero", one_way=True),
    wrong(r"2", r"\sqrt[10^{9}]{3^{10^{9}}}", "giant root of a giant power", one_way=True),
    wrong(r"5", r"\log_2\left(3^{3^{3^{3^3}}}\right)", "logarithm of a tower", one_way=True),
    wrong(r"5", r"2^{100!}", "power with a factorial exponent", one_way=True),
    wrong(r"5", r"(1+i)^{10^{15}}", "giant complex power", one_way=True),
    wrong(r"5", r"\sin\left(10^{10^{10}}\right)", "sine of a giant", one_way=True),
    wrong(r"5", r"123456789^{987654321}", "nine digits to a nine-digit power", one_way=True),
    wrong(r"9^{9^{9^9}}", r"9^{9^{9^8}}", "towers of another height"),
    wrong(r"9^{9^{9^9}}", r"9^{9^{9^9}}+1", "one more than a tower"),
    wrong(r"2^{3^{100}}", r"2^{3^{101}}", "exponents differ by a factor of three"),
    wrong(r"1000!", r"1001!", "the next factorial instead"),
    wrong(r"1000!", r"1000!+1", "one more than a long factorial"),
    wrong(r"3^{1000000}", r"3^{1000001}", "half a million digits, a factor of three"),
    right(r"9^{9^{9^9}}", r"9^{9^{9^{9}}}", "the same tower with braces"),
    right(r"2^{3^{100}}", r"{2}^{{3}^{{100}}}", "the same giant power with braces"),
    right(r"1000!", r"1000 \cdot 999!", "a long factorial with one factor split off"),
    right(r"9900", r"\frac{100!}{98!}", "long factorials that cancel"),
    right(r"2^{100000}", r"4^{50000}", "thirty thousand digits"),
    # Nesting and length
    right(r"-42", nest("-(", "42", ")", 61), "an odd number of signs"),
    right(r"\sqrt{2}", nest("(", r"\sqrt{2}", ")", 60), "a root in sixty parentheses"),
    right(r"\frac{1}{2}", nest("(", r"\frac{1}{2}", ")", 60), "a fraction in sixty parentheses"),
    right(r"2^{16}", nest("(", "2", ")^2", 4), "four nested squares"),
    right(r"42", nest("(", "42", ")", 60), "sixty nested parentheses"),
    right(r"42", nest("{", "42", "}", 200), "two hundred nested braces"),
    right(r"42", nest(r"\left(", "42", r"\right)", 60), "sixty sized parentheses"),
    right(r"x+1", nest("(", "x+1", ")", 60), "an expression in sixty parentheses"),
    right(r"1", nest(r"\sqrt{", "1", "}", 40), "forty nested roots of one"),
    right(r"\frac{433494437}{267914296}", nest(r"1+\frac{1}{", "1", "}", 41), "continued fraction of depth 41"),
    right(r"300", "+".join(["1"] * 300), "three hundred ones added"),
    right(r"42", "42" + " " * 5000, "five thousand spaces behind the number"),
    wrong(r"42", nest("(", "43", ")", 60), "another number in sixty parentheses"),
    wrong(r"42", "-" + nest("(", "42", ")", 60), "a sign before sixty parentheses"),
    wrong(r"42", nest("-(", "42", ")", 61), "an odd number of signs"),
    wrong(r"42", nest("(", "42", ")!", 60), "sixty nested factorials", one_way=True),
    wrong(r"2", nest(r"\sqrt{", "2", "}", 60), "nested roots tend to one", one_way=True),
    wrong(r"1", nest(r"\sqrt{", "2", "}", 60), "sixty roots of two, one to eighteen digits", one_way=True),
    wrong(r"300", "+".join(["1"] * 299), "one summand short"),
    wrong(r"\frac{433494437}{267914296}", nest(r"1+\frac{1}{", "1", "}", 40), "continued fraction one level short"),
    wrong(r"7", nest(r"\frac{1}{", "7", "}", 2001), "two thousand nested fractions", one_way=True),
    wrong(r"7", nest("(", "8", ")", 20_000), "twenty thousand parentheses", one_way=True),
    wrong(r"7", "(" * 20_000 + "7", "parentheses never closed", one_way=True),
    wrong(r"7", ",".join(["7"] * 20_000), "a list of twenty thousand sevens", one_way=True),
    wrong(r"7", "+".join(["x"] * 10_000), "ten thousand summands", one_way=True),
    wrong(r"7", "x" * 50_000, "fifty thousand factors", one_way=True),
    wrong(r"7", r"\frac" * 5000 + "7", "five thousand fraction signs without arguments", one_way=True),
    wrong(r"7", "^{2" * 3000 + "}" * 3000, "a tower without a base", one_way=True),
    # Big polynomials
    right(r"(x^2-1)^{50}", r"(x+1)^{50}(x-1)^{50}", "no need to expand"),
    right(r"x^{2000}", r"(x^{1000})^2", "a high power of a power"),
    right(
        r"x^{30}-1",
        "(x-1)(" + "+".join(f"x^{{{n}}}" for n in range(30)) + ")",
        "geometric sum of thirty terms",
    ),
    wrong(r"(x^2-1)^{50}", r"(x^2-1)^{51}", "power off by one"),
    wrong(r"x^{2000}", r"x^{2001}", "high power off by one"),
    wrong(r"x^{10^9}", r"x^{10^9+1}", "a billionth power off by one"),
    wrong(r"1", r"(x+y+z+w)^{1000}", "too many terms to expand", one_way=True),
    wrong(r"x", r"(1+x)^{10^{9}}", "a billion binomial terms", one_way=True),
    wrong(
        r"x",
        r"\left(\left(\left((x+1)^{99}+1\right)^{99}+1\right)^{99}+1\right)^{99}",
        "powers nested four deep",
        one_way=True,
    ),
    wrong(r"x", r"x^{x^{x^{x^{x^{x}}}}}", "tower of a variable", one_way=True),
    # Whole responses
    response_right(r"7", "Let me see. " * 5000 + r"The answer is $\boxed{7}$.", "a long text before the box"),
    response_right(r"42", rf"So $\boxed{{{nest('(', '42', ')', 60)}}}$ it is.", "text around the nested number"),
    response_wrong(r"7", r"The answer is $\boxed{7" + "0" * 200_000 + "}$.", "two hundred thousand zeros"),
    response_wrong(r"7", r"\boxed{" * 3000 + "8" + "}" * 3000, "three thousand nested boxes"),
]
