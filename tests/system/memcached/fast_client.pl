# Cache::Memcached::Fast against HOST PORT: the text protocol, pipelined.
use strict;
use warnings;
use Cache::Memcached::Fast;

my $client = Cache::Memcached::Fast->new({ servers => ["$ARGV[0]:$ARGV[1]"] });
sub check { my ($holds, $what) = @_; die "$what\n" unless $holds }

check($client->set("perl", "1") && $client->get("perl") eq "1", "set");
check($client->incr("perl", 4) == 5 && $client->decr("perl", 2) == 3, "incr");
my @set = map { ["perl$_", "v" x $_] } 0 .. 299;
my @stored = $client->set_multi(@set);
check(300 == grep({ $_ } @stored), "set_multi");
my $got = $client->get_multi(map { $_->[0] } @set);
check(300 == grep({ $got->{ $_->[0] } eq $_->[1] } @set), "get_multi");
my ($cas, $value) = @{ $client->gets("perl1") };
check($client->cas("perl1", $cas, "new") && !$client->cas("perl1", $cas, "x"), "cas");
check($client->append("perl1", "!") && $client->prepend("perl1", "?"), "append");
check($client->get("perl1") eq "?new!", "append's value");
check(!$client->add("perl1", "x") && $client->replace("perl1", "y"), "add, replace");
check($client->touch("perl1", 100), "touch");
check($client->delete("perl1") && !defined $client->get("perl1"), "delete");
$client->set("quiet$_", $_) for 1 .. 100;    # noreply: in void context
check($client->get("quiet100") eq "100", "noreply");
check($client->server_versions, "version");
check($client->flush_all && !defined $client->get("perl2"), "flush");
