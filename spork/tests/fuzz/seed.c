/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small library that forks: what the fuzzers of the ELF reader and of the analyser start from. Never run. */
int fork(void);
int close(int fd);
int execv(const char *path, char *const *arguments);
void _exit(int status) __attribute__((noreturn));
int start(int kind);
int wrapped(int kind);

static int make(void)
{
	return fork();
}

int start(int kind)
{
	int pid = make();

	if (pid != 0)
		return pid;
	switch (kind) {
	case 0:
		close(0);
		break;
	case 1:
		close(1);
		break;
	case 2:
		close(2);
		break;
	case 3:
		close(3);
		break;
	case 4:
		close(4);
		break;
	case 5:
		close(5);
		break;
	default:
		_exit(kind);
	}
	execv("/bin/true", 0);
	_exit(127);
}

int wrapped(int kind)
{
	int pid = fork();

	if (pid == 0)
		_exit(start(kind));
	return pid;
}
