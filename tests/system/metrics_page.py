"""Pages of metrics, asked for and read."""

from binary_client import connect_in
from harness import Namespace
from prometheus_client.parser import text_string_to_metric_families


def page(namespace: Namespace, port: int, target: str = "/metrics",
         method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a page, asked for by hand."""
    with connect_in(namespace, ("127.0.0.1", port), 60) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\n"
                           "Connection: close\r\n\r\n".encode())
        data = b""
        while piece := connection.recv(1 << 16):
            data += piece
    head, _, body = data.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), headers, body


class Metrics:
    """A page, read by Prometheus' own parser for Python."""

    def __init__(self, text: str) -> None:
        self.families = {f.name: f for f in text_string_to_metric_families(text)}
        self.samples = [s for f in self.families.values() for s in f.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of what there is of that name with those labels; there is some."""
        found = [s.value for s in self.samples
                 if s.name == name and labels.items() <= s.labels.items()]
        if not found:
            raise AssertionError(f"no {name} with {labels}")
        return sum(found)
