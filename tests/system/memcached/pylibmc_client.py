"""pylibmc (libmemcached) against HOST PORT, by both protocols."""

import sys

import pylibmc

for binary in (False, True):
    client = pylibmc.Client([":".join(sys.argv[1:3])], binary=binary,
                            behaviors={"cas": True, "tcp_nodelay": True})
    client["object"] = {"a": [1, 2, 3]}
    assert client["object"] == {"a": [1, 2, 3]}
    assert client.set("n", 1) and client.incr("n", 4) == 5 and client.decr("n", 2) == 3
    many = {f"pylibmc{i}": i for i in range(500)}
    assert client.set_multi(many) == []
    assert client.get_multi(list(many)) == many
    assert client.set("s", "a") and client.append("s", "b") and client.prepend("s", "c")
    assert client.get("s") == "cab"
    assert not client.add("s", "x") and client.replace("s", "y")
    if not binary:
        value, cas = client.gets("s")
        assert value == "y" and client.cas("s", "z", cas) and not client.cas("s", "z", cas)
    else:
        assert client.touch("s", 100)
    large = b"\r\n" * 300_000
    assert client.set("large", large) and client.get("large") == large
    assert client.delete("s") and not client.delete("s")
    assert int(client.get_stats()[0][1]["curr_items"]) >= 500
    assert client.flush_all() and client.get("object") is None
