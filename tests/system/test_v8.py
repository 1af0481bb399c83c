#!/usr/bin/python3
"""V8 on the library OS: the program v8, with scripts of this machine's files."""

import pathlib
import subprocess
import tempfile
import textwrap
import unittest

from harness import HOSTED, NATIVE, ROOT, Namespace, require


class V8Test(unittest.TestCase):
    def setUp(self) -> None:
        if not (NATIVE / "apps" / "node" / "v8.elf").exists():
            self.skipTest("V8 is not built: ./ebbrt build node does that, in a quarter of an hour")
        require(HOSTED / "apps" / "node" / "node_frontend")
        self.namespace = self.enterContext(Namespace("v8"))
        self.files = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def v8(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        result = self.namespace.run([ROOT / "ebbrt", "run", "--no-build", "v8", *words], cwd=self.files,
                                    env=self.namespace.environment(**environment),
                                    capture_output=True, text=True, timeout=120)
        self.namespace.assert_clean(self)
        return result

    def prints(self, text: str, expected: str) -> None:
        """A script, and what it should say."""
        (self.files / "script.js").write_text(textwrap.dedent(text))
        result = self.v8("script.js")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, textwrap.dedent(expected).lstrip(), ""))

    def test_the_language(self) -> None:
        self.prints("""
            print("hello", [3, 1, 2].sort().map(x => x * x), JSON.stringify({a: [1, {b: null}]}));
            print("aXbXc".replace(/x/gi, "-"), /(?<year>\\d{4})/.exec("in 2026").groups.year);
            print((2n ** 100n).toString(), new Map([[1, 2]]).get(1), Symbol("s").toString());
            print(new Date(Date.UTC(2026, 10, 29)).toISOString(), new Date(0).getTimezoneOffset());
            class A { #x = 5; get x() { return this.#x; } }
            function* count() { yield 1; yield 2; }
            print(new A().x, [...count()], "\\u00e9\\u{1F600}".length, [1, [2, [3]]].flat(Infinity));
            Promise.resolve(5).then(x => print("promise", x));
            try { null.x } catch (error) { print(error.message) }
            print(Math.sin(1), 0.1 + 0.2, (1e21).toString(), parseFloat("1e-7"));
            """, """
            hello 1,4,9 {"a":[1,{"b":null}]}
            a-b-c 2026
            1267650600228229401496703205376 2 Symbol(s)
            2026-11-29T00:00:00.000Z 0
            5 1,2 3 1,2,3
            Cannot read properties of null (reading 'x')
            0.8414709848078965 0.30000000000000004 1e+21 1e-7
            promise 5
            """)

    def test_code_that_is_compiled(self) -> None:
        """Loops that every tier of the compilers takes over."""
        self.prints("""
            function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
            print(fib(25));
            let sum = 0;
            for (let i = 0; i < 3e6; i++) sum = (sum + i * 7) % 1000003;
            print(sum);
            const numbers = new Float64Array(1000).map((_, i) => i / 3);
            let total = 0;
            for (let round = 0; round < 300; round++) for (const x of numbers) total += x * round;
            print(Math.round(total));
            // What was compiled for integers meets others.
            function add(a, b) { return a + b; }
            for (let i = 0; i < 1e5; i++) add(i, 1);
            print(add("a", 1), add(1.5, 2), add({}, []));
            """, """
            75025
            315
            7467525000
            a1 3.5 [object Object]
            """)

    def test_garbage_is_collected(self) -> None:
        """Three times the machine's memory, of which little is kept."""
        self.prints("""
            let kept = [];
            for (let i = 0; i < 1500; i++) {
              const block = new Array(1 << 17).fill(i);
              if (i % 300 === 0) kept.push(block);
            }
            print(kept.map(block => block[7]).join());
            let list = null;
            for (let i = 0; i < 2e5; i++) list = i % 1000 ? {next: list, i} : null;
            print(list.i);
            """, """
            0,300,600,900,1200
            199999
            """)

    def test_files_errors_and_exit_codes(self) -> None:
        (self.files / "data.txt").write_text("some \u00e9 text\n")
        (self.files / "more.js").write_text("const more = 41;\n")
        result = self.v8("-e", "load('more.js'); print(read('data.txt').trim(), more + 1)")
        self.assertEqual((result.returncode, result.stdout), (0, "some \u00e9 text 42\n"), result.stderr)
        for text, code, said in (("throw new Error('bad')", 1, "-e:1: Error: bad\n"),
                                 ("let = ;", 1, "-e:1: SyntaxError: Unexpected token ';'\n"),
                                 ("read('nowhere')", 1, "-e:1: Error: can't read nowhere\n"),
                                 ("quit(3)", 3, "")):
            with self.subTest(text=text):
                result = self.v8("-e", text)
                self.assertEqual((result.returncode, result.stderr), (code, said))
        result = self.v8("nowhere.js")
        self.assertEqual((result.returncode, result.stderr), (2, "v8: can't read nowhere.js\n"))

    def test_a_fault_of_the_engine_is_told(self) -> None:
        crash = ("--allow-natives-syntax", "-e", "%Abort('on purpose')")
        result = self.v8(*crash)
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn("EBBRT_CONSOLE=1", result.stderr)
        result = self.v8(*crash, EBBRT_CONSOLE="1")
        self.assertRegex(result.stderr, r"\[node [0-9]+\] ebbrt: fault: breakpoint")
        self.assertRegex(result.stderr, r"#[0-9]+ .*Runtime_Abort")

    def test_a_heap_of_a_part_of_the_machine(self) -> None:
        """Whoever keeps too much meets the engine's limit, not the machine's."""
        keep = "const a = []; for (let i = 0; i < {}; i++) a.push(new Array(1 << 17).fill(i));"
        result = self.v8("-e", keep.format(60) + "print(a.length)")
        self.assertEqual((result.returncode, result.stdout), (0, "60\n"), result.stderr)
        result = self.v8("-e", keep.format(300), EBBRT_CONSOLE="1")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("ReportOOMFailure", result.stderr)

    def test_a_recursion_without_end_is_an_error(self) -> None:
        self.prints("""
            function deep() { return deep() + 1; }
            try { deep() } catch (error) { print(error instanceof RangeError, error.message) }
            """, """
            true Maximum call stack size exceeded
            """)


if __name__ == "__main__":
    unittest.main()
