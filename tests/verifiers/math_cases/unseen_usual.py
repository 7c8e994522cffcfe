"""Hard pairs of all kinds whose author had not seen the verifier: as models write answers to MATH."""

from __future__ import annotations

from tests.verifiers.math_cases.case import response_right, response_wrong, right, wrong

INTEGERS = [
    right(r"33,\!800,\!000", r"33800000", "MATH thousands separators"),
    right(r"95,\!040", r"95{,}040", "braced comma"),
    right(r"30,951", r"30\,951", "thin space as separator"),
    right(r"33,\!800,\!000", r"3.38 \times 10^{7}", "scientific notation, exact"),
    right(r"-17", r"−17", "unicode minus"),
    right(r"1121_4", r"(1121)_{4}", "same base, parentheses"),
    right(r"5^{12}", r"244140625", "power written out"),
    wrong(r"33,\!800,\!000", r"3,380,000", "a factor of ten"),
    wrong(r"95,\!040", r"95,041", "relative error 1e-5"),
    wrong(r"1121_4", r"1121_5", "another base"),
    wrong(r"1011_2", r"1101_2", "digits swapped"),
    wrong(r"987654321", r"987654320", "relative error 1e-9"),
    wrong(r"17", r"-17", "sign"),
]

FRACTIONS = [
    right(r"\frac{9}{49}", r"\dfrac{9}{49}", "display fraction"),
    right(r"-\frac{15}4", r"\frac{-15}{4}", "sign in the numerator"),
    right(r"\frac94", r"9/4", "braceless frac against slash"),
    right(r"\frac{5}{16}", r"0.3125", "terminating decimal"),
    right(r"\frac{20}{3}", r"\frac{40}{6}", "not reduced"),
    right(r"\frac 35", r"{3 \over 5}", "plain TeX over"),
    wrong(r"\frac{9}{49}", r"\frac{49}{9}", "upside down"),
    wrong(r"\frac{5}{16}", r"\frac{16}{51}", "close value (0.3125 and 0.3137)"),
    wrong(r"-\frac73", r"\frac73", "sign dropped"),
    wrong(r"\frac{8045}{2012}", r"\frac{8046}{2012}", "last digit"),
    wrong(r"\frac{29}{32}", r"\frac{29}{3}", "prefix of the answer"),
    wrong(r"\frac{1}{432}", r"\frac{1}{433}", "small absolute difference"),
    wrong(r"\frac{2}{7}", r"27", "braces lost"),
]

MIXED = [
    right(r"6\frac{1}{6}", r"\frac{37}{6}", "mixed number"),
    right(r"6\frac{1}{6}", r"6 1/6", "mixed number, plain text"),
    right(r"-2\frac{1}{3}", r"-\frac{7}{3}", "negative mixed number"),
    right(r"0.\overline{18}", r"\frac{2}{11}", "repeating decimal"),
    right(r"\frac{17}{90}", r"0.1\overline{8}", "repeating after one digit"),
    right(r"\frac13", r"0.333\ldots", "dots"),
    right(r"1", r"0.\overline{9}", "nines"),
    wrong(r"6\frac{1}{6}", r"1", "mixed number is no product"),
    wrong(r"-2\frac{1}{3}", r"-\frac{5}{3}", "sign applies to the whole mixed number"),
    wrong(r"\frac{2}{11}", r"0.1\overline{8}", "bar over the wrong digits"),
    wrong(r"0.\overline{3}", r"0.3", "bar dropped"),
    wrong(r"3\frac{1}{2}", r"\frac{31}{2}", "digits glued"),
    wrong(r"0.\overline{142857}", r"\frac{1}{6}", "one seventh is not one sixth"),
]

PERCENT = [
    right(r"40\%", r"40 \text{ percent}", "word"),
    right(r"237.5\%", r"237.50\%", "trailing zero"),
    right(r"12.5\%", r"12\frac{1}{2}\%", "mixed number percent"),
    right(r"32 \%", r"32%", "bare percent sign"),
    right(r"0.28", r"28\%", "percent is a hundredth"),
    right(r"33\frac{1}{3}\%", r"\frac{100}{3}\%", "exact third"),
    wrong(r"0.28", r"28", "percent sign invented"),
    wrong(r"28", r"0.28", "hundredfold"),
    wrong(r"8\%", r"0.8", "tenfold"),
    wrong(r"237.5\%", r"23.75\%", "decimal point moved"),
    wrong(r"84\%", r"16\%", "complement"),
    wrong(r"33\frac{1}{3}\%", r"\frac{1}{4}", "one third is not one quarter"),
    wrong(r"73\%", r"73.5\%", "half a point"),
]

