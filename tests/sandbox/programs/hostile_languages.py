"""Hostile programs in C++ and JavaScript."""

from __future__ import annotations

from sandbox.types import Limits, Verdict
from tests.sandbox.programs import CANARY, COMPILE, KILLED, MEMORY, NONZERO, OK, OUTPUT, TIMEOUT, Case, source

LOOP = Limits(wall_s=3.0)
SMALL = Limits(memory_mb=192)
TIGHT = Limits(output_bytes=1 << 20)


def cpp(
    name: str,
    body: str,
    *allowed: Verdict,
    limits: Limits | None = None,
    stdout: str | None = None,
    must_not_print: tuple[str, ...] = (CANARY,),
    exit_code: int | None = None,
    signal: int | None = None,
    note: str = "",
) -> Case:
    """A case in C++."""
    return Case(
        f"C++: {name}",
        source(body),
        frozenset(allowed),
        limits=limits or Limits(),
        language="cpp",
        stdout=stdout,
        must_not_print=must_not_print,
        exit_code=exit_code,
        signal=signal,
        note=note,
    )


def javascript(
    name: str,
    body: str,
    *allowed: Verdict,
    limits: Limits | None = None,
    stdout: str | None = None,
    must_not_print: tuple[str, ...] = (CANARY,),
    exit_code: int | None = None,
    signal: int | None = None,
    note: str = "",
) -> Case:
    """A case in JavaScript."""
    return Case(
        f"JavaScript: {name}",
        source(body),
        frozenset(allowed),
        limits=limits or Limits(),
        language="javascript",
        stdout=stdout,
        must_not_print=must_not_print,
        exit_code=exit_code,
        signal=signal,
        note=note,
    )


CPP: tuple[Case, ...] = (
    cpp(
        "fork bomb",
        """
        #include <unistd.h>
        int main() { for (;;) fork(); }
        """,
        TIMEOUT,
        limits=Limits(wall_s=3.0, processes=16),
    ),
    cpp(
        "memory bomb",
        """
        #include <cstdlib>
        #include <cstring>
        int main() {
            for (;;) {
                char* block = static_cast<char*>(malloc(1 << 20));
                if (block) memset(block, 1, 1 << 20);
            }
        }
        """,
        MEMORY,
        limits=SMALL,
    ),
    cpp(
        "memory bomb of the library",
        """
        #include <vector>
        int main() { std::vector<long> v; for (;;) v.push_back(1); }
        """,
        MEMORY,
        KILLED,
        limits=SMALL,
        note="an uncaught bad_alloc aborts where only addresses are bound",
    ),
    cpp("endless loop", "int main() { volatile unsigned n = 0; for (;;) n = n + 1; }", TIMEOUT, limits=LOOP),
    cpp(
        "endless output",
        """
        #include <cstdio>
        int main() { for (;;) puts("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"); }
        """,
        OUTPUT,
        limits=TIGHT,
    ),
    cpp(
        "endless recursion",
        """
        #include <cstdio>
        int dive(int n) { volatile char block[4096]; block[n % 4096] = 1; return dive(n + 1) + block[n % 4096]; }
        int main() { printf("%d", dive(0)); }
        """,
        KILLED,
        MEMORY,
        note="ends by the stack's limit or by the memory's",
    ),
    cpp("null pointer", "int main() { volatile int* p = nullptr; *p = 1; }", KILLED, signal=11),
    cpp("abort", "#include <cstdlib>\nint main() { abort(); }", KILLED, signal=6),
    cpp("failure", "int main() { return 3; }", NONZERO, exit_code=3),
    cpp("syntax error", "int main() { return 0 }", COMPILE, stdout=""),
    cpp("missing function", "int missing(); int main() { return missing(); }", COMPILE, stdout=""),
    cpp("no program", "", COMPILE, stdout=""),
    cpp(
        "namespaces",
        """
        #include <cstdio>
        #include <sched.h>
        #include <sys/mount.h>
        #include <unistd.h>
        int main() {
            bool out = unshare(0x10000000) == 0 || unshare(0x00020000) == 0 || setuid(0) == 0;
            out = out || mount("none", "/tmp", "tmpfs", 0, nullptr) == 0 || fopen("/etc/shadow", "r");
            puts(out ? "ESCAPED" : "BLOCKED");
        }
        """,
        OK,
        stdout="BLOCKED\n",
        must_not_print=("ESCAPED",),
    ),
)

LONG = Limits(wall_s=10.0, memory_mb=256)

