#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The fixed input of one command line (command-lines.txt, negative-controls.txt, rendezvous.txt), made in the current,
# empty folder. Usage: prepare.sh NAME, with the environment of environment.sh.
set -eu

words()
{
	printf '%s\n' delta alpha charlie bravo echo alpha foxtrot golf hotel india >words.txt
	mkdir -p tree/deep/deeper
	printf 'one\n' >tree/a.txt
	printf 'two two\n' >tree/deep/b.txt
	printf 'three three three\n' >tree/deep/deeper/c.txt
	printf 'binary\n' >tree/deep/d.bin
	printf '#!/no/such/interpreter\n' >no-interpreter
	chmod 755 no-interpreter
}

scripts()
{
	cat >script.sh <<'SH'
count() { ls "$1" | wc -l; }
for word in "$@" three; do
	case $word in
	one) /bin/echo first ;;
	*) echo "$word" | tr a-z A-Z ;;
	esac
done
count tree
cat <<END
$(sort words.txt | head -n 1) here
END
(cd tree && ls) >list.txt 2>&1
while read -r line; do /bin/echo "read $line"; done <list.txt
if grep -q alpha words.txt && ! grep -q zulu words.txt; then /bin/echo found; fi
x=$(/bin/echo "$0" | sed 's/s/S/') || exit 9
echo "$x"
set -- $(seq 3)
/bin/echo "$3"
sh -c 'exit 5'
echo $?
exec /bin/echo end
SH
	cp script.sh script.bash
	cat >pty-child.py <<'PY'
import os, pty
pid, fd = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", "tty | cut -c 1-9; echo on a terminal; exit 3"])
data = b""
while True:
    try:
        part = os.read(fd, 1000)
    except OSError:
        break
    if not part:
        break
    data += part
print(data.split(), os.waitpid(pid, 0)[1] >> 8)
PY
	cat >workers.py <<'PY'
import os
pipes = []
for number in range(4):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, str(sum(range(number * 1000))).encode())
        os._exit(number)
    os.close(writer)
    pipes.append((pid, reader))
for pid, reader in pipes:
    print(os.read(reader, 100), os.waitpid(pid, 0)[1] >> 8)
PY
	printf 'esyscmd(%csort words.txt | head -n 2%c)dnl\nsyscmd(%cexit 3%c)sysval\n' '`' "'" '`' "'" >esyscmd.m4
	printf '1\n!echo bang\nr !echo read\n$p\nQ\n' >ed.commands
	seq 20000 | sed 's/$/ padding of the line/' >numbers.txt
}

parts()
{
	mkdir parts
	for number in 1 2 3; do
		printf '#!/bin/sh\necho "part %s $1"\n/bin/echo end\n' $number >parts/part$number
		chmod 755 parts/part$number
	done
}

project()
{
	mkdir project project/sub
	cat >project/Makefile <<'MK'
files := $(wildcard *.in)
all: $(files:.in=.out) total
%.out: %.in
	tr a-z A-Z <$< >$@
	@echo made $@ >>$@.log
total: $(files:.in=.out)
	cat $(sort $^) >$@; wc -c <$@
versions:
	@echo $(shell printf '%s ' a b c) $(words $(shell seq 20))
	@false || /bin/echo recovered
	-@exit 3
MK
	printf 'all: one two\none two:\n\t$(MAKE) -C sub NAME=$@\n' >project/recursive.mk
	printf 'all:\n\t@/bin/echo sub $(NAME)\n' >project/sub/Makefile
	for number in 1 2 3 4 5 6; do
		printf 'text of file %s\n' $number >project/file$number.in
	done
}

repository()
{
	git init -q -b main repository
	cd repository
	printf 'first\n' >file.txt
	printf '#!/bin/sh\necho "external $1"\n' >external-diff
	chmod 755 external-diff
	printf '*.txt diff=rot\n' >.gitattributes
	git add .
	git commit -q -m one
	git branch filtered
	printf 'first\nsecond\n' >file.txt
	git commit -q -a -m two
	printf 'first\nsecond\nthird\n' >file.txt
	git commit -q -a -m three
	git checkout -q filtered
	printf '*.txt filter=up\n' >.gitattributes
	printf 'more\n' >more.txt
	git add .
	git commit -q -m filtered
	git checkout -q main
	printf '#!/bin/sh\n/bin/echo hook\n' >.git/hooks/pre-commit
	cp .git/hooks/pre-commit .git/hooks/post-commit
	chmod 755 .git/hooks/pre-commit .git/hooks/post-commit
	cd ..
}