MONEY = [
    right(r"\$2.75", r"2.75", "sign dropped"),
    right(r"\$ 251.60", r"\$251.6", "trailing zero"),
    right(r"\$180", r"180\text{ dollars}", "dollars in words"),
    right(r"104.99", r"\$104.99", "sign added"),
    right(r"\$1,\!250", r"\$1250.00", "cents and separator"),
    right(r"\$15", r"15 USD", "currency code"),
    wrong(r"\$2.75", r"\$275", "decimal point lost"),
    wrong(r"\$180", r"\$18", "prefix"),
    wrong(r"\$180", r"-\$180", "loss and gain"),
    wrong(r"\$251.60", r"\$251.06", "digits swapped"),
    wrong(r"\$5", r"5\text{ cents}", "cents are no dollars"),
    wrong(r"\$1,\!250", r"\$1.250,50", "another amount"),
    wrong(r"\$104.99", r"\$104.98", "a cent"),
]

UNITS = [
    right(r"10\text{ cm}", r"10 \mathrm{~cm}", "mathrm with a tie"),
    right(r"250\text{ inches}", r"250", "unit left out"),
    right(r"120^{\circ}", r"120°", "unicode degree"),
    right(r"83^\circ", r"83 \text{ degrees}", "degrees in words"),
    right(r"20 \text{ sq units}", r"20\text{ square units}", "abbreviated"),
    right(r"12\sqrt{13}\text{ feet}", r"12\sqrt{13} \text{ ft}", "abbreviated foot"),
    right(r"7\text{ hours}.", r"7 \text{ hours}", "full stop in the reference"),
    wrong(r"10\text{ cm}", r"10\text{ m}", "another unit"),
    wrong(r"7\text{ hours}", r"7\text{ minutes}", "another unit of time"),
    wrong(r"250\text{ inches}", r"250\text{ feet}", "another unit of length"),
    wrong(r"16\text{ cm}^2", r"16^2\text{ cm}", "the exponent moved to the number"),
    wrong(r"120^\circ", r"60^\circ", "supplement"),
    wrong(r"6\frac{1}{6}\text{ feet}", r"6\text{ feet}", "fraction lost"),
]

RADICALS = [
    right(r"\frac{1}{\sqrt{3}}", r"\frac{\sqrt{3}}{3}", "rationalised"),
    right(r"40\sqrt{10}", r"40 \cdot 10^{1/2}", "fractional power"),
    right(r"2\sqrt{6}", r"√24", "unicode root, not simplified"),
    right(r"4+2\sqrt3", r"(1+\sqrt{3})^2", "perfect square"),
    right(r"2\sqrt{2}-2", r"-2 + 2*sqrt(2)", "Python form"),
    right(r"\sqrt{2}-1", r"\sqrt{3-2\sqrt{2}}", "nested radical"),
    wrong(r"7\sqrt2", r"\sqrt{14}", "factor pulled under the root"),
    wrong(r"2\sqrt{15}", r"2\sqrt[3]{15}", "cube root"),
    wrong(r"3 - 2 \sqrt{2}", r"3 + 2\sqrt{2}", "conjugate"),
    wrong(r"\sqrt{39}", r"\sqrt{3}9", "root over one digit only"),
    wrong(r"25 + 2\sqrt{159}", r"27\sqrt{159}", "unlike terms added"),
    wrong(r"-\sqrt{2}", r"\pm\sqrt{2}", "both signs"),
    wrong(r"\sqrt{13}", r"\sqrt{4}+\sqrt{9}", "root of a sum split"),
]

