"""pymemcache against HOST PORT: the text protocol."""

import sys

from pymemcache.client.base import Client

client = Client((sys.argv[1], int(sys.argv[2])), connect_timeout=10, timeout=30)
assert client.set("py", "1", noreply=False)
assert client.get("py") == b"1"
assert client.incr("py", 41, noreply=False) == 42
assert client.decr("py", 2, noreply=False) == 40
value, cas = client.gets("py")
assert value == b"40"
assert client.cas("py", "new", cas) is True
assert client.cas("py", "newer", cas) is False
assert client.append("py", "!", noreply=False) and client.prepend("py", "?", noreply=False)
assert client.get("py") == b"?new!"
assert client.add("py", "x", noreply=False) is False
assert client.replace("py", "y", noreply=False) is True
assert client.touch("py", 100, noreply=False) is True
assert client.get("py") == b"y"
many = {f"py{i}": b"v" * i for i in range(500)}
assert client.set_many(many, noreply=False) == []
assert client.get_many(list(many)) == many
large = bytes(range(256)) * 4000
assert client.set("large", large, noreply=False)
assert client.get("large") == large
assert client.delete("py", noreply=False) is True
assert client.delete("py", noreply=False) is False
assert client.version().startswith(b"1.6")
assert client.stats()[b"curr_items"] >= 501
assert client.flush_all(noreply=False) is True
assert client.get("py1") is None
