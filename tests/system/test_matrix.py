#!/usr/bin/python3
"""The Python module ebbrt: matrices whose tiles live on back-ends, against NumPy;
with processes for machines, and with machines."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import textwrap
import unittest

from harness import HOSTED, NATIVE, Namespace, eventually, processes, require

HERE = pathlib.Path(__file__).resolve().parent
# An operation whose node stops for two seconds in the midst of it.
STOPPED_FOR_A_WHILE = """
import ebbrt, os, signal, subprocess, threading
ebbrt.start(nodes=1, machine="process"%s)
A = ebbrt.Matrix.random(400, 400, tile=100).evaluate()
node = int(subprocess.run(["pgrep", "-P", str(os.getpid()), "matrix_backend"],
                          capture_output=True, text=True).stdout)
os.kill(node, signal.SIGSTOP)
threading.Timer(2, os.kill, (node, signal.SIGCONT)).start()
print((A @ A).sum() > 0)
"""
SEED = int(os.environ.get("EBBRT_SEED", "1"))


class MatrixTest(unittest.TestCase):
    def setUp(self) -> None:
        app = HOSTED / "apps" / "sage-matrix"
        self.process_image = require(app / "matrix_backend")
        self.machine_image = require(NATIVE / "apps" / "sage-matrix" / "matrix.elf")
        require(HOSTED / "tools" / "iaasd" / "iaasd")
        self.package = require(app / "python" / "ebbrt" / "__init__.py").parent.parent
        self.namespace = self.enterContext(Namespace("matrix"))

    def environment(self) -> dict:
        return self.namespace.environment(
            PYTHONPATH=str(self.package), EBBRT_MATRIX_IMAGE=str(self.machine_image),
            EBBRT_MATRIX_PROGRAM=str(self.process_image))

    def start(self, words: list, **options) -> subprocess.Popen:
        return self.namespace.start(["/usr/bin/python3", *words], text=True,
                                    env=self.environment(), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, **options)

    def python(self, words: list, seconds: float = 120):
        python = self.start(words)
        try:
            out, errors = python.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            python.kill()
            raise
        self.assertEqual(python.returncode, 0, out + errors)
        self.namespace.assert_clean(self)
        return out

    def script(self, text: str, **options) -> str:
        return self.python(["-c", textwrap.dedent(text)], **options)

    def test_random_expressions(self) -> None:
        for nodes in (1, 2, 5):
            said = self.python([HERE / "matrix" / "random_expressions.py", SEED + nodes, 170,
                                nodes, "process"])
            self.assertEqual(said, "170 expressions agree\n")

    def test_random_expressions_on_machines(self) -> None:
        said = self.python([HERE / "matrix" / "random_expressions.py", SEED, 30, 3, "microvm"])
        self.assertEqual(said, "30 expressions agree\n")

    def test_metrics_tell_of_its_machines(self) -> None:
        said = self.script("""
            import os, urllib.request
            os.environ["EBBRT_METRICS"] = "9100"
            import ebbrt
            ebbrt.start(nodes=2)
            matrix = ebbrt.Matrix.random(200, 200, tile=100).evaluate()
            page = urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=60)
            print(*sorted(line for line in page.read().decode().splitlines()
                          if line.startswith("ebbrt_node_answers{")), sep="\\n")
            ebbrt.stop()
        """)
        self.assertEqual(said, "".join(f'ebbrt_node_answers{{node="{node}"}} 1\n'
                                       for node in (1, 2, 3)))

    def test_the_documentation_s_examples(self) -> None:
        self.script("""
            import doctest, ebbrt, functools
            ebbrt.start = functools.partial(ebbrt.start, machine="process")
            failed, tried = doctest.testmod(ebbrt)
            assert tried > 5 and not failed
        """)

    def test_the_readme_s_example(self) -> None:
        self.script(f"""
            import doctest
            failed, tried = doctest.testfile({str(HERE.parents[1] / "README.md")!r}, module_relative=False)
            assert tried > 8 and not failed
        """)

    def test_machines_come_when_needed_and_go_with_the_last_tile(self) -> None:
        self.script("""
            import ebbrt, gc, time
            ebbrt.start(nodes=3)
            A = ebbrt.Matrix.random(600, 600, tile=200)
            assert ebbrt.nodes() == 0
            A[0, 0]
            assert ebbrt.nodes() == 1, ebbrt.nodes()
            B = (A @ A).evaluate()
            assert ebbrt.nodes() == 3, ebbrt.nodes()
            del A, B
            gc.collect()
            for _ in range(100):
                if ebbrt.nodes() == 0: break
                time.sleep(0.05)
            assert ebbrt.nodes() == 0, ebbrt.nodes()
        """)

    def test_large_tiles_travel_in_parts(self) -> None:
        for machine in ("process", "microvm"):
            self.script(f"""
                import ebbrt, numpy
                ebbrt.start(nodes=2, machine="{machine}", memory=192)
                a = numpy.arange(2500 * 2300, dtype=float).reshape(2500, 2300)
                A = ebbrt.Matrix.from_numpy(a, tile=2500)
                assert (A.T.in_tiles(1150).numpy() == a.T).all()
                assert A[2499, 2299] == a[-1, -1]
            """)

    def test_what_is_wrong_is_named(self) -> None:
        self.script("""
            import ebbrt, numpy, os, pickle
            def raises(kind, words, f):
                try:
                    f()
                except kind as error:
                    assert words in str(error), error
                else:
                    raise AssertionError(words)
            raises(RuntimeError, "start()", lambda: ebbrt.Matrix(2, 2))
            raises(ValueError, "nodes: 0", lambda: ebbrt.start(nodes=0))
            raises(ValueError, "'vax'", lambda: ebbrt.start(machine="vax"))
            raises(FileNotFoundError, "/nowhere", lambda: ebbrt.start(image="/nowhere"))
            ebbrt.start(nodes=2, machine="process")
            raises(RuntimeError, "already", ebbrt.start)
            A, B = ebbrt.Matrix.random(3, 4), ebbrt.Matrix(4, 4)
            raises(ValueError, "3 x 4 and 4 x 4", lambda: A + B)
            raises(ValueError, "3 x 4", lambda: A @ A)
            raises(IndexError, "index 3 is out of range of 3 rows", lambda: A[3, 0])
            raises(IndexError, "index -5 is out of range of 4 columns", lambda: A[0, -5])
            raises(ValueError, "tiles", lambda: ebbrt.Matrix(2**31, 2**31, tile=1))
            C = ebbrt.Matrix(3, 4, dtype="complex64")
            raises(TypeError, "complex128", lambda: ebbrt.Matrix.from_numpy([[1j]], dtype="float64"))
            raises(TypeError, "complex", lambda: ebbrt.Matrix.full(1, 1, 1j, dtype="float32"))
            raises(TypeError, "complex numbers", lambda: A.__setitem__((0, 0), 1j))
            raises(TypeError, "complex numbers", lambda: A.__setitem__((slice(3), slice(4)), C))
            raises(TypeError, "take real, imag or abs()", lambda: C.astype("float64"))
            raises(TypeError, "no order", C.max)
            raises(TypeError, "NoneType", lambda: ebbrt.Matrix.full(1, 1, None))
            raises(TypeError, "U1", lambda: ebbrt.Matrix.from_numpy([["1"]]))
            raises(TypeError, "", lambda: A + b"2")
            if os.fork() == 0:
                raises(RuntimeError, "fork", A.sum)
                os._exit(0)
            assert os.wait()[1] == 0
            raises(ValueError, "step", lambda: A[::2, :])
            raises(ValueError, "rows: -1", lambda: ebbrt.Matrix(-1, 2))
            raises(ValueError, "tile: 0", lambda: ebbrt.Matrix(1, 2, tile=0))
            raises(TypeError, "int8 is not one of float32", lambda: ebbrt.Matrix(1, 2, dtype="int8"))
            raises(TypeError, "pickle", lambda: pickle.dumps(A))
            raises(TypeError, "true", lambda: bool(A))
            raises(ValueError, "'nosuch'", lambda: A.map("nosuch"))
            raises(ValueError, "dimensions", lambda: ebbrt.Matrix.from_numpy(numpy.zeros(3)))
            raises(ValueError, "without elements", ebbrt.Matrix(0, 3).max)
            raises(TypeError, "", lambda: A + "text")
            assert ebbrt.Matrix(0, 3).sum() == 0 and ebbrt.Matrix(0, 3).numpy().shape == (0, 3)
            assert ebbrt.Matrix(3, 0) @ ebbrt.Matrix(0, 2) == ebbrt.Matrix(3, 2)
        """)

    def test_arithmetic_with_numbers_arrays_and_the_unusual(self) -> None:
        self.script("""
            import ebbrt, numpy, math
            ebbrt.start(nodes=2, machine="process")
            a = numpy.array([[1.0, -2.0, 4.0], [0.5, 8.0, -16.0]])
            A = ebbrt.Matrix.from_numpy(a, tile=2)
            for ours, theirs in (
                (A + 1, a + 1), (1 + A, 1 + a), (A - 3, a - 3), (3 - A, 3 - a),
                (A * 2, a * 2), (A / 4, a / 4), (4 / A, 4 / a), (-A, -a), (+A, a),
                (abs(A), abs(a)), (A ** 2, a ** 2), (A + a, a + a), (a + A, a + a),
                (a - A, a - a), (a * A, a * a), (A / a, a / a), (a.T @ A, a.T @ a),
                (A - numpy.uint8(1), a - 1), (A - numpy.True_, a - 1), (2 ** abs(A), 2 ** abs(a)),
                (numpy.float64(3) - A, 3 - a), (numpy.float64(2) * A, 2 * a),
                (A @ a.T, a @ a.T), (A.map("tanh"), numpy.tanh(a)), (A[1, :], a[1:2, :]),
                (A[:, -1], a[:, 2:3]), (A[:1, 1:], a[:1, 1:]), (A.T, a.T),
            ):
                assert numpy.allclose(ours.numpy(), theirs, rtol=1e-14, atol=0), (ours.numpy(), theirs)
            assert numpy.allclose(A @ numpy.ones(3), a @ numpy.ones(3))
            assert numpy.allclose(numpy.ones(2) @ A, numpy.ones(2) @ a)
            assert A == a and A == ebbrt.Matrix.from_numpy(a) and A != A + 1 and A != A.T
            assert numpy.asarray(A).sum() == a.sum() and A.mean() == a.mean()
            assert math.isclose(A.norm(), numpy.linalg.norm(a))
            with numpy.errstate(all="ignore"):
                B = A.map("log")
                assert numpy.array_equal(B.numpy(), numpy.log(a), equal_nan=True)
            assert math.isnan(B.max()) and math.isnan(B.sum()) and B != B
            infinite = A / 0
            assert infinite.max() == math.inf and infinite == infinite and infinite != -infinite
            copy = +A
            copy[0, 0] = 1000
            assert A == a and A != copy
            A[1, 2] = 7; A[-1, 0] = 9
            a[1, 2] = 7; a[-1, 0] = 9
            assert A == a
            b = numpy.arange(63.0).reshape(7, 9)
            B = ebbrt.Matrix.from_numpy(b, tile=(2, 3))
            for key, value in (
                ((slice(1, 6), slice(2, 8)), numpy.full((5, 6), -1.0)),
                ((slice(None), 4), 8), ((3, slice(None)), b[5:6, :] * 2),
                ((slice(2, 2), slice(0, 3)), 9), ((slice(-2, None), slice(-3, None)), b[:2, :3]),
                ((slice(0, 7), slice(0, 9)), b.T.reshape(7, 9)),
            ):
                B[key] = value
                b[key] = value
                assert B == b, key
            B[1:3, 1:4] = A
            b[1:3, 1:4] = a
            assert B == b
            for wrong, kind in ((numpy.zeros((1, 1)), ValueError), ("text", TypeError)):
                try:
                    B[0:2, 0:2] = wrong
                except kind:
                    pass
                else:
                    raise AssertionError(wrong)
            A.randomize(5)
            assert A == ebbrt.Matrix.random(2, 3, 5, tile=1)
            for _ in range(300): A = A + 1
            assert abs(A.min() - 300) < 1
        """)

    def test_elements_of_every_type(self) -> None:
        for machine in ("process", "microvm"):
            with self.subTest(machine=machine):
                self.use_elements_of_every_type(machine)

    def use_elements_of_every_type(self, machine: str) -> None:
        self.script(f"ebbrt_machine = {machine!r}" + textwrap.dedent("""
            import ebbrt, itertools, numpy
            ebbrt.start(nodes=3, machine=ebbrt_machine)
            rng = numpy.random.default_rng(5)
            arrays = []
            for name in "float32", "float64", "complex64", "complex128":
                parts = rng.random((2, 5, 4)) - 0.5
                array = (parts[0] + 1j * parts[1] if "complex" in name else parts[0]).astype(name)
                arrays.append(array)
                A = ebbrt.Matrix.from_numpy(array, tile=(2, 3))
                assert A.dtype == array.dtype and name in repr(A)
                assert (A.numpy() == array).all() and A.numpy().dtype == array.dtype
                assert A[4, 3] == array[4, 3] and type(A[0, 0]) is ("complex" in name and complex or float)
                wide = array.astype("complex128" if "complex" in name else "float64")
                assert numpy.isclose(A.sum(), wide.sum()) and numpy.isclose(A.mean(), wide.mean())
                assert numpy.isclose(A.norm(), numpy.linalg.norm(wide))
                for ours, theirs in (
                    (abs(A), abs(array)), (A.real, array.real), (A.imag, array.imag),
                    (A.conj(), array.conj()), (A * 2, array * 2), (A * 2j, array * 2j),
                    (2j - A, 2j - array), (A / (1 + 1j), array / (1 + 1j)), (-A, -array),
                    (A + numpy.complex64(1j), array + numpy.complex64(1j)), (A ** 2, array ** 2),
                    (A.T, array.T), (A[1:3, 2:], array[1:3, 2:]), (A.map("exp"), numpy.exp(array)),
                    (A.map("tanh"), numpy.tanh(array)), (A.in_tiles(4), array),
                    (A.astype("complex128"), array.astype("complex128")),
                ):
                    assert ours.dtype == theirs.dtype, (name, ours, theirs.dtype)
                    assert numpy.allclose(ours.numpy(), theirs, rtol=1e-5), (ours.numpy(), theirs)
                zeros, full = ebbrt.Matrix(3, 3, dtype=name), ebbrt.Matrix.full(3, 3, 2, dtype=name)
                assert zeros.dtype == full.dtype == array.dtype and full.sum() == 18
                assert ebbrt.Matrix.identity(3, dtype=name).sum() == 3
                assert ebbrt.Matrix.random(3, 3, 1, 2, name) == ebbrt.Matrix.random(3, 3, 1, 3, name)
                A[0, 0] = 7
                A[1:3, 0:2] = numpy.float64(3)
                assert A.dtype == array.dtype and A[2, 1] == 3 and A[0, 0] == 7
                assert (A @ ebbrt.Matrix(4, 0, dtype=name)).dtype == array.dtype
            for a, b in itertools.product(arrays, arrays):
                A, B = ebbrt.Matrix.from_numpy(a, tile=3), ebbrt.Matrix.from_numpy(b, tile=(2, 4))
                for ours, theirs in ((A + B, a + b), (A - B, a - b), (A * B, a * b), (A / B, a / b),
                                     (A.T @ B, a.T @ b), (a.T @ B, a.T @ b)):
                    assert ours.dtype == theirs.dtype, (a.dtype, b.dtype, ours.dtype, theirs.dtype)
                    assert numpy.allclose(ours.numpy(), theirs, rtol=1e-3, atol=1e-5)
                assert (A == B) == (a == b).all()
            assert ebbrt.Matrix.full(2, 2, 1j).dtype == "complex128"
            assert ebbrt.Matrix.from_numpy([[1, 2]]).dtype == "float64"
            assert ebbrt.Matrix.from_numpy([[1, 2]], dtype="complex64").dtype == "complex64"
            vector = numpy.array([1j, 2, 3, 4])
            assert numpy.allclose(ebbrt.Matrix.from_numpy(arrays[0]) @ vector, arrays[0] @ vector)
            # Where NumPy's complex numbers are not C++'s.
            a = numpy.array([[1 + 0j, 1 + 2j, 0j, -1 - 0j]])
            A = ebbrt.Matrix.from_numpy(a)
            with numpy.errstate(all="ignore"):
                for ours, theirs in ((-A, -a), ((-A).map("sqrt"), numpy.sqrt(-a)), (A / 0, a / 0), (1 / A, 1 / a),
                                     (A ** 0, a ** 0), ((-A).map("log"), numpy.log(-a)), (A / A, a / a)):
                    ours = ours.numpy()
                    for part in "real", "imag":
                        x, y = getattr(ours, part), getattr(theirs, part)
                        assert numpy.allclose(x, y, equal_nan=True), (ours, theirs)
            assert ebbrt.Matrix.from_numpy(a.astype(">c8")).dtype == "complex64"
            for text in numpy.str_("3"), numpy.bytes_(b"3"), "3":
                try:
                    A + text
                except TypeError:
                    pass
                else:
                    raise AssertionError(text)
            assert A != numpy.array([["1", "2", "3", "4"]])
        """))

    def test_consoles_are_shown_if_wanted(self) -> None:
        for machine, line in (("microvm", "network on"), ("process", "")):
            for wanted in (True, False):
                python = self.start(["-c", textwrap.dedent(f"""
                    import ebbrt, sys
                    ebbrt.start(nodes=1, machine="{machine}", console={wanted})
                    ebbrt.Matrix(3, 3).sum()
                """)])
                out, errors = python.communicate(timeout=60)
                self.assertEqual(python.returncode, 0, errors)
                if wanted and line:
                    self.assertRegex(out + errors, rf"\[node [0-9]+\] .*{line}")
                else:
                    self.assertEqual(out + errors, "")

    def test_what_takes_long_shows_its_progress_on_a_terminal(self) -> None:
        for options, terminal, shows in (("", True, True), ("", False, False),
                                         (", progress=True", False, True),
                                         (", progress=False", True, False)):
            work = STOPPED_FOR_A_WHILE % options
            said = self.standard_error(work, terminal)
            with self.subTest(options=options, terminal=terminal):
                if shows:
                    self.assertRegex(said, r"ebbrt: .*[0-9]+/[1-9][0-9]* .* tiles")
                else:
                    self.assertEqual(said, "")

    def standard_error(self, script: str, terminal: bool) -> str:
        """What the script says there, which is a terminal or a pipe."""
        ours, theirs = os.openpty() if terminal else os.pipe()
        with open(ours, "rb", buffering=0) as reader:
            python = self.namespace.start(
                ["/usr/bin/python3", "-c", script], stdout=subprocess.PIPE, stderr=theirs,
                env=self.environment(), text=True)
            os.close(theirs)
            said = b""
            with contextlib.suppress(OSError):  # so a terminal's end is told
                while part := reader.read(65536):
                    said += part
            out, _ = python.communicate(timeout=60)
        self.assertEqual((python.returncode, out), (0, "True\n"), said)
        self.namespace.assert_clean(self)
        return said.decode()

    def test_a_lost_node_is_computed_again_where_that_can_be(self) -> None:
        self.script("""
            import ebbrt, os, signal, subprocess, time, numpy
            ebbrt.start(nodes=2, machine="process")
            A = ebbrt.Matrix.random(40, 40, 3, tile=20)
            B = (A @ A.T).evaluate()
            C = ebbrt.Matrix.from_numpy(numpy.eye(40), tile=20).evaluate()
            before = B.numpy()
            listed = subprocess.run(["pgrep", "-P", str(os.getpid()), "matrix_backend"],
                                    capture_output=True, text=True).stdout.split()
            assert len(listed) == 2, listed
            os.kill(int(listed[0]), signal.SIGKILL)
            time.sleep(0.3)
            for attempt in range(3):
                try:
                    again = B.numpy()
                    break
                except (ebbrt.NodeLost, RuntimeError) as error:
                    print(type(error), error)
            assert (again == before).all()
            try:
                C.numpy()
            except ebbrt.MatrixLost as error:
                assert "40 x 40" in str(error), error
            else:
                raise AssertionError("where did it come from?")
            assert ebbrt.Matrix.identity(5).sum() == 5
        """)

    def test_a_node_is_lost_while_others_fetch_from_it(self) -> None:
        """Products whose factors lie on another node, which is killed meanwhile: who
        waits is told, and the session goes on."""
        self.script("""
            import ebbrt, numpy, os, signal, subprocess, threading, time
            ebbrt.start(nodes=3, machine="process")
            A = ebbrt.Matrix.random(1200, 1200, 3, tile=300)
            expected = (A.numpy() @ A.numpy()).sum()
            told = 0
            def kill(after):
                time.sleep(after)
                listed = subprocess.run(["pgrep", "-P", str(os.getpid()), "matrix_backend"],
                                        capture_output=True, text=True).stdout.split()
                os.kill(int(listed[0]), signal.SIGKILL)
            for after in 0.0, 0.02, 0.1, 0.3:
                A.evaluate()
                killer = threading.Thread(target=kill, args=(after,))
                killer.start()
                while True:
                    try:
                        total = (A @ A).sum()
                    except (ebbrt.NodeLost, ebbrt.AllocationFailed, RuntimeError) as error:
                        told += 1
                        continue
                    if not killer.is_alive():
                        break
                killer.join()
                assert abs(total / expected - 1) < 1e-12, (total, expected)
            assert told > 0
        """)

    def test_a_first_boot_that_fails_may_be_tried_again(self) -> None:
        self.script("""
            import ebbrt, os
            right = os.environ["EBBRT_IAASD"]
            os.environ["EBBRT_IAASD"] = "/nowhere/iaasd"
            ebbrt.start(nodes=1)
            for _ in range(2):
                try:
                    ebbrt.Matrix(3, 3).sum()
                except ebbrt.AllocationFailed as error:
                    print(error)
                else:
                    raise AssertionError("who has booted it?")
            A = ebbrt.Matrix(3, 3)
            try:
                for _ in range(1000):  # far more than fit a stack
                    A = A + 1
            except ebbrt.AllocationFailed:
                pass
            else:
                raise AssertionError
            os.environ["EBBRT_IAASD"] = right
            assert ebbrt.Matrix.identity(3).sum() == 3
        """)

    def test_an_image_of_another_application(self) -> None:
        other = require(HOSTED / "apps" / "memcached" / "memcached_hosted")
        self.script(f"""
            import ebbrt
            ebbrt.start(nodes=1, machine="process", image={str(other)!r})
            try:
                ebbrt.Matrix(3, 3).sum()
            except ebbrt.AllocationFailed as error:
                assert "sage-matrix" in str(error), error
            else:
                raise AssertionError
        """)

    def test_a_long_iteration_does_not_fill_the_node(self) -> None:
        """Each matrix has 8 MB, all together ten times the node's memory."""
        self.script("""
            import ebbrt
            ebbrt.start(nodes=1, memory=64)
            A = ebbrt.Matrix.random(1000, 1000, 1, tile=500)
            before = A.sum()
            for i in range(80):
                A = A + 1
                if i % 7 == 0: A.sum()
            assert abs(A.sum() - before - 80e6) < 1e-3, A.sum() - before
        """)

    def test_stop_while_others_wait(self) -> None:
        self.script("""
            import ebbrt, threading, time
            ebbrt.start(nodes=1)
            A = ebbrt.Matrix.random(600, 600, tile=600)
            A[0, 0]
            errors = []
            def work():
                try:
                    while True: (A @ A).sum()
                except Exception as error:
                    errors.append(error)
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads: thread.start()
            time.sleep(0.3)
            ebbrt.stop()
            for thread in threads: thread.join(20)
            assert len(errors) == 3, errors
            print(*map(repr, errors))
        """)

    def test_memory_that_a_node_does_not_have(self) -> None:
        self.script("""
            import ebbrt
            ebbrt.start(nodes=1, memory=32)
            A = ebbrt.Matrix(3000, 3000, tile=3000)
            try:
                A.sum()
            except MemoryError as error:
                assert "3000 x 3000" in str(error) and "70312 KiB" in str(error), error
            else:
                raise AssertionError
            assert ebbrt.Matrix(100, 100).sum() == 0
        """)

    def test_interrupted_work_leaves_the_session_usable(self) -> None:
        python = self.start(["-c", textwrap.dedent("""
            import ebbrt
            ebbrt.start(nodes=1)
            A = ebbrt.Matrix.random(700, 700, tile=700)
            A[0, 0]
            try:
                print("begins", flush=True)
                for _ in range(1000):
                    (A @ A).sum()
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            print(ebbrt.Matrix.identity(3).sum(), flush=True)
        """)])
        try:
            self.assertEqual(python.stdout.readline(), "begins\n", python.poll())
            python.send_signal(signal.SIGINT)
            self.assertEqual(python.stdout.readline(), "interrupted\n")
            self.assertEqual(python.stdout.readline(), "3.0\n")
            self.assertEqual(python.wait(20), 0)
        finally:
            python.kill()
            python.communicate()
        self.namespace.assert_clean(self)

    def test_no_interrupt_is_lost(self) -> None:
        """Ctrl-C at any moment of short waits: each is told."""
        self.script("""
            import ebbrt, os, random, signal, threading, time
            ebbrt.start(nodes=1, machine="process")
            A = ebbrt.Matrix.random(700, 700, tile=700).evaluate()
            rng = random.Random(1)
            for _ in range(25):
                threading.Timer(rng.uniform(0.05, 0.25), os.kill, (os.getpid(), signal.SIGINT)).start()
                end = time.monotonic() + 10
                try:
                    while time.monotonic() < end: (A @ A @ A).sum()
                except KeyboardInterrupt:
                    continue
                raise AssertionError("lost")
        """)

    def test_python_ends_while_others_wait(self) -> None:
        for _ in range(5):
            self.script("""
                import ebbrt, threading, time
                ebbrt.start(nodes=1, machine="process")
                A = ebbrt.Matrix.random(900, 900, tile=900).evaluate()
                def work():
                    while True: (A @ A).sum()
                for _ in range(3): threading.Thread(target=work, daemon=True).start()
                time.sleep(0.2)
            """)

    def test_progress_that_can_not_be_shown(self) -> None:
        for ending in ("2>&-", "2> >(exec true)"):
            script = STOPPED_FOR_A_WHILE % ", progress=True"
            result = self.namespace.run(["bash", "-c", f"/usr/bin/python3 -c '{script}' {ending}"],
                                        env=self.environment(), stdout=subprocess.PIPE, text=True, timeout=60)
            self.assertEqual((result.returncode, result.stdout), (0, "True\n"), ending)

    def test_a_killed_python_leaves_nothing(self) -> None:
        for machine in ("process", "microvm"):
            python = self.start(["-c", textwrap.dedent(f"""
                import ebbrt, time
                ebbrt.start(nodes=2, machine="{machine}")
                A = ebbrt.Matrix.random(100, 100, tile=50).evaluate()
                print("there", flush=True)
                time.sleep(100)
            """)])
            self.assertEqual(python.stdout.readline(), "there\n")
            python.kill()
            python.communicate()
            eventually(lambda: not self.namespace.inhabitants())
            self.namespace.assert_clean(self)

    def test_sage(self) -> None:
        """The documentation's worksheet, the module's own examples, and the session
        that a user begins."""
        if shutil.which("sage") is None:
            self.skipTest("Sage is not installed (its gigabytes CI alone installs); "
                          "./ebbrt run sage does that")
        run = [HERE.parents[1] / "ebbrt", "run", "--no-build", "sage"]
        environment = self.namespace.environment(
            DOT_SAGE=self.enterContext(tempfile.TemporaryDirectory()))
        for file in (HERE.parents[1] / "docs" / "sage-worksheet.rst",
                     self.package / "ebbrt" / "__init__.py"):
            result = self.namespace.run([*run, "-t", file], env=environment, capture_output=True,
                                        text=True)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertRegex(result.stdout, r"\[[0-9]{2} tests, ")
        # What a session is told is not what it says.
        session = "ebbrt.start(nodes=1)\nebbrt.Matrix.full(2, 2, pi).sum() - 4 * RDF.pi() + 321\n"
        result = self.namespace.run(run, env=environment, input=session, capture_output=True,
                                    text=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("321.0", result.stdout)
        # Sage leaves a cleaner of its own behind, which ends after two minutes.
        for cleaner in processes(r"^\S*python3 \S*/sage-cleaner") & self.namespace.inhabitants():
            os.kill(cleaner, signal.SIGTERM)
        eventually(lambda: not self.namespace.inhabitants())
        self.namespace.assert_clean(self)

    def test_run_python(self) -> None:
        result = self.namespace.run(
            [HERE.parents[1] / "ebbrt", "run", "--no-build", "python", "-c",
             "import ebbrt; ebbrt.start(nodes=1); print(ebbrt.Matrix.identity(4).sum())"],
            capture_output=True, text=True, cwd="/")
        self.assertEqual((result.returncode, result.stdout), (0, "4.0\n"), result.stderr)
        self.namespace.assert_clean(self)


if __name__ == "__main__":
    unittest.main()