CONSTANTS = [
    right(r"9 \pi", r"9π", "unicode pi"),
    right(r"\frac{35}{2} \pi", r"35*pi/2", "Python form"),
    right(r"16+8\pi", r"8(\pi + 2)", "factored"),
    right(r"e^2", r"\exp(2)", "exp"),
    right(r"\ln 8", r"3 \ln 2", "logarithm of a power"),
    right(r"\frac{1}{2}", r"\cos\frac{\pi}{3}", "exact cosine"),
    right(r"3", r"\log_2 8", "exact logarithm"),
    wrong(r"9 \pi", r"9", "pi dropped"),
    wrong(r"\pi", r"\frac{355}{113}", "rational approximation"),
    wrong(r"e^2", r"2e", "power against product"),
    wrong(r"48\pi-72\sqrt{3}", r"48\pi+72\sqrt{3}", "sign"),
    wrong(r"\ln 6", r"\ln 2 \cdot \ln 3", "product of logarithms"),
    wrong(r"224\pi", r"224\pi^2", "pi squared"),
]

COMPLEX = [
    right(r"-7+24i", r"24i - 7", "terms swapped"),
    right(r"-7+24i", r"(3+4i)^2", "square not multiplied out"),
    right(r"-i", r"\frac{1}{i}", "reciprocal of i"),
    right(r"\frac{1}{2} + \frac{\sqrt{3}}{2} i", r"e^{i\pi/3}", "exponential form"),
    right(r"-\frac34i", r"-\frac{3i}{4}", "i in the numerator"),
    right(r"3i", r"\sqrt{-9}", "root of a negative number"),
    right(r"13", r"|5-12i|", "modulus"),
    wrong(r"-7+24i", r"-7-24i", "conjugate"),
    wrong(r"-1-16i", r"-16-i", "parts swapped"),
    wrong(r"-7 - 9i", r"-16i", "real and imaginary parts added"),
    wrong(r"2i", r"2", "i dropped"),
    wrong(r"5", r"3+4i", "modulus asked, number given"),
    wrong(r"i", r"e^{i\pi}", "that is -1"),
]

ALGEBRA = [
    right(r"26x^2+30x", r"2x(13x+15)", "factored"),
    right(r"-(ab + ac + bc)", r"-bc - ca - ab", "reordered"),
    right(r"\frac{1}{(a - b)b}", r"\frac{1}{ab - b^2}", "denominator multiplied out"),
    right(r"2 \sec x", r"\frac{2}{\cos x}", "secant by definition"),
    right(r"(w-2)(w+2)(w^2+4)", r"w^4 - 16", "difference of squares"),
    right(r"4x^2 -2x + \frac{3}{2}", r"4*x**2 - 2*x + 1.5", "Python form"),
    right(r"-x^3 + 3x", r"x(3 - x^2)", "sign inside"),
    wrong(r"\sqrt{a^2 + b^2}", r"a+b", "root of a sum"),
    wrong(r"\frac{1}{4m}", r"\frac{m}{4}", "m left the denominator"),
    wrong(r"\tan x", r"\cot x", "reciprocal"),
    wrong(r"x^2 + 1774x + 235", r"x^2 + 1774x - 235", "last sign"),
    wrong(r"\frac{t^2}{2}", r"\frac{t^2}{2} + t", "a term too many"),
    wrong(r"(3x+7)(x+1)", r"(3x+1)(x+7)", "constants swapped"),
]

EQUATIONS = [
    right(r"x = \frac{3}{2}", r"\frac{3}{2}", "only the value"),
    right(r"8", r"K = 8", "variable named"),
    right(r"y = 2x + 3", r"2x - y + 3 = 0", "general form of a line"),
    right(r"5x - 11y + z - 17 = 0", r"5x - 11y + z = 17", "constant moved"),
    right(r"5x - 11y + z - 17 = 0", r"-10x + 22y - 2z + 34 = 0", "times -2"),
    right(r"(x-2)^2 + (y+1)^2 = 9", r"x^2 + y^2 - 4x + 2y - 4 = 0", "circle multiplied out"),
    wrong(r"y = 2x + 3", r"y = 3x + 2", "slope and intercept swapped"),
    wrong(r"5x - 11y + z - 17 = 0", r"5x - 11y + z + 17 = 0", "parallel plane"),
    wrong(r"x = 5", r"y = 5", "a vertical and a horizontal line"),
    wrong(r"(x-2)^2 + (y+1)^2 = 9", r"(x+2)^2 + (y-1)^2 = 9", "centre reflected"),
    wrong(r"x = \frac{3}{2}", r"x = \frac{2}{3}", "reciprocal"),
    wrong(r"y = x^2", r"y = x^2 + y", "that is x^2 = 0"),
    wrong(r"k=3", r"k \neq 3", "the opposite"),
]

