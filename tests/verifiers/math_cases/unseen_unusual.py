r"""Hard pairs of all kinds whose author had not seen the verifier: unusual but legitimate spellings."""

from __future__ import annotations

from tests.verifiers.math_cases.case import response_right, response_wrong, right, wrong

INTEGERS = [
    right("5040", r"7\,!", "factorial after a thin space"),
    right("12345678", r"12{,}345{,}678", "braced commas"),
    right("1234567", r"1\;234\;567", "thick spaces as separators"),
    right("120", r"\dbinom{10}{3}", "display binomial"),
    right("385", r"\sum\limits_{k=1}^{10}k^{2}", "sum with limits"),
    right("6", r"\operatorname{gcd}(54,\,24)", "gcd as an operator"),
    right("-4", r"\left\lfloor -3.2\right\rfloor", "floor of a negative number"),
    right("2432902008176640000", r"2^{18}\cdot3^8\cdot5^4\cdot7^2\cdot11\cdot13\cdot17\cdot19", "20! as prime powers"),
    wrong("120", r"\binom{10}{4}", "another binomial"),
    wrong("-3", r"\left\lfloor -3.2\right\rfloor", "floor is not truncation"),
    wrong("2^{61}-1", r"2305843009213693950", "one less than the prime"),
    wrong("123456789123456789123", r"123456789123456798123", "two digits swapped far behind"),
    wrong("3628800", r"10!!", "double factorial"),
    wrong("385", r"\sum_{k=1}^{10}k^{3}", "another exponent in the sum"),
    wrong("1011_2", r"1011_{3}", "another base"),
]

FRACTIONS = [
    right(r"\frac{3}{7}", r"\tfrac37", "no braces"),
    right(r"\frac{3}{17}", r"{3\over17}", "TeX over"),
    right(r"-\frac{5}{8}", r"\dfrac{5}{-8}", "sign in the denominator"),
    right(r"\frac{13}{10}", r"1+\cfrac{1}{3+\cfrac{1}{3}}", "continued fraction"),
    right(r"\frac{1}{8}", r"2^{-3}", "negative power"),
    right(r"\frac{11}{6}", r"1 + 1/2 + 1/3", "plain sum"),
    wrong(r"\frac{3}{7}", r"\tfrac73", "swapped"),
    wrong(r"-\frac{5}{8}", r"\dfrac{-5}{-8}", "two signs"),
    wrong(r"\frac{13}{10}", r"1+\cfrac{1}{3-\cfrac{1}{3}}", "sign inside the continued fraction"),
    wrong(r"\frac{1000000007}{1000000009}", r"\frac{1000000007}{1000000011}", "close but exact"),
    wrong(r"\frac{22}{7}", r"\pi", "22/7 is not pi"),
    wrong(r"\frac{11}{6}", r"1/(2+3)", "not the sum of reciprocals"),
    wrong(r"\frac{1}{8}", r"-2^{3}", "sign at the wrong place"),
    wrong(r"\frac{4}{9}", r"\frac{2}{3}", "not squared"),
]

DECIMALS = [
    right(r"\frac{11}{4}", r"2\,\tfrac34", "mixed number, no braces"),
    right(r"\frac{11}{4}", r"2\frac{3}{4}", "mixed number"),
    right(r"-\frac{7}{2}", r"-3\dfrac{1}{2}", "negative mixed number"),
    right(r"\frac{1}{7}", r"0.\overline{142857}", "repeating decimal"),
    right(r"\frac{1}{6}", r"0.1\bar{6}", "bar over a digit"),
    right(r"1", r"0.\overline{9}", "nine repeating"),
    right(r"\frac{7}{12}", r"0.58\overline 3", "overline without braces"),
    right(r"0.00032", r"3.2\times10^{-4}", "scientific notation"),
    wrong(r"\frac{1}{7}", r"0.\overline{142875}", "two digits of the period swapped"),
    wrong(r"\frac{4}{33}", r"0.1\overline{2}", "period too short"),
    wrong(r"-\frac{7}{2}", r"-2\frac{1}{2}", "another whole part"),
    wrong(r"\frac{11}{4}", r"2\cdot\frac{3}{4}", "a product, not a mixed number"),
    wrong(r"0.00032", r"3.2\times10^{-5}", "another exponent"),
    wrong(r"0.\overline{12}", r"0.\overline{21}", "period turned round"),
    wrong(r"3.0625", r"3.0652", "digits swapped"),
]

