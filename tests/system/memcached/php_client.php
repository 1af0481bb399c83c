<?php // php-memcached against HOST PORT, by both protocols.
function check($holds, $what) {
    global $client;
    if (!$holds) {
        fwrite(STDERR, "$what: " . $client->getResultMessage() . "\n");
        exit(1);
    }
}
foreach ([false, true] as $binary) {
    $client = new Memcached();
    $client->setOption(Memcached::OPT_BINARY_PROTOCOL, $binary);
    $client->addServer($argv[1], (int)$argv[2]);
    check($client->set("php", ["a" => 1]) && $client->get("php") == ["a" => 1], "set");
    check($client->set("n", 5) && $client->increment("n", 3) == 8, "increment");
    check($client->decrement("n") == 7, "decrement");
    check($client->increment("fresh" . (int)$binary, 1, 10) == 10 || !$binary, "initial");
    $many = [];
    for ($i = 0; $i < 300; $i++) $many["php$i"] = str_repeat("x", $i);
    check($client->setMulti($many) && $client->getMulti(array_keys($many)) == $many, "multi");
    $got = $client->get("php1", null, Memcached::GET_EXTENDED);
    check($client->cas($got["cas"], "php1", "new") && !$client->cas($got["cas"], "php1", "x"), "cas");
    check(!$client->add("php1", "x") && $client->replace("php1", "y"), "add, replace");
    check($client->touch("php1", 100) && $client->delete("php1") && !$client->delete("php1"), "delete");
    check(count($client->getStats()) == 1, "stats");
    check($client->flush() && $client->get("php2") === false, "flush");
}