INEQUALITIES = [
    right(r"x \ge 3", r"3 \leq x", "mirrored"),
    right(r"x \ge 3", r"x >= 3", "ASCII"),
    right(r"x > -\frac{1}{2}", r"x > -0.5", "decimal bound"),
    right(r"-2 < x < 5", r"5 > x > -2", "chain mirrored"),
    right(r"x \le 4", r"x ≤ 4", "unicode"),
    right(r"x < 7", r"(-\infty, 7)", "as an interval"),
    wrong(r"x \ge 3", r"x > 3", "strict"),
    wrong(r"x < 7", r"x > 7", "direction"),
    wrong(r"-2 < x < 5", r"-2 \le x \le 5", "end points added"),
    wrong(r"-2 < x < 5", r"x < 5", "lower bound lost"),
    wrong(r"x \le 4", r"x = 4", "only the end point"),
    wrong(r"-2 < x < 5", r"x < -2 \text{ or } x > 5", "complement"),
    wrong(r"x > -1", r"-x > 1", "sign changed without turning the relation"),
]

INTERVALS = [
    right(r"(-\infty, -5) \cup (7, \infty)", r"(7,\infty) \cup (-\infty,-5)", "union reordered"),
    right(r" (-\infty, 3) \cup (3, \infty) ", r"\mathbb{R} \setminus \{3\}", "all but one point"),
    right(r"(0,1]", r"\left(0, 1\right]", "left and right"),
    right(r"(-\infty,\infty)", r"\mathbb{R}", "the real line"),
    right(r"[0,2)", r"0 \le x < 2", "as an inequality"),
    right(r"\left[ \frac{\pi}{4}, \frac{3 \pi}{4} \right]", r"[\pi/4, 3\pi/4]", "slashes"),
    right(
        r"(-\infty,-2) \cup (-1,0)\cup (1, \infty)",
        r"x \in (-\infty, -2) ∪ (-1, 0) ∪ (1, +\infty)",
        "unicode union, plus sign",
    ),
    wrong(r"(0,1]", r"[0,1)", "brackets swapped"),
    wrong(r"[-77,77]", r"(-77,77)", "open"),
    wrong(r"[3,7] \cup [8,9)", r"[3,9)", "gap closed"),
    wrong(r"(-\infty, -5) \cup (7, \infty)", r"(-\infty, -5) \cap (7, \infty)", "empty intersection"),
    wrong(r"(-\infty, 3) \cup (3, \infty)", r"(-\infty, \infty)", "the excluded point"),
    wrong(r"\left( 0, \frac{1}{\sqrt{2}} \right]", r"\left(0, \frac{1}{2}\right]", "root lost"),
]

SETS = [
    right(r"5,\,-11", r"-11, 5", "reordered list"),
    right(r"6, 8\text{, and }10", r"\{6, 8, 10\}", "words against braces"),
    right(r"\{1,2,3\}", r"\left\{3, 2, 1\right\}", "set order"),
    right(r"0, \frac{1}{2}", r"x = 0 \text{ or } x = \frac{1}{2}", "both solutions named"),
    right(r"\sqrt{3}, -\sqrt{3}", r"\pm\sqrt{3}", "plus-minus"),
    right(r"-71, -27, -11, 9", r"9,-11,-27,-71", "descending"),
    wrong(r"-1, 8", r"8", "one solution lost"),
    wrong(r"4, 6", r"4, 6, 8", "one too many"),
    wrong(r"-1, 8", r"1, -8", "signs"),
    wrong(r"0, \frac{1}{14}, -\frac{1}{12}", r"0, \frac{1}{14}, \frac{1}{12}", "one sign"),
    wrong(r"\{1,2,3\}", r"\{123\}", "commas lost"),
    wrong(r"4, 6", r"4.6", "comma against point"),
    wrong(r"\{2, 3, 5\}", r"\{2, 3, 5, \dots\}", "an endless set"),
]