PERCENT = [
    right(r"37.5\%", r"\frac{3}{8}", "percent as a fraction"),
    right(r"12.5\%", r"12\tfrac12\,\%", "mixed percent"),
    right(r"0.08", r"8\,\%", "percent of a decimal"),
    right(r"45\%", r"45\text{ percent}", "the word"),
    right(r"150\%", r"1.5", "over one hundred"),
    right(r"33\frac{1}{3}\%", r"\dfrac13", "a third"),
    right(r"0.2\%", r"\frac{1}{500}", "below one percent"),
    wrong(r"37.5\%", r"\frac{8}{3}", "swapped"),
    wrong(r"0.08", r"80\%", "off by ten"),
    wrong(r"0.5\%", r"0.05", "off by ten"),
    wrong(r"45\%", r"55\%", "the complement"),
    wrong(r"20\%", r"-20\%", "sign"),
    wrong(r"33\frac{1}{3}\%", r"\dfrac23", "two thirds"),
    wrong(r"12.5\%", r"12.25\%", "another decimal"),
    wrong(r"0.28", r"28", "hundred times"),
]

MONEY = [
    right(r"\$12.50", r"12.50\text{ dollars}", "the word"),
    right(r"\$1{,}250", r"\text{\textdollar}1250.00", "text dollar sign"),
    right(r"\$0.75", r"75\text{ cents}", "cents"),
    right(r"\$4500", r"\mathdollar 4{,}500.00", "math dollar sign"),
    right(r"\$18", r"\text{USD }18.00", "currency code before"),
    right(r"\$7.20", r"\$\,7.2", "a zero less"),
    right(r"\$2{,}000{,}000", r"\$2\text{ million}", "million"),
    right(r"-\$40", r"\$-40", "sign after the currency"),
    wrong(r"\$12.50", r"\$12.05", "digits swapped"),
    wrong(r"\$0.75", r"0.75\text{ cents}", "cents, not dollars"),
    wrong(r"\$1{,}250", r"\$12{,}50{,}0", "ten times"),
    wrong(r"\$18", r"\text{€}18", "another currency"),
    wrong(r"\$2{,}000{,}000", r"\$2\text{ billion}", "billion"),
    wrong(r"-\$40", r"\$40", "sign"),
    wrong(r"\$99.99", r"\$100.99", "another amount"),
]

UNITS = [
    right(r"15\text{ cm}", r"15\,\mathrm{cm}", "roman unit"),
    right(r"15\text{ cm}", r"0.15~\text{m}", "converted"),
    right(r"9.8\ \text{m/s}^2", r"9.8\,\mathrm{m\,s^{-2}}", "negative power of a unit"),
    right(r"72\text{ km/h}", r"20\text{ m/s}", "speed converted"),
    right(r"45^\circ", r"45\text{ degrees}", "degrees in words"),
    right(r"120^{\circ}", r"\frac{2\pi}{3}\text{ rad}", "radians"),
    right(r"24\text{ cm}^2", r"24\text{ square centimeters}", "square in words"),
    wrong(r"15\text{ cm}", r"15\text{ mm}", "another unit"),
    wrong(r"24\text{ cm}^2", r"24\text{ cm}^3", "another power"),
    wrong(r"72\text{ km/h}", r"72\text{ m/s}", "another speed"),
    wrong(r"45^\circ", r"45\text{ radians}", "radians"),
    wrong(r"120^{\circ}", r"\frac{3\pi}{2}\text{ rad}", "swapped"),
    wrong(r"3\text{ hours}", r"3\text{ minutes}", "another time unit"),
    wrong(r"2.5\text{ kg}", r"250\text{ g}", "off by ten"),
    wrong(r"1\text{ m}^2", r"100\text{ cm}^2", "area converted as a length"),
]