COMPILES: tuple[Case, ...] = (
    cpp('reading "/dev/zero"', '#include "/dev/zero"\nint main() {}', COMPILE, TIMEOUT, MEMORY, OUTPUT, limits=LONG),
    cpp(
        'reading "/dev/random"', '#include "/dev/random"\nint main() {}', COMPILE, TIMEOUT, MEMORY, OUTPUT, limits=LONG
    ),
    cpp('reading "/dev/stdin"', '#include "/dev/stdin"\nint main() {}', COMPILE, TIMEOUT, OK, limits=LONG),
    cpp("reading /etc/shadow", '#include "/etc/shadow"\nint main() {}', COMPILE, must_not_print=("root:", CANARY)),
    cpp(
        "reading the compiler's environment",
        '#include "/proc/self/environ"\nint main() {}',
        COMPILE,
        OK,  # a file of size 0 to the compiler
        must_not_print=(CANARY,),
    ),
    cpp(
        "reading the first process's environment",
        '#include "/proc/1/environ"\nint main() {}',
        COMPILE,
        must_not_print=(CANARY,),
    ),
    cpp(
        "swallowing a file",
        r"""
        #include <cstdio>
        asm(".section .rodata\n.global text\ntext: .incbin \"/etc/shadow\"\n.byte 0\n.previous");
        extern "C" const char text[];
        int main() { puts(text); }
        """,
        COMPILE,
        must_not_print=("root:", CANARY),
        note="the assembler runs as the program's user, too",
    ),
    cpp(
        "including itself twice",
        "#include __FILE__\n#include __FILE__\nint main() {}",
        COMPILE,
        TIMEOUT,
        MEMORY,
        OUTPUT,
        limits=LONG,
    ),
    cpp(
        "templates without an end",
        """
        template <class A, class B> struct Pair {};
        template <class T, int N> struct Grow { using type = typename Grow<Pair<T, T>, N - 1>::type; };
        template <class T> struct Grow<T, 0> { using type = T; };
        void f(Grow<int, 40>::type*) {}
        int main() { f(nullptr); }
        """,
        COMPILE,
        TIMEOUT,
        MEMORY,
        OUTPUT,
        OK,
        limits=LONG,
        note="a compiler clever enough may do it",
    ),
    cpp(
        "recursion of templates",
        "template <int N> struct A { static const int v = A<N + 1>::v + A<N + 2>::v; };\n"
        "int main() { return A<0>::v; }",
        COMPILE,
        TIMEOUT,
        MEMORY,
        OUTPUT,
        limits=LONG,
    ),
    cpp(
        "constant that takes for ever",
        """
        constexpr unsigned long slow(unsigned long n) { return n < 2 ? n : slow(n - 1) + slow(n - 2) + n; }
        template <unsigned long N> struct Value { static constexpr unsigned long v = slow(40 + N) + Value<N - 1>::v; };
        template <> struct Value<0> { static constexpr unsigned long v = 0; };
        int main() { return Value<100>::v % 2; }
        """,
        COMPILE,
        TIMEOUT,
        MEMORY,
        OK,
        NONZERO,
        limits=LONG,
        note="compilers remember constant calls and bound them",
    ),
    cpp(
        "executable of four gigabytes",
        "int big[1 << 30] = {1};\nint main() { return big[5]; }",
        COMPILE,
        TIMEOUT,
        MEMORY,
        limits=LONG,
    ),
    cpp(
        "macro that doubles",
        "\n".join(f"#define A{n} A{n - 1} A{n - 1}" for n in range(1, 41))
        + "\n#define A0 +1\nint main() { return 0 A40; }",
        COMPILE,
        TIMEOUT,
        MEMORY,
        limits=LONG,
    ),
)