TUPLES = [
    right(r"(7,2)", r"\left( 7,\, 2 \right)", "spacing"),
    right(r"(7,2)", r"(x, y) = (7, 2)", "names in front"),
    right(r"\left( 2, -\frac{13}{7}, -\frac{4}{7} \right)", r"(2, -13/7, -4/7)", "slashes"),
    right(r"\left(\frac{1}{8},\frac{1}{3}\right)", r"(0.125, \tfrac{1}{3})", "decimal coordinate"),
    right(r"(3,4)", r"x = 3, y = 4", "coordinates named"),
    right(r"(-1,1,0,1)", r"( -1 , 1 , 0 , 1 )", "blanks"),
    right(r"\left( 4, \frac{4 \pi}{3}, -1 \right)", r"\left(4, \frac{4}{3}\pi, -1\right)", "pi behind"),
    wrong(r"(7,2)", r"(2,7)", "order matters"),
    wrong(r"(5,-5,-6)", r"(5,-5)", "coordinate lost"),
    wrong(r"(25,10)", r"(25,1)", "prefix"),
    wrong(r"(1,-19)", r"(1,19)", "sign"),
    wrong(r"(20,30)", r"50", "sum of the coordinates"),
    wrong(r"(3,5)", r"(3,5), (5,3)", "a second point"),
]

MATRICES = [
    right(r"\begin{pmatrix} 4 \\ -3 \end{pmatrix}", r"\begin{bmatrix} 4 \\ -3 \end{bmatrix}", "brackets"),
    right(r"\begin{pmatrix} 4/5 \\ 3/5 \end{pmatrix}", r"\begin{pmatrix} 0.8 \\ 0.6 \end{pmatrix}", "decimals"),
    right(
        r"\begin{pmatrix} -3 & 0 \\ 0 & -3 \end{pmatrix}",
        r"-3\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}",
        "scalar in front",
    ),
    right(
        r"\begin{pmatrix} 4/9 \\ 4/3 \end{pmatrix}",
        r"\left[\begin{array}{c} \frac{4}{9} \\ \frac{4}{3} \end{array}\right]",
        "array",
    ),
    right(
        r"\begin{pmatrix}-6 \\ 8 \end{pmatrix}",
        r"\begin{pmatrix} -6 \\[1ex] 8 \\ \end{pmatrix}",
        "row spacing, trailing break",
    ),
    right(
        r"\begin{pmatrix} 7/17 & -3/17 \\ 1/17 & 2/17 \end{pmatrix}",
        r"\frac{1}{17} \begin{pmatrix} 7 & -3 \\ 1 & 2 \end{pmatrix}",
        "factor pulled out",
    ),
    wrong(
        r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}", "transposed"
    ),
    wrong(r"\begin{pmatrix} 12 \\ -21 \\ 3 \end{pmatrix}", r"\begin{pmatrix} 12 \\ 21 \\ 3 \end{pmatrix}", "one sign"),
    wrong(r"\begin{pmatrix} -3 & 0 \\ 0 & -3 \end{pmatrix}", r"-3", "scalar for a matrix"),
    wrong(r"\begin{pmatrix} 4 \\ -3 \end{pmatrix}", r"\begin{pmatrix} 4 \\ -3 \\ 0 \end{pmatrix}", "a row too many"),
    wrong(r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 & 3 & 4 \end{pmatrix}", "shape"),
    wrong(
        r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}",
        r"\begin{pmatrix} 0 & 1 \\ 1 & 0 \end{pmatrix}",
        "identity and swap",
    ),
    wrong(r"\begin{pmatrix} 4 \\ -3 \end{pmatrix}", r"\begin{pmatrix} -3 \\ 4 \end{pmatrix}", "entries swapped"),
]

RATIOS = [
    right(r"3:1", r"3 \colon 1", "colon command"),
    right(r"3:1", r"3 : 1", "blanks"),
    right(r"3:1", r"3 \text{ to } 1", "words"),
    right(r"2:3", r"\frac{2}{3}", "as a fraction"),
    right(r"1:2:3", r"1 : 2 : 3", "three terms"),
    right(r"5:8", r"5\!:\!8", "negative space"),
    wrong(r"3:1", r"1:3", "reversed"),
    wrong(r"2:3", r"2:5", "part to whole"),
    wrong(r"1:2:3", r"1:2", "term lost"),
    wrong(r"1:2:3", r"1:3:2", "order"),
    wrong(r"5:8", r"5.8", "colon against point"),
    wrong(r"2:3", r"4:9", "squared"),
    wrong(r"3:1", r"31", "colon lost"),
]