RADICALS = [
    right(r"\frac{\sqrt{2}}{2}", r"\frac1{\sqrt2}", "sqrt and frac without braces"),
    right(r"1+\sqrt{2}", r"\sqrt{3+2\sqrt2}", "nested radical"),
    right(r"\sqrt[3]{2}", r"2^{\frac13}", "root as a power"),
    right(r"6\sqrt{3}", r"\sqrt{108}", "not simplified"),
    right(r"\frac{\sqrt5-1}{2}", r"\dfrac{2}{1+\sqrt{5}}", "rationalised"),
    right(r"\frac{\sqrt{6}+\sqrt{2}}{4}", r"\cos 15^\circ", "cosine in degrees"),
    right(r"2\sqrt{5}", r"2*sqrt(5)", "sympy form"),
    right(r"3\sqrt{7}", r"3√7", "unicode root"),
    wrong(r"1+\sqrt{2}", r"\sqrt{3-2\sqrt2}", "sign in the nested radical"),
    wrong(r"\sqrt[3]{2}", r"2^{\frac32}", "swapped exponent"),
    wrong(r"6\sqrt{3}", r"3\sqrt{6}", "swapped factors"),
    wrong(r"\sqrt{2}+\sqrt{3}", r"\sqrt{5}", "root of the sum"),
    wrong(r"3\sqrt{7}", r"\sqrt[3]{7}", "cube root, not three times"),
    wrong(r"\sqrt2\,5", r"\sqrt{25}", "the root takes one digit"),
    wrong(r"\frac{\sqrt{6}+\sqrt{2}}{4}", r"\sin 15^\circ", "sine, not cosine"),
]

CONSTANTS = [
    right(r"\frac{\pi}{6}", r"\arcsin\tfrac12", "arcsin without brackets"),
    right(r"\frac{\pi}{4}", r"\tan^{-1}(1)", "inverse tangent"),
    right(r"e^2", r"\mathrm{e}^{2}", "upright e"),
    right(r"\ln 8", r"3\ln2", "log law"),
    right(r"\frac{3}{2}", r"\log_{4}8", "log with a base"),
    right(r"2\pi", r"2\cdot\pi", "dot before pi"),
    right(r"\frac{4\pi}{3}", r"4/3*pi", "python precedence"),
    wrong(r"\frac{\pi}{6}", r"\arccos\tfrac12", "arccos"),
    wrong(r"\frac{\pi}{4}", r"\frac{1}{\tan 1}", "reciprocal, not inverse"),
    wrong(r"\ln 8", r"2\ln 3", "swapped"),
    wrong(r"\frac{3}{2}", r"\log_{8}4", "base and argument swapped"),
    wrong(r"\frac{4\pi}{3}", r"\frac{4}{3\pi}", "pi below"),
    wrong(r"e^{\pi}", r"\pi^{e}", "swapped"),
    wrong(r"e^2", r"2e", "not a power"),
    wrong(r"\ln 10", r"\log_{10} e", "reciprocal"),
]

COMPLEX = [
    right(r"\frac12+\frac{\sqrt3}{2}i", r"e^{i\pi/3}", "exponential form"),
    right(r"3-4i", r"\overline{3+4i}", "conjugate"),
    right(r"5", r"\left|3-4\mathrm{i}\right|", "modulus, upright i"),
    right(r"-i", r"i^{2023}", "power of i"),
    right(r"\frac{1-i}{2}", r"\frac{1}{1+i}", "reciprocal"),
    right(r"16", r"(1+i)^8", "power"),
    right(r"-2+2\sqrt{3}i", r"4\left(\cos\frac{2\pi}3+i\sin\frac{2\pi}3\right)", "polar form"),
    wrong(r"3-4i", r"\overline{3-4i}", "conjugate of the wrong number"),
    wrong(r"-i", r"i^{2021}", "power of i"),
    wrong(r"\frac{1-i}{2}", r"\frac{1}{1-i}", "sign"),
    wrong(r"2+3i", r"3+2i", "parts swapped"),
    wrong(r"-2+2\sqrt{3}i", r"4e^{-2\pi i/3}", "sign of the argument"),
    wrong(r"5", r"|3+4|", "i dropped"),
    wrong(r"16", r"(1+i)^6", "another power"),
]