JAVASCRIPT: tuple[Case, ...] = (
    javascript("endless loop", "while (true) {}", TIMEOUT, limits=LOOP),
    javascript(
        "endless promises",
        "const f = () => Promise.resolve().then(f); f();",
        TIMEOUT,
        MEMORY,
        KILLED,
        limits=LOOP,
        note="the engine aborts when its own heap is full, where that comes before the clock",
    ),
    javascript("endless timers", "setInterval(() => {}, 10);", TIMEOUT, limits=LOOP),
    javascript(
        "regular expression that backtracks",
        "console.log(/^(a|aa)+$/.test('a'.repeat(100) + 'b'))",
        TIMEOUT,
        limits=LOOP,
    ),
    javascript(
        "memory bomb of buffers",
        "const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1));",
        MEMORY,
        TIMEOUT,  # near its limit the engine's own pages are read in again and again
        limits=SMALL,
    ),
    javascript(
        "memory bomb of objects",
        "const kept = []; for (;;) kept.push({ a: [1, 2, 3], b: 'x' + kept.length });",
        MEMORY,
        KILLED,
        TIMEOUT,
        limits=SMALL,
        note="the engine aborts where it knows its limit, or collects garbage for ever",
    ),
    javascript(
        "endless output",
        "const fs = require('fs'); for (;;) { try { fs.writeSync(1, 'y'.repeat(65536)); } catch (e) {} }",
        OUTPUT,
        limits=TIGHT,
    ),
    javascript(
        "endless log",
        "function more() { console.log('y'.repeat(65536)); setImmediate(more); } more();",
        OUTPUT,
        limits=TIGHT,
    ),
    javascript(
        "fork bomb",
        """
        const { spawn } = require("child_process");
        function more() {
          try {
            spawn(process.execPath, [__filename], { stdio: "ignore" }).on("error", () => {});
          } catch (e) {}
          setTimeout(more, 5);
        }
        more();
        """,
        TIMEOUT,
        KILLED,
        MEMORY,
        limits=Limits(wall_s=3.0, processes=48),
        note="the engine aborts where it gets no thread; each of its processes takes much memory",
    ),
    javascript("endless recursion", "function f() { return f() + 1; } f();", NONZERO, exit_code=1),
    javascript("exception", "console.log('ran'); throw new Error('x');", NONZERO, exit_code=1, stdout="ran\n"),
    javascript(
        "syntax error raised after output",
        "console.log('ran'); throw new SyntaxError('Unexpected token');",
        NONZERO,
        exit_code=1,
        stdout="ran\n",
    ),
    javascript("syntax error in eval", "console.log('ran'); eval('(');", NONZERO, exit_code=1, stdout="ran\n"),
    javascript("syntax error", "console.log('ran'); let x = ;", COMPILE, stdout=""),
    javascript("abort", "process.abort();", KILLED, signal=6),
    javascript("kill itself", "process.kill(process.pid, 'SIGKILL'); for (;;) {}", KILLED, signal=9),
    javascript("exit code of a kill", "process.exitCode = 137;", NONZERO, exit_code=137),
    javascript(
        "network",
        """
        const net = require("net");
        const dgram = require("dgram");
        let found = [];
        const tries = [["1.1.1.1", 53], ["169.254.169.254", 80], ["127.0.0.1", 22], ["172.17.0.1", 22], ["::1", 22]];
        let left = tries.length + 1;
        function done() { if (--left === 0) console.log(found.length ? "ESCAPED " + found : "BLOCKED"); }
        for (const [host, port] of tries) {
          const s = net.connect({ host, port, timeout: 1000 });
          let ended = false;
          const end = () => { if (!ended) { ended = true; s.destroy(); done(); } };
          s.on("connect", () => { found.push(host); end(); });
          s.on("error", end);
          s.on("timeout", end);
        }
        const u = dgram.createSocket("udp4");
        u.on("error", () => {});
        u.send("x", 53, "1.1.1.1", (error) => { if (!error) found.push("udp"); u.close(); done(); });
        """,
        OK,
        limits=Limits(loopback=True),
        stdout="BLOCKED\n",
        must_not_print=("ESCAPED",),
    ),
    javascript(
        "files and other processes",
        """
        const fs = require("fs");
        const { spawnSync } = require("child_process");
        const found = [];
        for (const path of ["/etc/shadow", "/root/.bash_history", "/proc/kcore", "/dev/mem"]) {
          try { fs.closeSync(fs.openSync(path, "r")); found.push(path); } catch (e) {}
        }
        for (const path of ["/etc/planted", "/usr/planted", "/planted"]) {
          try { fs.writeFileSync(path, "x"); found.push(path); } catch (e) {}
        }
        for (const path of ["/root", "/home"]) {
          try { if (fs.readdirSync(path).length) found.push(path); } catch (e) {}
        }
        const names = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "PWD", "HOSTNAME"];
        found.push(...Object.keys(process.env).filter((name) => !names.includes(name)));
        if (spawnSync("id", ["-u"]).stdout.toString().trim() === "0") found.push("root");
        if (process.getuid() === 0) found.push("user 0");
        console.log(found.length ? "ESCAPED " + found : "BLOCKED");
        """,
        OK,
        stdout="BLOCKED\n",
        must_not_print=("ESCAPED", CANARY),
    ),
)

LANGUAGES = CPP + COMPILES + JAVASCRIPT