CHOICES = [
    right(r"B", r"\textbf{(B)}", "bold with parentheses"),
    right(r"\text{(D)}", r"\mathrm{D}", "roman"),
    right(r"C", r"\text{C.}", "full stop"),
    right(r"\text{A,B}", r"\text{A and B}", "two letters in words"),
    right(r"\text{B,C}", r"C, B", "reordered"),
    right(r"E", r"\text{Option E}", "word in front"),
    right(r"A", r"(A)", "parentheses"),
    wrong(r"B", r"\text{D}", "another letter"),
    wrong(r"B", r"\text{A or B}", "hedge", one_way=True),
    wrong(r"\text{A,B}", r"\text{A}", "one letter lost"),
    wrong(r"\text{A, D, F, G, H}", r"\text{A, D, F, G}", "last letter lost"),
    wrong(r"C", r"\text{A, B, C, D, E}", "all letters"),
    wrong(r"A", r"\text{A is false, so B}", "letter only mentioned", one_way=True),
]

TEXT = [
    right(r"\text{Monday}", r"Monday", "text command"),
    right(r"\text{Monday}", r"\textbf{monday}", "case and bold"),
    right(r"\text{ellipse}", r"\text{an ellipse}", "article"),
    right(r"\text{even}", r"\mathrm{even}", "roman"),
    right(r"\text{Yes}", r"\text{yes}", "case"),
    right(r"\text{Evelyn}", r"\text{ Evelyn }", "blanks"),
    wrong(r"\text{Monday}", r"\text{Sunday}", "another day"),
    wrong(r"\text{even}", r"\text{odd}", "the opposite"),
    wrong(r"\text{even}", r"\text{not even}", "negated"),
    wrong(r"\text{Yes}", r"\text{No}", "the opposite"),
    wrong(r"\text{ellipse}", r"\text{ellipse or hyperbola}", "hedge", one_way=True),
    wrong(r"\text{Evelyn}", r"\text{Eve}", "prefix"),
    wrong(r"\text{neither}", r"\text{either}", "contained word"),
]

UNDEFINED = [
    right(r"\text{undefined}", r"\text{Undefined}", "case"),
    right(r"\text{no solution}", r"\text{no solutions}", "plural"),
    right(r"\emptyset", r"\varnothing", "two empty sets"),
    right(r"\text{does not exist}", r"\text{DNE}", "abbreviation"),
    right(r"\text{No solution}", r"\text{There is no solution.}", "sentence"),
    right(r"\emptyset", r"\{\}", "empty braces"),
    right(r"\infty", r"+\infty", "plus sign"),
    wrong(r"\text{no solution}", r"0", "zero is a solution"),
    wrong(r"\emptyset", r"\{0\}", "set of zero"),
    wrong(r"\emptyset", r"\{\emptyset\}", "set of the empty set"),
    wrong(r"\infty", r"-\infty", "sign"),
    wrong(r"\text{undefined}", r"\text{defined}", "contained word"),
    wrong(r"\text{no solution}", r"\text{infinitely many solutions}", "the opposite"),
]


def _fraction(depth: int) -> str:
    """A continued fraction of ones; depth 12 is 233/377."""
    return "1" if depth == 0 else rf"\frac{{1}}{{1+{_fraction(depth - 1)}}}"