ALGEBRA = [
    right(r"\frac{1}{x(x+1)}", r"\dfrac1x-\dfrac{1}{x+1}", "partial fractions"),
    right(r"3x^2-2x+5", r"5+3x^{2}-2\,x", "unusual order"),
    right(r"\frac{n(n-1)}{2}", r"\binom n2", "binomial without braces"),
    right(r"2\sin x\cos x", r"\sin2x", "double angle, no braces"),
    right(r"x^3-8", r"(x-2)(x^2+2x+4)", "factored"),
    right(r"x^2+1", r"f(x)=x**2+1", "with a name, python power"),
    wrong(r"\frac{1}{x(x+1)}", r"\frac1x+\frac{1}{x+1}", "sign"),
    wrong(r"3x^2-2x+5", r"3x^2-2x-5", "sign of the constant"),
    wrong(r"\frac{n(n-1)}{2}", r"\binom{n+1}{2}", "index shifted"),
    wrong(r"x^3-8", r"(x-2)^3", "cube of the difference"),
    wrong(r"x^2+1", r"y^2+1", "another variable"),
    wrong(r"\cos 2x", r"\cos^2 x", "double angle, not square"),
    wrong(r"\frac{x+1}{x-1}", r"\frac{x-1}{x+1}", "swapped"),
    wrong(r"2^{n+1}", r"2^n+1", "exponent bracket"),
]

EQUATIONS = [
    right(r"y=2x+1", r"2x-y+1=0", "general form"),
    right(r"x^2+y^2-2x+4y-4=0", r"(x-1)^2+(y+2)^2=9", "circle"),
    right(r"y=\frac{3}{4}x-2", r"3x-4y=8", "cleared denominator"),
    right(r"x=5", r"5=x", "turned round"),
    right(r"\frac{x^2}{9}+\frac{y^2}{4}=1", r"4x^2+9y^2=36", "ellipse"),
    right(r"x+2y-z=4", r"z = x + 2y - 4", "plane solved for z"),
    right(r"y-2=-3(x-1)", r"y=-3x+5", "point-slope form"),
    wrong(r"y=2x+1", r"2x+y+1=0", "sign"),
    wrong(r"x^2+y^2-2x+4y-4=0", r"(x-1)^2+(y+2)^2=3", "radius not squared"),
    wrong(r"y=\frac{3}{4}x-2", r"4x-3y=8", "coefficients swapped"),
    wrong(r"\frac{x^2}{9}+\frac{y^2}{4}=1", r"9x^2+4y^2=36", "axes swapped"),
    wrong(r"x=5", r"y=5", "another variable"),
    wrong(r"x+2y-z=4", r"x+2y-z=-4", "sign of the constant"),
    wrong(r"y^2=4x", r"x^2=4y", "parabola turned"),
]

INEQUALITIES = [
    right(r"x>3", r"3\lt x", "turned round with lt"),
    right(r"-1\le x<4", r"4>x\geqslant-1", "turned chain, slanted sign"),
    right(r"x\ge 2", r"x \geq 2", "another command"),
    right(r"x\ge -5", r"x ≥ -5", "unicode sign"),
    right(r"x>\frac{7}{2}", r"x \in \left(\tfrac72,\,+\infty\right)", "as an interval"),
    wrong(r"x>3", r"3>x", "turned without the sign"),
    wrong(r"-1\le x<4", r"-1<x\le4", "ends swapped"),
    wrong(r"x\ge 2", r"x>2", "strict"),
    wrong(r"x<-2\text{ or }x>2", r"-2<x<2", "the complement"),
    wrong(r"-3<x<3", r"|x|\le3", "not strict"),
    wrong(r"x>\frac{7}{2}", r"x>\frac{2}{7}", "swapped"),
    wrong(r"0<a<1", r"0<b<1", "another variable"),
    wrong(r"x\ne 3", r"x=3", "negated"),
]

