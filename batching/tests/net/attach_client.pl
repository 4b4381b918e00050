#!/usr/bin/perl
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A client that works: a request every 2 ms over one connection, each answer compared, their number printed.
# Usage: attach_client.pl memcached|nginx PORT
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(sleep);

my ($server, $port) = @ARGV;
my $to;
for (1 .. 1000) {
	$to = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) and last;
	sleep 0.01;
}
die "$server does not take connections\n" unless $to;
$| = 1;
for (my $count = 1;; $count++) {
	if ($server eq 'memcached') {
		my $value = "value $count";
		syswrite $to, "set key 0 0 " . length($value) . "\r\n$value\r\nget key\r\n";
		my $got = join '', map { scalar(<$to>) // '' } 1 .. 4;
		$got eq "STORED\r\nVALUE key 0 " . length($value) . "\r\n$value\r\nEND\r\n"
			or die "answer $count is '$got'\n";
	} else {
		syswrite $to, "GET / HTTP/1.1\r\nHost: hotbed\r\n\r\n";
		my $got = '';
		while (defined(my $line = <$to>)) {
			last if $line eq "\r\n";
			$got .= $line;
		}
		$got =~ m{^HTTP/1.1 200 } && (<$to> // '') eq "hotbed\n" or die "answer $count is '$got'\n";
	}
	print "$count\n";
	sleep 0.002;
}