HOSTILE = [
    right("7" * 5000, "7" * 5000, "a very long integer equal to itself"),
    right("42", "(" * 60 + "42" + ")" * 60, "nested parentheses"),
    right(r"\frac{233}{377}", _fraction(12), "continued fraction"),
    right(r"1267650600228229401496703205376", r"2^{100}", "a power to evaluate"),
    right(r"5050", r"\sum_{k=1}^{100} k", "a small sum"),
    right(r"5^{5^{5^{5^5}}}", r"5^{5^{5^{5^{5}}}}", "a tower equal to itself"),
    right(r"2^{-300}", r"\frac{1}{2^{300}}", "tiny but equal"),
    right(r"0.5", r"0.5" + "0" * 2000, "trailing zeros"),
    wrong("7" * 5000, "7" * 4999 + "8", "last of 5000 digits"),
    wrong(r"3125", r"5^{5^{5^{5^5}}}", "tower of powers"),
    wrong(r"2", r"(10^{10^{10}})!", "factorial of a huge power"),
    wrong(r"120", r"5!!!!!!!!!!!!!!!!", "repeated factorials"),
    wrong(r"\frac{1}{2^{300}}", r"\frac{1}{2^{301}}", "both tiny, one twice the other"),
    wrong(r"0", r"10^{-400}", "tiny is not zero"),
    wrong(r"262537412640768744", r"e^{\pi\sqrt{163}}", "almost an integer"),
    wrong(r"0", r"__import__('os').system('touch /tmp/owned')", "code"),
    wrong(r"1", r"(lambda: exec('import os'))() or 1", "code that would evaluate to one"),
    wrong(r"x+1", r"(x+1)^{1000000}", "expansion bomb"),
    wrong(r"2", r"\binom{10^{12}}{5 \cdot 10^{11}}", "huge binomial"),
    wrong(r"5", r"\sqrt{" * 200 + "5" + "}" * 200, "two hundred nested roots"),
]

RESPONSES = [
    response_right(
        "12",
        "<think>\nMaybe $\\boxed{7}$? No, I forgot a case.\n</think>\nThe total is $\\boxed{12}$.",
        "box in the thinking does not count",
    ),
    response_right(
        "13",
        r"We get $\boxed{11}$. Wait, I made an arithmetic mistake: $6+7=13$. The correct answer is $\boxed{13}$.",
        "corrected second box",
    ),
    response_right("5", "There are 2 + 3 = 5 apples.\n#### 5", "GSM8K marker"),
    response_right(r"\frac{3}{4}", "Simplify both sides.\n\n**Answer:** $\\frac{3}{4}$", "bold answer line"),
    response_right("5", "Subtracting gives the result.\n\nAnswer: 5", "plain answer line"),
    response_right(r"\frac{9}{49}", r"$\frac{9}{49}$", "bare expression"),
    response_right(
        "7", r"So $n = \boxed{7}$. Check: $7^2 = 49$. Hence the answer is $\boxed{7}$.", "the same box twice"
    ),
    response_right(0.5, r"The probability is $\boxed{\frac{1}{2}}$.", "float reference"),
    response_right(
        [r"2\sqrt{3}", r"-2\sqrt{3}"], r"One such number is $\boxed{-\sqrt{12}}$.", "one of several accepted answers"
    ),
    response_right(
        r"\frac{\sqrt{3}}{4}",
        "The area is\n\\[\n\\boxed{\\dfrac{\\sqrt{3}}{4}}.\n\\]",
        "display box with nested braces",
    ),
    response_wrong(
        "7", "<think>\nClearly $\\boxed{7}$.\n</think>\nThe answer is $\\boxed{8}$.", "right only in the thinking"
    ),
    response_wrong(
        "11",
        r"We get $\boxed{11}$. Wait, I made a mistake, it must be larger. The correct answer is $\boxed{13}$.",
        "corrected away from the reference",
    ),
    response_wrong("42", r"The answer is $\boxed{41 \text{ or } 42}$.", "hedge in the box"),
    response_wrong("42", r"The answer is $\boxed{41}$ or $\boxed{42}$.", "two different boxes"),
    response_wrong("12", r"Therefore the answer is $\boxed{1", "cut off inside the box"),
    response_wrong("5", "There are 50 apples.\n#### 50", "prefix behind the marker"),
    response_wrong("0", r"So the answer is $\boxed{}$.", "empty box"),
    response_wrong("7", "1 2 3 4 5 6 7 8 9 10", "every number listed"),
    response_wrong("3", "I could not solve this problem, although I tried 3 ways.", "no answer"),
    response_wrong("6", "We need 6 boxes with 2 left over.\n\nAnswer: 5", "the reference is only mentioned"),
]

CASES = [
    *INTEGERS, *FRACTIONS, *MIXED, *PERCENT, *MONEY, *UNITS, *RADICALS, *CONSTANTS, *COMPLEX, *ALGEBRA,
    *EQUATIONS, *INEQUALITIES, *INTERVALS, *SETS, *TUPLES, *MATRICES, *RATIOS, *CHOICES, *TEXT, *UNDEFINED,
    *HOSTILE, *RESPONSES,
]  # fmt: skip