INTERVALS = [
    right(r"[0,1)", r"\left[0\,,\,1\right)", "spacing and left-right"),
    right(r"(-\infty,2]", r"x\leqslant 2", "inequality form"),
    right(r"(2,5)", r"\{x\in\mathbb{R}\mid 2<x<5\}", "set builder"),
    right(r"(-\infty,-1)\cup(1,\infty)", r"(1,+\infty)\bigcup(-\infty,-1)", "union turned, big cup"),
    right(r"[-\sqrt{2},\sqrt{2}]", r"\bigl[-\sqrt2;\sqrt2\bigr]", "semicolon and big brackets"),
    right(r"(-\infty,\infty)", r"\mathbb R", "the real line"),
    right(r"\mathbb{R}\setminus\{0\}", r"(-\infty,0)\cup(0,\infty)", "punctured line"),
    right(r"[1,3]\cup[2,6]", r"[1,6]", "overlap merged"),
    wrong(r"[0,1)", r"(0,1]", "ends swapped"),
    wrong(r"(-\infty,2]", r"x<2", "strict"),
    wrong(r"(2,5)", r"\{x\in\mathbb{R}\mid 2\le x<5\}", "one end closed"),
    wrong(r"(-\infty,-1)\cup(1,\infty)", r"(-\infty,-1)\cap(1,\infty)", "intersection"),
    wrong(r"(-\infty,-1)\cup(1,\infty)", r"(-1,1)", "the complement"),
    wrong(r"\mathbb{R}\setminus\{0\}", r"\mathbb{R}", "zero not left out"),
    wrong(r"[1,3]\cup[4,6]", r"[1,6]", "the gap filled"),
]

SETS = [
    right(r"\{1,2,3\}", r"\left\lbrace 3,1,2\right\rbrace", "lbrace, other order"),
    right(r"\{-2,2\}", r"\pm2", "plus-minus"),
    right(r"x=1,\ x=4", r"x=4\text{ or }x=1", "or"),
    right(r"\{2,3,5,7\}", r"\{7;5;3;2\}", "semicolons"),
    right(r"1+\sqrt{3},1-\sqrt{3}", r"x=1\pm\sqrt3", "plus-minus with a name"),
    right(r"x=1,\ x=4", r"x\in\{1,4\}", "membership"),
    right(r"\{0,\frac{1}{2}\}", r"x_1=\tfrac12,\;x_2=0", "indexed names"),
    wrong(r"\{1,2,3\}", r"\{1,2,3,4\}", "an additional element"),
    wrong(r"\{-2,2\}", r"2", "a missing solution"),
    wrong(r"x=1,\ x=4", r"x=1\text{ or }x=-4", "sign"),
    wrong(r"\{2,3,5,7\}", r"\{2,3,5,9\}", "one element"),
    wrong(r"1+\sqrt{3},1-\sqrt{3}", r"x=-1\pm\sqrt3", "sign of the centre"),
    wrong(r"\{0,\frac{1}{2}\}", r"\{0,2\}", "reciprocal"),
    wrong(r"\{1\}", r"\{-1,1\}", "an extraneous solution"),
    wrong(r"\{12,3\}", r"\{1,23\}", "comma moved"),
]

TUPLES = [
    right(r"(1,-2)", r"\left(1\,,\,-2\right)", "spacing"),
    right(r"(3,4)", r"x=3,\;y=4", "named coordinates"),
    right(r"(3,4)", r"(x,y)=(3,4)", "named pair"),
    right(r"(\frac{1}{2},\frac{1}{3})", r"\bigl(0.5,\tfrac13\bigr)", "mixed forms"),
    right(r"(1,2),(2,1)", r"(2,1)\text{ and }(1,2)", "list of pairs in another order"),
    right(r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"\langle1,2,3\rangle", "column vector"),
    right(r"(0,2\pi)", r"\left(\sin 0,\;2\cdot\pi\right)", "entries to be simplified"),
    wrong(r"(1,-2)", r"(-2,1)", "order"),
    wrong(r"\langle 2,-3,5\rangle", r"2\mathbf{i}+3\mathbf{j}+5\mathbf{k}", "sign"),
    wrong(r"(3,4)", r"x=4,\;y=3", "swapped names"),
    wrong(r"(1,2),(2,1)", r"(1,2)", "a missing pair"),
    wrong(r"(1,2,3)", r"(1,2)", "a missing entry"),
    wrong(r"(1,2),(3,4)", r"(1,3),(2,4)", "regrouped"),
    wrong(r"(1,0,0)", r"(1,0,0,0)", "another dimension"),
]