# sshd as ssh's proxy command: no port and no daemon. As root it needs the folder that its service makes.
ssh_local()
{
	ssh-keygen -q -t ed25519 -N '' -f host_key
	ssh-keygen -q -t ed25519 -N '' -f user_key
	cp user_key.pub authorized_keys
	cat >sshd_config <<CONF
HostKey $PWD/host_key
AuthorizedKeysFile $PWD/authorized_keys
StrictModes no
UsePAM no
PidFile none
LogLevel QUIET
PermitRootLogin yes
CONF
	cat >ssh-local.sh <<'SH'
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
exec ssh -F none -q -o ProxyCommand="/usr/sbin/sshd -i -f $PWD/sshd_config" -o StrictHostKeyChecking=no \
	-o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes -i user_key -o BatchMode=yes \
	-l "$(id -un)" 127.0.0.1 "cd $PWD; $1"
SH
}

# await.pl FILE [PATTERN]: wait until the file is there and a line of it matches, at most 20 s, without a process of its
# own for each look: how many there are would depend on the machine's load.
await()
{
	cat >await.pl <<'PERL'
my ($file, $pattern) = @ARGV;
for (1 .. 1000) {
	exit 0 if !defined $pattern && -e $file;
	if (defined $pattern && open(my $in, '<', $file)) {
		while (my $line = <$in>) { exit 0 if $line =~ /$pattern/ }
	}
	select(undef, undef, undef, 0.02);
}
exit 1;
PERL
}

redis()
{
	await
	cat >redis.sh <<'SH'
redis-server --port 0 --unixsocket "$PWD/redis.sock" --dir "$PWD" --save '' --logfile redis.log --daemonize no \
	--enable-debug-command yes &
server=$!
ask() { redis-cli -s redis.sock "$@"; }
perl await.pl redis.log 'eady to accept connections'
ask debug populate 1000 key 100
ask bgsave
perl await.pl redis.log 'Background saving terminated'
ask info persistence | grep rdb_last_bgsave_status | tr -d '\r'
[ -s dump.rdb ] && echo saved
ask shutdown nosave
wait $server
echo $?
SH
}

nginx()
{
	await
	cat >nginx.conf <<'CONF'
worker_processes 2;
daemon off;
pid nginx.pid;
error_log error.log crit;
events { worker_connections 16; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	server { listen unix:nginx.sock; location / { return 200 "served\n"; } }
}
CONF
	cat >nginx.sh <<'SH'
/usr/sbin/nginx -p "$PWD" -c nginx.conf -e error.log &
server=$!
perl await.pl nginx.sock
perl -MIO::Socket::UNIX -e 'my $s = IO::Socket::UNIX->new(Peer => "nginx.sock") or die;
	print $s "GET / HTTP/1.0\r\n\r\n"; my @l = <$s>; print $l[-1]'
kill -QUIT $server
wait $server
echo $?
SH
	chmod 755 .
}

# PostgreSQL refuses root, so its server runs as the user postgres there, from a folder that this user can reach.
postgres()
{
	await
	cat >postgres.sh <<'SH'
bin=/usr/lib/postgresql/15/bin
if [ "$(id -u)" = 0 ]; then
	chown postgres . && exec setpriv --reuid postgres --regid postgres --clear-groups sh "$0"
fi
$bin/initdb -D data -A trust -N >/dev/null 2>&1 || exit 1
$bin/postgres -D data -k "$PWD" -c listen_addresses= -c fsync=off -c shared_buffers=1MB >server.log 2>&1 &
server=$!
perl await.pl server.log 'ready to accept connections'
$bin/psql -h "$PWD" -U "$(id -un)" -d postgres -Atc 'select 6 * 7'
kill -INT $server
wait $server
echo $?
SH
	chmod 755 .
}

agent()
{
	cat >agent.sh <<'SH'
eval "$(ssh-agent -s -a "$PWD/agent.sock")" >/dev/null
ssh-add -l
ssh-agent -k >/dev/null
echo $?
SH
}

words
scripts
case $1 in
make-*) project ;;
git-*) repository ;;
run-parts) parts ;;
ssh-localhost) ssh_local ;;
redis-*) redis ;;
nginx-*) nginx ;;
postgres-*) postgres ;;
ssh-agent) agent ;;
esac
