#!/usr/bin/python3
"""The memcached server, hosted and as an image, against clients that others wrote.

EBBRT_LONG=1 runs each load for 60 seconds instead of three.
"""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from harness import eventually
from memcached_server import PORT, AllCores, Hosted, Image

CLIENTS = pathlib.Path(__file__).parent / "memcached"
LOAD_SECONDS = 60 if os.environ.get("EBBRT_LONG") == "1" else 3
CAPABLE_TESTS = 54
NGINX = pathlib.Path("/usr/sbin/nginx")
MEMC_MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_http_memc_module.so")

NGINX_CONFIGURATION = """
load_module {module};
daemon off;
master_process off;
error_log stderr;
pid {directory}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:8080;
        location / {{
            set $memc_key $arg_key;
            memc_pass {host}:{port};
        }}
    }}
}}
"""


class Clients:
    """The cases, for a server that memcached_server.py has started."""

    def program(self, name: str, package: str) -> str:
        found = shutil.which(name)
        if found is None:
            self.skipTest(f"needs {name}, of Debian's {package}")
        return found

    def run_client(self, *words, timeout: float = 60) -> str:
        result = self.namespace.run([*words], capture_output=True, text=True,
                                    timeout=timeout)
        said = result.stdout + result.stderr
        self.assertEqual(result.returncode, 0, said)
        return said

    def run_script(self, interpreter: str, script: str, package: str, probe: list) -> None:
        """A client's script; skips if `probe` says that its library is missing."""
        interpreter = self.program(interpreter, package)
        if subprocess.run([interpreter, *probe], capture_output=True, check=False).returncode:
            self.skipTest(f"needs Debian's {package}")
        self.run_client(interpreter, str(CLIENTS / script), self.address[0],
                        str(self.address[1]))

    def tearDown(self) -> None:
        self.assertIsNone(self.server.poll(), "the server has died")

    def test_memccapable(self) -> None:
        program = self.program("memccapable", "libmemcached-tools")
        said = self.run_client(program, "-h", self.address[0], "-p", str(self.address[1]))
        self.assertEqual(said.count("[pass]"), CAPABLE_TESTS, said)
        self.assertIn("All tests passed", said)

    def load(self, *options: str) -> str:
        """memcaslap, which must see no error; what it said."""
        program = self.program("memcaslap", "libmemcached-tools")
        said = self.run_client(program, "-s", "%s:%d" % self.address, "-T", "1",
                               "-t", f"{LOAD_SECONDS}s", *options,
                               timeout=LOAD_SECONDS + 60)
        print(*re.findall(r"^Run time:.*", said, re.MULTILINE))
        self.assertGreater(int(re.search(r"(?m)^cmd_get: (\d+)", said)[1]), 0)
        return said

    def assert_verified(self, said: str) -> None:
        for counter in ("get_misses", "verify_misses", "verify_failed"):
            self.assertRegex(said, rf"(?m)^{counter}: 0$", counter)
            said = said.replace(counter, "")
        self.assertNotRegex(said, r"(?i)error|fail|timeout|reset|broken")

    def test_memcaslap_binary(self) -> None:
        self.assert_verified(self.load("-B", "-c", "64", "-v", "0.1"))

    def test_memcaslap_text(self) -> None:
        self.assert_verified(self.load("-c", "64", "-v", "0.1"))

    def test_memcaslap_udp(self) -> None:
        """Where datagrams are lost, its get counts as a miss; nothing may be wrong."""
        # memcaslap resolves names for UDP only where there is more than a loopback.
        for words in (["link", "add", "other", "type", "bridge"],
                      ["address", "add", "10.99.0.1/24", "dev", "other"],
                      ["link", "set", "other", "up"]):
            self.namespace.run(["ip", *words], check=True)
        said = self.load("-U", "-c", "4", "-v", "0.1")
        self.assertRegex(said, r"(?m)^verify_failed: 0$")

    def test_libmemcached_s_tools(self) -> None:
        server = "--servers=%s:%d" % self.address
        file = self.namespace.directory / "copied"
        file.write_bytes(os.urandom(100_000))
        tools = {name: self.program(name, "libmemcached-tools")
                 for name in ("memccp", "memccat", "memcexist", "memctouch", "memcrm",
                              "memcstat", "memcping", "memcflush")}
        self.run_client(tools["memcping"], server)
        self.run_client(tools["memccp"], server, str(file))
        self.run_client(tools["memccat"], server, f"--file={file}.back", "copied")
        self.assertEqual(pathlib.Path(f"{file}.back").read_bytes(), file.read_bytes())
        self.run_client(tools["memcexist"], server, "copied")
        self.run_client(tools["memctouch"], server, "--expire=100", "copied")
        self.assertIn("curr_items", self.run_client(tools["memcstat"], server))
        self.run_client(tools["memcrm"], server, "copied")
        self.run_client(tools["memcflush"], server)

    def test_pymemcache(self) -> None:
        self.run_script("/usr/bin/python3", "pymemcache_client.py", "python3-pymemcache",
                        ["-c", "import pymemcache"])

    def test_pylibmc(self) -> None:
        self.run_script("/usr/bin/python3", "pylibmc_client.py", "python3-pylibmc",
                        ["-c", "import pylibmc"])

    def test_php_memcached(self) -> None:
        self.run_script("php", "php_client.php", "php-cli php-memcached",
                        ["-r", "exit(class_exists('Memcached') ? 0 : 1);"])

    def test_ruby_dalli(self) -> None:
        self.run_script("ruby", "dalli_client.rb", "ruby ruby-dalli", ["-e", "require 'dalli'"])

    def test_perl_cache_memcached_fast(self) -> None:
        self.run_script("perl", "fast_client.pl", "libcache-memcached-fast-perl",
                        ["-e", "use Cache::Memcached::Fast;"])

    def test_nginx_memc(self) -> None:
        if not NGINX.exists() or not MEMC_MODULE.exists():
            self.skipTest("needs Debian's nginx-light and libnginx-mod-http-memc, whose"
                          " installation starts a server")
        curl = self.program("curl", "curl")
        configuration = self.namespace.directory / "nginx.conf"
        configuration.write_text(NGINX_CONFIGURATION.format(
            module=MEMC_MODULE, directory=self.namespace.directory,
            host=self.address[0], port=self.address[1]))
        nginx = self.namespace.start([str(NGINX), "-c", str(configuration)],
                                     stderr=subprocess.PIPE)
        self.addCleanup(nginx.stderr.close)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.kill)
        url = "http://127.0.0.1:8080/?key=nginx"

        def ask(*words: str) -> str:
            return self.namespace.run([curl, "-s", "-o", "-", "-w", " %{http_code}", *words, url],
                                      capture_output=True, text=True).stdout

        self.assertTrue(eventually(lambda: ask().endswith(" 404")), ask())
        self.assertTrue(ask("-X", "PUT", "--data-binary", "through nginx").endswith(" 201"))
        self.assertEqual(ask(), "through nginx 200")
        self.assertEqual(ask("-X", "DELETE"), "DELETED\n 200")
        self.assertTrue(ask().endswith(" 404"))


class HostedTest(Clients, Hosted, unittest.TestCase):
    # A minute's load must fit: what is evicted would count as missed, or wrong.
    words = ("-U", PORT, "-m", 2048)


class AllCoresTest(Clients, AllCores, unittest.TestCase):
    words = ("-t", AllCores.cores, "-U", PORT)


class ImageTest(Clients, Image, unittest.TestCase):
    words = ("-U", PORT)


if __name__ == "__main__":
    unittest.main()
