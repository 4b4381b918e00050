/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of checks, in ascending order of id. A test parses every example and looks for the finding. */
#include <shcheck/finding.h>

static const struct shc_check checks[] = {
	{101, SHC_CLASS_SYSTEM_DELETION, SHC_SEVERITY_ERROR, SHC_EVIDENCE_PATH,
		"A deletion can reach the system",
		"A value in the operand can be empty, and what is left of the word is the root or "
		"a folder "
		"that the system lives in.",
		"dir=$(cd /srv/app && pwd)\nrm -rf \"$dir/\"*\n",
		"dir=$(cd /srv/app && pwd) || exit 1\nrm -rf \"${dir:?}/\"*\n"},
	{102, SHC_CLASS_USER_DELETION, SHC_SEVERITY_ERROR, SHC_EVIDENCE_PATH,
		"A deletion can reach a home or the directory in which the script is started",
		"When cd fails the script goes on where it was started, and a relative pattern "
		"means the files there.",
		"cd /srv/build\nrm -rf *\n", "cd /srv/build || exit 1\nrm -rf ./*\n"},
	{103, SHC_CLASS_SYSTEM_DELETION, SHC_SEVERITY_ERROR, SHC_EVIDENCE_PATH,
		"Modes or owners of the system can be changed",
		"A value in the operand can be empty, and what is left of the word is the root or "
		"a folder that "
		"the system lives in. With other modes and owners it does not start again.",
		"dir=$(cat /srv/app/dir)\nchown -R 1000 \"$dir/\"\n",
		"dir=$(cat /srv/app/dir)\nchown -R 1000 \"${dir:?}/\"\n"},
	{111, SHC_CLASS_DATA_LOSS, SHC_SEVERITY_ERROR, SHC_EVIDENCE_ALWAYS,
		"A file is emptied before it is read",
		"The shell opens and truncates the output of a pipeline before any of its commands "
		"reads.",
		"sort names | uniq > names\n",
		"sort names | uniq > names.new && mv names.new names\n"},
	{112, SHC_CLASS_DATA_LOSS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Every turn of a loop overwrites the output of the turn before",
		"A redirection with > inside a loop starts the file anew each time; only the last "
		"turn is left.",
		"for i in a b c; do\n\techo $i > list\ndone\n",
		"for i in a b c; do\n\techo $i\ndone > list\n"},
	{113, SHC_CLASS_DATA_LOSS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"What the script has written is overwritten before anything reads it",
		"A redirection with > empties the file: of two in a row only the last is left.",
		"echo first > list\necho second > list\n",
		"echo first > list\necho second >> list\n"},
	{114, SHC_CLASS_DATA_LOSS, SHC_SEVERITY_ERROR, SHC_EVIDENCE_PATH,
		"What a link leads to is deleted in place of the link",
		"With a slash behind its name rm -r goes through a link, deletes what is there, "
		"and leaves the link.",
		"ln -sfn /srv/data /srv/current\nrm -rf /srv/current/\n",
		"ln -sfn /srv/data /srv/current\nrm -f /srv/current\n"},
	{115, SHC_CLASS_DATA_LOSS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Every turn of a loop moves on the file of the turn before",
		"The first file is carried over all the others. Rotate from the last name to the "
		"first.",
		"for i in 1 2 3; do\n\tmv /srv/log.$i /srv/log.$((i + 1))\ndone\n",
		"for i in 3 2 1; do\n\tmv /srv/log.$i /srv/log.$((i + 1))\ndone\n"},
	{116, SHC_CLASS_DATA_LOSS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Every turn of a loop puts another file under the same name",
		"mv and cp replace what is there: of all files only the last one is left.",
		"for f in /srv/log/*.log; do\n\tmv \"$f\" /srv/old/last.log\ndone\n",
		"for f in /srv/log/*.log; do\n\tmv \"$f\" \"/srv/old/${f##*/}\"\ndone\n"},
	{201, SHC_CLASS_MUST_FAIL, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A command needs a path that was removed before",
		"What has been deleted, or lies in a deleted folder, cannot be read, moved or "
		"copied.",
		"rm -r /srv/app\ncat /srv/app/config\n", "cat /srv/app/config\nrm -r /srv/app\n"},
	{202, SHC_CLASS_MUST_FAIL, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Several files are moved to something that is no directory",
		"mv and cp with more than two operands need a directory as the last.",
		"date > c\nmv a b c\n", "mkdir c\nmv a b c\n"},
	{203, SHC_CLASS_MUST_FAIL, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A file is copied or moved to itself",
		"cp, mv, ln and install refuse when both operands are the same file.",
		"dir=/srv/app\ncp \"$dir/config\" /srv/app/config\n",
		"dir=/srv/app\ncp \"$dir/config\" /srv/app/config.old\n"},
	{204, SHC_CLASS_MUST_FAIL, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"The shell opens a file of the system without the rights of sudo",
		"A redirection is made by the shell before sudo runs. Who needs sudo may not write "
		"there.",
		"sudo echo 'nameserver 10.0.0.1' >> /etc/resolv.conf\n",
		"echo 'nameserver 10.0.0.1' | sudo tee -a /etc/resolv.conf\n"},
	{205, SHC_CLASS_MUST_FAIL, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Counting up from zero ends the script under -e",
		"(( )) and let fail where their value is 0, and that of x++ is the one before.",
		"#!/bin/bash\nset -e\nn=0\n((n++))\ndate\n",
		"#!/bin/bash\nset -e\nn=0\nn=$((n + 1))\ndate\n"},
	{206, SHC_CLASS_MUST_FAIL, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A number with a zero in front is octal, and 08 and 09 are none",
		"In August and September, or at eight and nine o'clock, the expression is an "
		"error.",
		"month=$(date +%m)\nnext=$((month + 1))\necho \"$next\"\n",
		"month=$(date +%-m)\nnext=$((month + 1))\necho \"$next\"\n"},
	{301, SHC_CLASS_WORD_SPLIT, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"An unquoted value falls apart into several operands",
		"Blanks in the value make words of their own, and the command works on other files "
		"than meant.",
		"for d in /srv/*; do\n\trm -rf $d/cache\ndone\n",
		"for d in /srv/*; do\n\trm -rf \"$d/cache\"\ndone\n"},
	{302, SHC_CLASS_READS_STDIN, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Without its operands a command reads standard input",
		"When the unquoted list of files is empty, nothing is left of it, and the command "
		"waits.",
		"files=$(find . -name '*.log')\ngrep ERROR $files\n",
		"find . -name '*.log' -exec grep ERROR {} +\n"},
	{303, SHC_CLASS_UNBOUND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A variable is read that nothing assigns",
		"An unset variable is empty, and a slip of the pen in its name is found only when "
		"something is missing.",
		"target=/srv/backup\ngzip \"$taregt/db\"\n",
		"target=/srv/backup\ngzip \"$target/db\"\n"},
	{304, SHC_CLASS_UNBOUND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A variable is assigned only later, or where this does not see it",
		"What a subshell or a stage of a pipeline assigns is gone when it ends.",
		"echo 1 | while read -r n; do\n\tcount=$n\ndone\necho \"$count lines\"\n",
		"count=0\nwhile read -r n; do\n\tcount=$n\ndone < list\necho \"$count lines\"\n"},
	{305, SHC_CLASS_UNBOUND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Under -u a variable is read that only a file assigns which may be absent",
		"Where the file is not there the script ends at the first read, with half of the "
		"work done.",
		"set -u\nif [ -f /srv/conf ]; then\n\t. /srv/conf\nfi\ngzip \"$target/db\"\n",
		"set -u\ntarget=/srv/backup\nif [ -f /srv/conf ]; then\n\t. "
		"/srv/conf\nfi\ngzip \"$target/db\"\n"},
	{306, SHC_CLASS_EMPTY_EXPANSION, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"An unquoted operand of a comparison can vanish",
		"The test is then an error, which counts as false: the branch for all other "
		"values is taken.",
		"mode=$(cat /srv/mode)\nif [ $mode != safe ]; then\n\texit 1\nfi\ndate\n",
		"mode=$(cat /srv/mode)\nif [ \"$mode\" != safe ]; then\n\texit 1\nfi\ndate\n"},
	{307, SHC_CLASS_OPTION_INJECTION, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A pattern can give names that are taken as options",
		"A file called --checkpoint-action=exec=sh makes tar run a shell. Names behind ./ "
		"or -- are names.",
		"cd /srv/incoming || exit 1\ntar -cf /srv/all.tar *\n",
		"cd /srv/incoming || exit 1\ntar -cf /srv/all.tar ./*\n"},
	{308, SHC_CLASS_READS_STDIN, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"A command in a loop reads the lines that the loop is to read",
		"ssh passes its standard input on, so the loop ends after its first turn.",
		"while read -r host; do\n\tssh \"$host\" uptime\ndone < hosts\n",
		"while read -r host; do\n\tssh \"$host\" uptime < /dev/null\ndone < hosts\n"},
	{309, SHC_CLASS_WORD_SPLIT, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"Names from find are split at blanks by xargs, and deleted",
		"xargs takes blanks, quotes and backslashes in names as its own. A name with a "
		"blank becomes two.",
		"find /srv/app -name '*.tmp' | xargs rm -f\n",
		"find /srv/app -name '*.tmp' -exec rm -f {} +\n"},
	{310, SHC_CLASS_GLOB, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH, "A pattern stands in quotes",
		"In quotes a star is a star: the command looks for one file of this very name.",
		"dir=/srv/app\nrm -f \"$dir/*.lock\"\n", "dir=/srv/app\nrm -f \"$dir\"/*.lock\n"},
	{311, SHC_CLASS_GLOB, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"The shell expands a pattern that the command is to have",
		"Where a file matches, find gets its name in place of the pattern, and finds that "
		"one only.",
		"cd /srv/app || exit 1\nfind . -name *.o -delete\n",
		"cd /srv/app || exit 1\nfind . -name '*.o' -delete\n"},
	{401, SHC_CLASS_EMPTY_PIPE, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"A stage of a pipeline passes nothing on",
		"grep -q prints nothing, and what goes to a file does not go through the pipe. "
		"The commands behind it get an empty input.",
		"ps aux | grep -q daemon | wc -l\n", "ps aux | grep daemon | wc -l\n"},
	{402, SHC_CLASS_DEAD_FILTER, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"A command does not read what is piped to it",
		"It takes operands only, or its input comes from elsewhere: what the stage before "
		"prints is lost.",
		"ls /srv/app | rm -f\n", "ls /srv/app | sort\n"},
	{501, SHC_CLASS_LOOP_ONCE, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A loop over one quoted expansion runs once",
		"Quotes make one word of the whole list.",
		"list=\"a b\"\nfor i in \"$list\"; do\n\techo \"$i\"\ndone\n",
		"for i in a b; do\n\techo \"$i\"\ndone\n"},
	{502, SHC_CLASS_NOT_A_COMMAND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A function is called before it is defined",
		"Definitions are commands: a function exists from the moment its definition has "
		"run.",
		"greet\ngreet() {\n\techo hello\n}\n", "greet() {\n\techo hello\n}\ngreet\n"},
	{503, SHC_CLASS_NOT_A_COMMAND, SHC_SEVERITY_ERROR, SHC_EVIDENCE_ALWAYS,
		"A test or an assignment is read as the name of a command",
		"Blanks decide what is a word: '[' needs one behind it, '=' of an assignment must "
		"have none.",
		"mode = fast\n", "mode=fast\n"},
	{504, SHC_CLASS_NOT_A_COMMAND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"Output goes to a file that has the name of a function",
		"A redirection never calls a function; a pipe does.",
		"log() {\n\tlogger -t app\n}\ndate > log\n",
		"log() {\n\tlogger -t app\n}\ndate | log\n"},
	{505, SHC_CLASS_NOT_A_COMMAND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A command is run where it is known to be missing",
		"It was looked for and not found on this path, or PATH holds no folder of commands "
		"any more.",
		"if ! command -v curl > /dev/null; then\n\tcurl -O http://localhost/x\nfi\n",
		"if command -v curl > /dev/null; then\n\tcurl -O http://localhost/x\nfi\n"},
	{506, SHC_CLASS_LOST_STATUS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A declaration hides the status of the substitution in it",
		"local, export, readonly and declare succeed whatever the command in the value "
		"did.",
		"f() {\n\tlocal x=$(cat /srv/x)\n\tif [ $? -ne 0 ]; then\n\t\treturn "
		"1\n\tfi\n\techo \"$x\"\n}\nf\n",
		"f() {\n\tlocal x\n\tx=$(cat /srv/x) || return 1\n\techo \"$x\"\n}\nf\n"},
	{507, SHC_CLASS_ERREXIT_DEFEATED, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"-e does not hold in a function that is called in a condition",
		"if, while, !, && and || switch -e off for everything that runs in them, functions "
		"included.",
		"set -e\nsave() {\n\tcp -r /srv/data /srv/copy\n\trm -rf /srv/data\n}\nif save; "
		"then\n\techo saved\nfi\n",
		"set -e\nsave() {\n\tcp -r /srv/data /srv/copy || return 1\n\trm -rf "
		"/srv/data\n}\nif save; then\n\techo saved\nfi\n"},
	{508, SHC_CLASS_CONSTANT_TEST, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"A test has always the same outcome",
		"A test of one operand asks whether it is empty; an unquoted empty value leaves "
		"the operator alone.",
		"token=$(cat /srv/token)\n[ -n $token ] && echo there\n",
		"token=$(cat /srv/token)\n[ -n \"$token\" ] && echo there\n"},
	{509, SHC_CLASS_DEAD_CODE, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"Commands stand where nothing ever gets",
		"The command before leaves the script, the function or the loop on every path.",
		"f() {\n\treturn 0\n\trm -f /srv/lock\n}\nf\n",
		"f() {\n\trm -f /srv/lock\n\treturn 0\n}\nf\n"},
	{510, SHC_CLASS_LOOP_FOREVER, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH, "A loop never ends",
		"Nothing in its body changes what its condition tests, and nothing leaves it.",
		"n=0\nwhile [ \"$n\" -lt 3 ]; do\n\techo \"$n\"\ndone\n",
		"n=0\nwhile [ \"$n\" -lt 3 ]; do\n\tn=$((n + 1))\ndone\n"},
	{511, SHC_CLASS_LOST_STATUS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"The status of a pipeline says nothing of its first commands",
		"It is that of the last command, here one that succeeds whatever came in.",
		"pg_dump shop | gzip > /srv/shop.gz\nif [ $? -ne 0 ]; then\n\texit 1\nfi\ndate\n",
		"pg_dump shop > /srv/shop || exit 1\ngzip /srv/shop || exit 1\ndate\n"},
	{512, SHC_CLASS_CONSTANT_TEST, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A test asks for a variable that only a subshell has changed",
		"A loop at the end of a pipeline runs in a subshell. What it counts is gone when "
		"it ends.",
		"n=0\nls /srv/app | while read -r f; do\n\tn=$((n + 1))\ndone\nif [ \"$n\" -gt 0 "
		"]; then\n\techo some\nfi\n",
		"n=0\nwhile read -r f; do\n\tn=$((n + 1))\ndone < list\nif [ \"$n\" -gt 0 "
		"]; then\n\techo some\nfi\n"},
	{513, SHC_CLASS_CONSTANT_TEST, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A comparison is read as a redirection",
		"In [ ] a > without a backslash empties a file, and the test asks only whether its "
		"first operand is empty.",
		"jobs=$(pgrep -c job)\nif [ \"$jobs\" > 10 ]; then\n\texit 1\nfi\n",
		"jobs=$(pgrep -c job)\nif [ \"$jobs\" -gt 10 ]; then\n\texit 1\nfi\n"},
	{514, SHC_CLASS_CONSTANT_TEST, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Numbers are compared as texts",
		"< and > compare letter by letter: 9 comes behind 10. Between numbers of one "
		"length "
		"it happens to be right.",
		"#!/bin/bash\nif [[ $1 > 10 ]]; then\n\techo many\nfi\n",
		"#!/bin/bash\nif (($1 > 10)); then\n\techo many\nfi\n"},
	{515, SHC_CLASS_LOST_STATUS, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"The status of a message is asked for",
		"$? is that of the command just before. Behind echo it says only that echo went "
		"well.",
		"rsync -a /srv/data/ backup:/data/\necho copied\nif [ $? -ne 0 ]; then\n\texit "
		"1\nfi\ndate\n",
		"rsync -a /srv/data/ backup:/data/ || exit 1\necho copied\ndate\n"},
	{516, SHC_CLASS_DEAD_CODE, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A branch of case matches nothing that those before it leave",
		"The first pattern that matches decides; a wider one before takes all.",
		"case $1 in\nst*) echo start ;;\nstop) echo stop ;;\nesac\n",
		"case $1 in\nstop) echo stop ;;\nst*) echo start ;;\nesac\n"},
	{517, SHC_CLASS_CONSTANT_TEST, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A variable is compared with a text that it never has",
		"The script assigns other texts to it, and nothing else assigns it.",
		"mode=slow\nif [ \"$1\" = -f ]; then\n\tmode=fast\nfi\nif [ \"$mode\" = quick "
		"]; then\n\techo quick\nfi\n",
		"mode=slow\nif [ \"$1\" = -f ]; then\n\tmode=fast\nfi\nif [ \"$mode\" = fast "
		"]; then\n\techo quick\nfi\n"},
	{518, SHC_CLASS_ERREXIT_DEFEATED, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A negated command never ends the script under -e",
		"-e takes no notice of a pipeline that begins with !, whatever its status.",
		"set -e\nmake -C /srv/app > /srv/log\n! grep -q ERROR /srv/log\ndate\n",
		"set -e\nmake -C /srv/app > /srv/log\nif grep -q ERROR /srv/log; then\n\texit "
		"1\nfi\ndate\n"},
	{519, SHC_CLASS_UNBOUND, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Under -u a test asks whether something is empty that may be unset",
		"Where it is, -u ends the script before the test can say so.",
		"set -u\nif [ -z \"$1\" ]; then\n\techo usage >&2\n\texit 2\nfi\ngzip \"$1\"\n",
		"set -u\nif [ -z \"${1:-}\" ]; then\n\techo usage >&2\n\texit 2\nfi\ngzip "
		"\"$1\"\n"},
	{520, SHC_CLASS_DEAD_CODE, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"The action of a trap is replaced before it can run",
		"There is one action for each signal, and one for the end: what is set last "
		"counts.",
		"a=$(mktemp) || exit 1\ntrap 'rm -f \"$a\"' EXIT\nb=$(mktemp) || exit 1\ntrap 'rm "
		"-f \"$b\"' EXIT\nsort \"$a\" > \"$b\"\n",
		"a=$(mktemp) || exit 1\ntrap 'rm -f \"$a\"' EXIT\nb=$(mktemp) || exit 1\ntrap 'rm "
		"-f \"$a\" \"$b\"' EXIT\nsort \"$a\" > \"$b\"\n"},
	{601, SHC_CLASS_PORTABILITY, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"== in a test of sh",
		"Only bash has it. dash says \"unexpected operator\", and the test counts as false "
		"whatever its operands are.",
		"#!/bin/sh\n[ \"$1\" == start ] && date\n",
		"#!/bin/sh\n[ \"$1\" = start ] && date\n"},
	{602, SHC_CLASS_PORTABILITY, SHC_SEVERITY_WARNING, SHC_EVIDENCE_ALWAYS,
		"A command or an option that only bash has, in a script of sh",
		"dash looks for a program of that name, or prints the option with the rest.",
		"#!/bin/sh\necho -e \"one\\ntwo\"\n", "#!/bin/sh\nprintf 'one\\ntwo\\n'\n"},
	{701, SHC_CLASS_SECURITY, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"Names of files become part of a text that a shell runs",
		"A file called '$(reboot)' is a command then, and one with a blank is two "
		"operands.",
		"find /srv/app -name '*.old' -exec sh -c 'gzip {}' \\;\n",
		"find /srv/app -name '*.old' -exec sh -c 'gzip \"$1\"' sh {} \\;\n"},
	{702, SHC_CLASS_RACE, SHC_SEVERITY_WARNING, SHC_EVIDENCE_PATH,
		"What a command in the background still reads is taken away",
		"A command behind & runs beside what follows. Which of the two is first is a "
		"matter "
		"of luck.",
		"gzip -c < /srv/data/all > /srv/all.gz &\nrm -rf /srv/data\nwait\n",
		"gzip -c < /srv/data/all > /srv/all.gz &\nwait\nrm -rf /srv/data\n"},
	{901, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"Something stands where the grammar does not allow it",
		"A shell reads a script command by command. It runs what stands before the error "
		"and stops there, "
		"so half of the work is done.",
		"echo one;\n; echo two\n", "echo one\necho two\n"},
	{902, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"A quote, an expansion or a bracket is not closed",
		"The rest of the script is taken as part of it, and the shell reports the end of "
		"the file instead of "
		"the place. The last place where a quote may be missing is named too.",
		"echo \"hello\necho world\n", "echo \"hello\"\necho world\n"},
	{903, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"A reserved word is missing or stands alone",
		"if, then, fi, do, done, case, esac and braces come in pairs; reserved words are "
		"known as such only "
		"where a command begins, so `echo fi` ends nothing.",
		"for i in a b; do\n\techo \"$i\"\ndone\ndone\n",
		"for i in a b; do\n\techo \"$i\"\ndone\n"},
	{904, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"The file cannot be read as a script",
		"It is longer than 4 MiB, absent, a folder or not readable. Nothing was checked.",
		"", "Check its parts, or make the file readable.\n"},
	{905, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"Commands, expansions or brackets are nested too deeply",
		"Shells run out of stack, too, at some depth. Nothing after this place was "
		"checked.",
		"", "Split the script into functions.\n"},
	{906, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC, "The file is binary",
		"A zero byte stands in its first line, and by this sign shells refuse to run it.",
		"", "Give the script, not what was built from it.\n"},
	{907, SHC_CLASS_SYNTAX, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"The script holds a zero byte",
		"Shells drop zero bytes, each in its own way, and what is left may mean something "
		"else.",
		"", "Remove it, or end the script with exit before the data.\n"},
	{908, SHC_CLASS_SYNTAX, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"Lines end in a carriage return and a newline",
		"The shell takes the carriage return as part of the last word of the line: file "
		"names get it, and "
		"reserved words are no longer known.",
		"echo one\r\necho two\r\n", "echo one\necho two\n"},
	{909, SHC_CLASS_SYNTAX, SHC_SEVERITY_INFO, SHC_EVIDENCE_SYNTACTIC,
		"The script is not UTF-8, or begins with a byte order mark",
		"Names and messages come out differently from one locale to the next. A byte order "
		"mark makes the "
		"first line something else than #! or a comment.",
		"echo caf\xe9\n", "echo caf\xc3\xa9\n"},
	{910, SHC_CLASS_SYNTAX, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"A here-document is not ended",
		"The rest of the script becomes its text, and the commands there never run. The "
		"shell warns at most.",
		"cat <<EOF\nhello\n EOF\necho done\n", "cat <<EOF\nhello\nEOF\necho done\n"},
	{911, SHC_CLASS_SYNTAX, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"${...} holds no parameter expansion",
		"The shell finds this only when it gets there, and a script that is not "
		"interactive stops: \"bad "
		"substitution\".",
		"a=1\necho ${a b}\n", "a=1\necho \"${a} b\"\n"},
	{912, SHC_CLASS_SYNTAX, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"An arithmetic expression is malformed",
		"The shell finds this only when it gets there, and the command fails.",
		"echo $((1 + ))\n", "echo $((1 + 1))\n"},
	{913, SHC_CLASS_PORTABILITY, SHC_SEVERITY_WARNING, SHC_EVIDENCE_SYNTACTIC,
		"Syntax of bash in a script for sh",
		"sh is dash on Debian. It refuses some of bash's syntax and gives other meanings "
		"to the rest: &> "
		"runs the command in the background and empties the file.",
		"#!/bin/sh\nmake &>log\n", "#!/bin/sh\nmake >log 2>&1\n"},
	{914, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"An extended pattern where extglob is not set",
		"Whether bash reads @(a|b) as a pattern is decided when the line is read, so the "
		"option must be set on "
		"a line before.",
		"#!/bin/bash\nls a@(b|c)\n", "#!/bin/bash\nshopt -s extglob\nls a@(b|c)\n"},
	{915, SHC_CLASS_SYNTAX, SHC_SEVERITY_STYLE, SHC_EVIDENCE_SYNTACTIC,
		"A command may be replaced by an alias",
		"dash expands aliases in scripts, bash only after shopt -s expand_aliases. They "
		"are not expanded here: "
		"the command is checked as it is written.",
		"alias ll='ls -l'\nll\n", "ll() { ls -l \"$@\"; }\nll\n"},
	{916, SHC_CLASS_SYNTAX, SHC_SEVERITY_ERROR, SHC_EVIDENCE_SYNTACTIC,
		"The script is for a shell that is not understood",
		"ksh, zsh, fish and others have languages of their own; findings about them would "
		"be wrong. Nothing "
		"was checked.",
		"#!/bin/zsh\nprint -l **/*(.)\n", "#!/bin/bash\nprintf '%s\\n' ./*\n"},
};

#define CHECK_COUNT (sizeof(checks) / sizeof(checks[0]))

const struct shc_check *shc_check_find(int id)
{
	size_t low = 0, high = CHECK_COUNT;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (checks[middle].id == id)
			return &checks[middle];
		if (checks[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct shc_check *shc_check_at(size_t index)
{
	return index < CHECK_COUNT ? &checks[index] : NULL;
}
