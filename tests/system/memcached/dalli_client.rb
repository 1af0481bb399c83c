# dalli against HOST PORT, by the binary and the meta protocol.
require "dalli"

def check(holds, what)
  abort what unless holds
end

[:binary, :meta].each do |protocol|
  client = Dalli::Client.new("#{ARGV[0]}:#{ARGV[1]}", protocol: protocol)
  client.set("ruby", { "a" => [1, 2] })
  check client.get("ruby") == { "a" => [1, 2] }, "set"
  check client.incr("counter", 1, 60, 5) == 5, "initial"
  check client.incr("counter", 3) == 8 && client.decr("counter", 2) == 6, "incr"
  300.times { |i| client.set("ruby#{i}", "v" * i) }
  keys = (0...300).map { |i| "ruby#{i}" }
  check client.get_multi(*keys) == keys.each_with_index.to_h { |k, i| [k, "v" * i] }, "multi"
  check client.cas("ruby1") { |value| value + "!" }, "cas"
  check client.get("ruby1") == "v!", "cas's value"
  check !client.add("ruby1", "x") && client.replace("ruby1", "y"), "add, replace"
  client.set("raw", "b", 60, raw: true)
  check client.append("raw", "c") && client.prepend("raw", "a"), "append"
  check client.get("raw", raw: true) == "abc", "append's value"
  check client.touch("ruby1", 100) && client.gat("ruby1", 100) == "y", "touch"
  check client.delete("ruby1") && client.get("ruby1").nil?, "delete"
  check client.get("none").nil?, "miss"
  check client.stats.values.first["curr_items"].to_i >= 300, "stats"
  client.flush
  check client.get("ruby2").nil?, "flush"
end