MATRICES = [
    right(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix} 1 & 2 \\[2pt] 3 & 4 \end{bmatrix}", "row spacing"),
    right(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left(\begin{array}{cc}1&2\\3&4\end{array}\right)", "array"),
    right(
        r"\begin{pmatrix}\frac12&0\\0&\frac12\end{pmatrix}",
        r"\frac{1}{2}\begin{pmatrix}1&0\\0&1\end{pmatrix}",
        "scalar in front",
    ),
    right(r"-2", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "determinant"),
    right(r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{T}", "transpose"),
    right(
        r"\begin{pmatrix}2&0\\0&-1\end{pmatrix}",
        r"A=\begin{pmatrix}2&0\\0&-1\\\end{pmatrix}",
        "name and trailing row end",
    ),
    wrong(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}", "transposed"),
    wrong(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2&3&4\end{pmatrix}", "flattened"),
    wrong(
        r"\begin{pmatrix}\frac12&0\\0&\frac12\end{pmatrix}", r"2\begin{pmatrix}1&0\\0&1\end{pmatrix}", "scalar swapped"
    ),
    wrong(r"-2", r"\begin{vmatrix}3&4\\1&2\end{vmatrix}", "rows exchanged"),
    wrong(r"\begin{pmatrix}2&0\\0&-1\end{pmatrix}", r"\begin{pmatrix}2&0\\0&1\end{pmatrix}", "sign"),
    wrong(r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "a determinant"),
    wrong(r"\begin{pmatrix}1&0\\0&1\end{pmatrix}", r"\begin{pmatrix}0&1\\1&0\end{pmatrix}", "permuted identity"),
    wrong(
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix}^{-1}",
        r"\begin{pmatrix}1&\frac12\\\frac13&\frac14\end{pmatrix}",
        "entrywise reciprocals",
    ),
]

RATIOS = [
    right(r"3:4", r"3\colon 4", "colon command"),
    right(r"3:4", r"6:8", "not reduced"),
    right(r"3:4", r"3\text{ to }4", "in words"),
    right(r"2:3:4", r"4:6:8", "three terms scaled"),
    right(r"1:\sqrt{3}", r"\sqrt3:3", "irrational terms"),
    right(r"5:2", r"\frac52", "as a fraction"),
    right(r"3:4", r"\frac12:\frac23", "fractional terms"),
    right(r"2:1", r"2\!:\!1", "negative spaces"),
    wrong(r"3:4", r"4:3", "order"),
    wrong(r"2:3:4", r"4:3:2", "order of three"),
    wrong(r"2:3:4", r"4:6:9", "one term"),
    wrong(r"1:\sqrt{3}", r"1:3", "root dropped"),
    wrong(r"5:2", r"\frac{5}{7}", "part of the whole"),
    wrong(r"3:4", r"9:16", "squared"),
    wrong(r"1:2:3", r"1:2", "a term missing"),
]

LETTERS = [
    right("B", r"\textbf{(B)}", "bold in brackets"),
    right("C", r"\mathrm{C}", "roman"),
    right("(D)", r"\text{D.}", "full stop"),
    right("A", r"\text{Option A}", "with a word"),
    right("E", r"\mathbf{(E)}\ 12", "letter and value"),
    right("B", r"\text{(b)}", "lower case in brackets"),
    right("A, C", r"\text{C and A}", "two letters in another order"),
    wrong("B", r"\textbf{(D)}", "another letter"),
    wrong("C", r"\text{Option B}", "another option"),
    wrong("A", r"\text{A or B}", "a hedge"),
    wrong("A, C", r"\text{A}", "a letter missing"),
    wrong("A, C", r"\text{A, B, C}", "a letter too many"),
    wrong("E", r"\mathbf{(A)}\ 12", "another letter with a value"),
    wrong("D", r"\text{not D}", "negated"),
    wrong("B", r"8", "a digit that looks like it"),
]

TEXT = [
    right("Tuesday", r"\text{tuesday}", "case"),
    right("isosceles", r"\textbf{Isosceles}", "bold"),
    right("Yes", r"\text{\textit{Yes.}}", "nested text and full stop"),
    right("parabola", r"\text{a parabola}", "article"),
    right("True", r"\mathrm{True}", "roman"),
    right("right triangle", r"\text{right}\ \text{triangle}", "two text groups"),
    right("Alice", r"\textsf{Alice}", "sans serif"),
    right("east", r"\operatorname{east}", "operatorname"),
    wrong("Tuesday", r"\text{Thursday}", "another day"),
    wrong("isosceles", r"\text{scalene}", "another kind"),
    wrong("Yes", r"\text{No}", "opposite"),
    wrong("prime", r"\text{not prime}", "negated"),
    wrong("increasing", r"\text{decreasing}", "opposite"),
    wrong("rational", r"\text{irrational}", "prefix"),
    wrong("right triangle", r"\text{acute triangle}", "another adjective"),
]

UNDEFINED = [
    right(r"\text{no solution}", r"\varnothing", "empty set sign"),
    right(r"\text{no solution}", r"\{\,\}", "empty braces"),
    right(r"\text{no solution}", r"\text{There is no solution.}", "a sentence"),
    right(r"\text{undefined}", r"\mathrm{Undefined}", "roman and case"),
    right(r"\text{does not exist}", r"\text{DNE}", "abbreviation"),
    right(r"\infty", r"+\infty", "sign written"),
    right(r"\text{infinitely many solutions}", r"\text{There are infinitely many solutions}", "a sentence"),
    wrong(r"\text{no solution}", r"0", "zero"),
    wrong(r"\text{no solution}", r"\{0\}", "set of zero"),
    wrong(r"\emptyset", r"\{\emptyset\}", "set of the empty set"),
    wrong(r"\text{no solution}", r"\text{infinitely many solutions}", "opposite"),
    wrong(r"\text{undefined}", r"1", "a number"),
    wrong(r"\infty", r"-\infty", "sign"),
    wrong(r"\text{no solution}", r"\mathbb{R}", "all numbers"),
    wrong(r"\text{does not exist}", r"\text{exists}", "negated"),
]

_LONG = "7391" * 750

HOSTILE = [
    wrong("42", r"__import__('os').getpid()", "code"),
    wrong("7", r"(10^{10})!", "a factorial too large to write down"),
    wrong("9^{9^{9^{9}}}", r"9^{9^{9^{9}}}+1", "one more than a tower"),
    right("9^{9^{9}}", r"9^{9^{9}}", "a tower, the same"),
    wrong(r"e^{\pi\sqrt{163}}", r"262537412640768744", "Ramanujan's near integer"),
    wrong("0", r"10^{-400}", "below a float"),
    right("42", "(" * 80 + "42" + ")" * 80, "eighty brackets"),
    wrong(_LONG, _LONG[:1500] + "8" + _LONG[1501:], "one digit of 3000"),
    wrong("5", r"\sum_{k=1}^{10^{18}}k", "a sum too long to add up"),
    wrong("0", r"\frac{0}{0}", "not a number"),
    response_wrong("42", r"The answer is $\boxed{}$.", "an empty box"),
    response_wrong(
        "42", r"The answer is $\boxed{41}$ or perhaps $\boxed{42}$, one of the two.", "two boxes as a hedge"
    ),
    response_right("12", r"First $\boxed{15}$. Wait, that missed a case. Final answer: $\boxed{12}$.", "corrected box"),
    response_wrong(
        "12", "<think>I get $\\boxed{12}$.</think>\nThe answer is $\\boxed{13}$.", "right only in the thinking"
    ),
    response_right(
        "13", "<think>I get $\\boxed{12}$. No.</think>\nThe answer is $\\boxed{13}$.", "right after the thinking"
    ),
]

CASES = [
    *INTEGERS,
    *FRACTIONS,
    *DECIMALS,
    *PERCENT,
    *MONEY,
    *UNITS,
    *RADICALS,
    *CONSTANTS,
    *COMPLEX,
    *ALGEBRA,
    *EQUATIONS,
    *INEQUALITIES,
    *INTERVALS,
    *SETS,
    *TUPLES,
    *MATRICES,
    *RATIOS,
    *LETTERS,
    *TEXT,
    *UNDEFINED,
    *HOSTILE,
]
