/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "effects.h"

#include <stddef.h>

#define NOTE(name, call) "oracle_note(\"" name "\", (long)(" call "));"
#define WILD_NOTE(name, call) "!" NOTE(name, call)

const char *const includes =
	"#include \"support.h\"\n"
	"#include <dirent.h>\n#include <errno.h>\n#include <fcntl.h>\n#include "
	"<limits.h>\n#include <math.h>\n"
	"#include <poll.h>\n#include <pty.h>\n#include <sched.h>\n#include <spawn.h>\n#include "
	"<stdint.h>\n"
	"#include <stdlib.h>\n#include <string.h>\n#include <sys/epoll.h>\n#include "
	"<sys/eventfd.h>\n"
	"#include <sys/file.h>\n#include <sys/ioctl.h>\n#include <sys/mman.h>\n#include "
	"<sys/personality.h>\n"
	"#include <sys/prctl.h>\n#include <sys/resource.h>\n#include <sys/socket.h>\n#include "
	"<sys/stat.h>\n"
	"#include <sys/syscall.h>\n#include <sys/time.h>\n#include <sys/timerfd.h>\n#include "
	"<sys/wait.h>\n"
	"#include <termios.h>\n#include <time.h>\n#include <unistd.h>\n#include <grp.h>\n\n";

const char *const child_effects[] = {
	/* descriptors */
	NOTE("dup2", "dup2($D, $D)"),
	NOTE("dup2", "dup2($d, $D)"),
	NOTE("dup3", "dup3($D, $d, $b * O_CLOEXEC)"),
	NOTE("dup", "dup($D)"),
	NOTE("close", "close($D)"),
	NOTE("close", "close($d)"),
	"for (int i = $d; i < 14; i++) (void)close(i);",
	NOTE("close_range", "close_range($d, 13, $b * 4)"),
	"{ int fd = open(\"$f\", O_RDONLY); oracle_note(\"open\", fd); (void)dup2(fd, $D); "
	"(void)close(fd); }",
	"{ int fd = open(\"$f\", O_RDONLY | O_CLOEXEC); oracle_note(\"open\", fd); }",
	"{ int fd = open(\"$n\", O_WRONLY | O_CREAT | O_TRUNC, 0666); (void)dup2(fd, 1); if (fd > "
	"2) (void)close(fd); }",
	"{ int fd = open(\"$n\", O_WRONLY | O_CREAT | O_APPEND, 0640); oracle_note(\"fd\", "
	"dup2(fd, $d)); }",
	"!{ int fd = open(\"$n\", O_RDWR | O_CREAT | O_EXCL, 0600); oracle_note(\"excl\", fd < 0 ? "
	"-errno : fd); }",
	"{ int fd = open(\"/dev/null\", O_RDWR); (void)dup2(fd, 0); (void)close(fd); }",
	"{ int fd = open(\"missing/file\", O_RDONLY); oracle_note(\"errno\", fd < 0 ? errno : 0); "
	"}",
	NOTE("setfd", "fcntl($D, F_SETFD, $b)"),
	NOTE("getfd", "fcntl($D, F_GETFD)"),
	NOTE("dupfd", "fcntl($D, F_DUPFD, $d)"),
	NOTE("dupfd", "fcntl($D, F_DUPFD_CLOEXEC, 12)"),
	NOTE("setfl", "fcntl($d, F_SETFL, $b * O_NONBLOCK)"),
	NOTE("getfl", "fcntl($D, F_GETFL)"),
	NOTE("lseek", "lseek($d, $k, SEEK_SET)"),
	NOTE("lseek", "lseek($D, 0, SEEK_CUR)"),
	"!{ char b[16] = \"\"; struct pollfd p = {.fd = $d, .events = POLLIN}; if (poll(&p, 1, 0) "
	"== 1 && p.revents == POLLIN) "
	"oracle_note(\"read\", read(p.fd, b, sizeof(b))); oracle_note(\"byte\", b[0]); }",
	"{ int p[2]; if (pipe2(p, $b * O_CLOEXEC) == 0) { oracle_note(\"pipe\", p[1]); "
	"(void)dup2(p[0], $d); } }",
	"!{ int p[2]; if (pipe(p) == 0) { char c = 'x'; (void)!write(p[1], &c, 1); c = 0; "
	"(void)!read(p[0], &c, 1); "
	"oracle_note(\"piped\", c); (void)close(p[0]); (void)close(p[1]); } }",
	WILD_NOTE("eventfd", "eventfd($k, $b * EFD_CLOEXEC)"),
	WILD_NOTE("epoll", "epoll_create1(0)"),
	WILD_NOTE("memfd", "memfd_create(\"m\", 0)"),
	"!{ int p[2]; oracle_note(\"socketpair\", socketpair(AF_UNIX, SOCK_STREAM, 0, p)); }",
	NOTE("isatty", "isatty($D)"),
	"!{ DIR *d = opendir(\"/proc/self/fd\"); int n = 0, fds[64]; struct dirent *e; while (d && "
	"(e = readdir(d))) "
	"if (e->d_name[0] != '.' && n < 64) fds[n++] = atoi(e->d_name); if (d) (void)closedir(d); "
	"for (int i = 0; i < n; i++) if (fds[i] >= $d && fds[i] < 14) (void)close(fds[i]); }",
	"{ struct stat s; oracle_note(\"fstat\", fstat($D, &s) ? -errno : (long)(s.st_mode & "
	"S_IFMT)); }",
	/* folders, masks, groups */
	NOTE("chdir", "chdir(\"dir\")"),
	NOTE("chdir", "chdir(\"dir/sub\")"),
	/* Where nobody can make a file. */
	NOTE("chdir", "chdir(\"/proc\")"),
	NOTE("chdir", "chdir(\"missing\")"),
	"{ int fd = open(\"dir\", O_RDONLY | O_DIRECTORY); oracle_note(\"fchdir\", fchdir(fd)); "
	"(void)close(fd); }",
	NOTE("umask", "umask(0$k)"),
	NOTE("umask", "umask(077)"),
	NOTE("setpgid", "setpgid(0, 0)"),
	NOTE("setsid", "setsid() > 0"),
	NOTE("getpgrp", "getpgrp() == getpid()"),
	/* signals */
	"{ struct sigaction a = {.sa_handler = SIG_IGN}; oracle_note(\"ignore\", sigaction($S, &a, "
	"NULL)); }",
	"{ struct sigaction a = {.sa_handler = SIG_DFL}; oracle_note(\"default\", sigaction($S, "
	"&a, NULL)); }",
	"{ struct sigaction a = {.sa_handler = oracle_simple_handler, .sa_flags = SA_RESTART}, o; "
	"oracle_note(\"handle\", sigaction($S, &a, &o)); oracle_note(\"old\", o.sa_handler == "
	"SIG_IGN); }",
	"for (int i = 1; i < 65; i++) { struct sigaction a = {.sa_handler = SIG_DFL}, o; "
	"if (sigaction(i, NULL, &o) == 0 && o.sa_handler != SIG_IGN) (void)sigaction(i, &a, NULL); "
	"}",
	NOTE("signal", "signal($S, SIG_IGN) == SIG_DFL"),
	"{ sigset_t s; (void)sigemptyset(&s); (void)sigaddset(&s, $S); "
	"(void)sigprocmask(SIG_BLOCK, &s, NULL); }",
	"{ sigset_t s; (void)sigemptyset(&s); (void)sigaddset(&s, $S); "
	"(void)sigprocmask(SIG_UNBLOCK, &s, NULL); }",
	"{ sigset_t s, o; (void)sigfillset(&s); (void)sigprocmask(SIG_SETMASK, &s, &o); "
	"oracle_note(\"was\", sigismember(&o, $S)); }",
	"{ sigset_t s; (void)sigemptyset(&s); (void)pthread_sigmask(SIG_SETMASK, &s, NULL); }",
	"{ sigset_t s, o; (void)sigfillset(&s); (void)sigprocmask(SIG_BLOCK, &s, &o); "
	"oracle_globals[3]++; "
	"(void)sigprocmask(SIG_SETMASK, &o, NULL); }",
	WILD_NOTE("raise", "raise($s)"),
	"!{ struct sigaction a = {.sa_sigaction = oracle_handler, .sa_flags = SA_SIGINFO}; "
	"sigset_t "
	"s; "
	"oracle->elsewhere_expected++; "
	"(void)sigaction(SIGUSR1, &a, NULL); (void)sigemptyset(&s); (void)sigaddset(&s, SIGUSR1); "
	"(void)sigprocmask(SIG_UNBLOCK, &s, NULL); (void)raise(SIGUSR1); oracle_note(\"global\", "
	"oracle_globals[1]); }",
	"!{ sigset_t s; (void)sigemptyset(&s); (void)sigaddset(&s, SIGUSR2); "
	"(void)sigprocmask(SIG_BLOCK, &s, NULL); "
	"(void)raise(SIGUSR2); (void)sigpending(&s); oracle_note(\"pending\", sigismember(&s, "
	"SIGUSR2)); }",
	"!{ stack_t s = {.ss_sp = malloc(SIGSTKSZ), .ss_size = SIGSTKSZ}; "
	"oracle_note(\"altstack\", "
	"sigaltstack(&s, NULL)); }",
	/* environment */
	"(void)setenv(\"$e\", \"value $i\", 1);",
	"(void)setenv(\"$e\", \"value $i\", 0);",
	"(void)putenv(\"$e=put $i\");",
	"{ static char text[64]; (void)snprintf(text, sizeof(text), \"$e=%d\", $i); "
	"(void)putenv(text); }",
	"(void)unsetenv(\"$e\");",
	"(void)clearenv();",
	"{ static char *none[] = {\"ONLY=this\", NULL}; environ = none; }",
	"{ const char *v = getenv(\"$e\"); oracle_note(\"getenv\", v ? (long)strlen(v) : -1); }",
	/* memory */
	"{ char *p = malloc($x); if (p) { memset(p, $k, $x / 5000 + 1); oracle_note(\"malloc\", "
	"p[0]); } }",
	"{ char *p = malloc($x); free(p); p = calloc($k, 8); if (p) p[3] = 1; }",
	"{ char *p = malloc($x); p = realloc(p, $x + 5000); if (p) p[$x] = $k; free(p); }",
	"{ char *p = malloc(300000); if (p) { p[0] = p[299999] = 1; oracle_note(\"big\", "
	"p[299999]); } free(p); }",
	"oracle_global_pointer[$k] = $i; oracle_note(\"pointer\", oracle_global_pointer[$k]);",
	"!free(oracle_global_pointer); oracle_global_pointer = NULL;",
	"oracle_globals[$k] += $i; oracle_note(\"global\", oracle_globals[$k]);",
	"oracle_area[$x] ^= $k; oracle_area[$x + 40000] = 1;",
	"memset(oracle_area, $k, 1 + $x); oracle_note(\"area\", oracle_area[$x]);",
	"memmove(oracle_area + $x, oracle_area, 10000); oracle_note(\"moved\", oracle_area[$x + "
	"9]);",
	"oracle_tls[$k % 8] = $i; errno = $k; oracle_note(\"tls\", oracle_tls[$k % 8] + errno);",
	"{ enum { SIZE = $x }; volatile char a[SIZE]; for (int i = 0; i < SIZE; i += 7) a[i] = "
	"(char)i; oracle_note(\"stack\", a[0]); }",
	"!oracle->counter += $k;",
	"!{ char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, "
	"0); "
	"p[5000] = $k; "
	"oracle_note(\"mmap\", p[5000] + p[0]); (void)munmap(p, 8192); }",
	"!(void)mprotect(oracle_area, ORACLE_AREA, PROT_READ); oracle_note(\"protected\", "
	"oracle_area[$x]);",
	/* What is mapped there later is chance: the pointer leads below all mappings from then on. */
	"!(void)munmap(oracle_area, ORACLE_AREA); oracle_area = (unsigned char *)16;",
	"!oracle_note(\"madvise\", madvise(oracle_area, ORACLE_AREA, MADV_DONTNEED)); "
	"oracle_note(\"zero\", oracle_area[$x]);",
	"(void)sbrk(8192);",
	/* library code */
	"{ char b[200]; (void)snprintf(b, sizeof(b), \"%d %s %5.2f %lx\", $i, \"text\", $k / 3.0, "
	"255L); "
	"oracle_note(\"length\", (long)strlen(b)); oracle_note(\"hash\", b[$k % 9]); }",
	"{ int v[50]; for (int i = 0; i < 50; i++) v[i] = i * 37 % 50; qsort(v, 50, sizeof(int), "
	"compare_ints); "
	"oracle_note(\"sorted\", v[$k]); }",
	"{ char t[] = \"a,b,,c;d\"; char *save = NULL; int n = 0; for (char *w = strtok_r(t, "
	"\",;\", &save); w; "
	"w = strtok_r(NULL, \",;\", &save)) n++; oracle_note(\"words\", n); }",
	NOTE("strtol", "strtol(\"-$i apples\", NULL, 10)"),
	"{ double d = $k; d = sqrt(d) * 1000 + floor(d / 3); oracle_note(\"float\", (long)d); }",
	"{ long double d = $k; d = d * 3 / 7; oracle_note(\"long_double\", (long)(d * 1000)); }",
	"{ char a[300], b[300]; memset(a, 'a', 299); a[299] = 0; memcpy(b, a, 300); b[$k] = 'b'; "
	"oracle_note(\"compare\", strcmp(a, b) < 0); oracle_note(\"found\", strchr(b, 'b') - b); "
	"oracle_note(\"rfound\", strrchr(a, 'a') - a); oracle_note(\"length\", (long)strnlen(a, "
	"$x)); }",
	"switch (oracle_zero + $k % 6) { case 0: oracle_globals[0]++; break; case 1: "
	"oracle_globals[1]--; break; "
	"case 2: oracle_globals[2] *= 3; break; case 3: oracle_note(\"three\", 3); break; case 4: "
	"errno = 4; break; "
	"default: oracle_globals[5] ^= 255; }",
	"{ static long (*const f[3])(long) = {twice, recurse, negate}; oracle_note(\"called\", "
	"f[oracle_zero + $k % 3]($k)); }",
	"{ struct timespec t; oracle_note(\"clock\", clock_gettime(CLOCK_MONOTONIC, &t)); "
	"oracle_note(\"time\", time(NULL) > 0); }",
	"!if (sigsetjmp(oracle_jump, 1) == 0) { oracle_globals[7]++; siglongjmp(oracle_jump, 1); }",
	"for (volatile int i = 0; i < $x; i++) oracle_globals[8] += i * i;",
	"{ char path[PATH_MAX]; oracle_note(\"getcwd\", getcwd(path, sizeof(path)) != NULL); "
	"oracle_note(\"realpath\", realpath(\"dir/../$f\", path) != NULL); }",
	"{ struct stat s; oracle_note(\"stat\", stat(\"$f\", &s) ? -errno : (long)s.st_size); "
	"oracle_note(\"access\", access(\"missing\", X_OK)); }",
	/* streams */
	"(void)printf(\"printed $i\\n\");",
	"(void)printf(\"flushed $i\\n\"); (void)fflush(stdout);",
	"(void)fprintf(stderr, \"error $i\\n\");",
	"(void)dprintf(1, \"direct $i\\n\");",
	"(void)!write(2, \"written\\n\", 8);",
	"{ FILE *f = fopen(\"$f\", \"r\"); char line[100] = \"\"; if (f && fgets(line, 100, f)) "
	"oracle_note(\"line\", (long)strlen(line)); if (f) (void)fclose(f); }",
	"{ FILE *f = fopen(\"$n\", \"a\"); if (f) { (void)fprintf(f, \"line $i\\n\"); "
	"(void)fclose(f); } }",
	"(void)setvbuf(stdout, NULL, _IONBF, 0);",
	/* limits and attributes */
	"{ enum { WHICH = $r, SIZE = (64 << 20) + $x }; struct rlimit l; if (getrlimit(WHICH, &l) "
	"== 0) { "
	"if (l.rlim_cur > SIZE) l.rlim_cur = SIZE; oracle_note(\"setrlimit\", setrlimit(WHICH, "
	"&l)); } }",
	"{ struct rlimit l = {0, 0}; (void)setrlimit(RLIMIT_CORE, &l); }",
	"{ struct rlimit l = {100, 100}; (void)setrlimit(RLIMIT_NOFILE, &l); }",
	NOTE("nice", "nice($k)"),
	NOTE("setpriority", "setpriority(PRIO_PROCESS, 0, $k)"),
	"{ cpu_set_t c; CPU_ZERO(&c); CPU_SET(0, &c); oracle_note(\"affinity\", "
	"sched_setaffinity(0, sizeof(c), &c)); }",
	WILD_NOTE("ioprio", "syscall(SYS_ioprio_set, 1, 0, 2 << 13 | $k % 8)"),
	"!{ struct sched_param p = {0}; oracle_note(\"batch\", sched_setscheduler(0, SCHED_BATCH, "
	"&p)); }",
	NOTE("death_signal", "prctl(PR_SET_PDEATHSIG, $S)"),
	NOTE("name", "prctl(PR_SET_NAME, \"named $i\")"),
	WILD_NOTE("dumpable", "prctl(PR_SET_DUMPABLE, $b)"),
	WILD_NOTE("no_new_privs", "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)"),
	WILD_NOTE("thp", "prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)"),
	NOTE("slack", "prctl(PR_SET_TIMERSLACK, 50000 + $i)"),
	WILD_NOTE("subreaper", "prctl(PR_SET_CHILD_SUBREAPER, 1)"),
	WILD_NOTE("personality", "personality(personality(0xffffffff) | 0x0400000)"),
	"!{ int fd = open(\"/proc/self/oom_score_adj\", O_WRONLY); oracle_note(\"oom\", write(fd, "
	"\"$k\", strlen(\"$k\")) > 0); (void)close(fd); }",
	"!{ int fd = open(\"/proc/self/coredump_filter\", O_WRONLY); oracle_note(\"filter\", "
	"write(fd, \"$k\", strlen(\"$k\")) > 0); (void)close(fd); }",
	WILD_NOTE("alarm", "alarm(100 + $k)"),
	"!{ struct itimerval t = {.it_value = {1000, 0}}; oracle_note(\"itimer\", "
	"setitimer(ITIMER_PROF, &t, NULL)); }",
	WILD_NOTE("mlockall", "mlockall(MCL_CURRENT) && 0"),
	/* credentials: refused without privileges, and the refusal is compared */
	WILD_NOTE("setuid", "setuid(geteuid() ? geteuid() : 65534)"),
	WILD_NOTE("setgid", "setgid(geteuid() ? getegid() : 65534)"),
	WILD_NOTE("seteuid", "seteuid(geteuid() ? geteuid() : 1)"),
	WILD_NOTE("setresuid", "setresuid(-1, geteuid() ? geteuid() : 1, -1)"),
	WILD_NOTE("setresgid", "setresgid(1, 1, 1) ? -errno : 0"),
	"!{ gid_t g[] = {1, 2, 3}; oracle_note(\"setgroups\", setgroups(3, g) ? -errno : 0); }",
	"{ uid_t r, e, s; (void)getresuid(&r, &e, &s); oracle_note(\"uids\", r + e * 3 + s * 7); }",
	/* identity */
	NOTE("getpid", "getpid() != oracle->parent"),
	NOTE("getppid", "getppid() == oracle->parent"),
	NOTE("gettid", "gettid() == getpid()"),
	"(void)setenv(\"SELF\", getpid() == (pid_t)syscall(SYS_getpid) ? \"right\" : \"wrong\", "
	"1);",
	"!{ char b[40]; (void)snprintf(b, sizeof(b), \"pid.%s\", getpid() > 1 ? \"file\" : "
	"\"none\"); "
	"int fd = open(b, O_WRONLY | O_CREAT, 0644); (void)!write(fd, \"p\\n\", 2); "
	"(void)close(fd); }",
	NOTE("getsid", "getsid(0) == getsid(getppid())"),
	/* the file system */
	"!(void)!symlink(\"input.txt\", \"$n.link\");",
	WILD_NOTE("mkdir", "mkdir(\"$n.dir\", 0755) ? -errno : 0"),
	WILD_NOTE("unlink", "unlink(\"$n\") ? -errno : 0"),
	WILD_NOTE("rename", "rename(\"$n\", \"$n.renamed\") ? -errno : 0"),
	WILD_NOTE("chmod", "chmod(\"data.bin\", 0600 + $k) ? -errno : 0"),
	WILD_NOTE("flock", "flock($d, LOCK_SH | LOCK_NB) ? -errno : 0"),
	"!{ struct flock l = {.l_type = F_WRLCK}; oracle_note(\"lock\", fcntl($d, F_SETLK, &l) ? "
	"-errno : 0); }",
	/* processes of its own, and waiting */
	"!{ pid_t p = fork(); if (p == 0) { oracle_note(\"nested\", 1); oracle_globals[9]++; "
	"_exit($k); } int s = 0; "
	"oracle_note(\"reaped\", waitpid(p, &s, 0) == p); oracle_note(\"status\", s); }",
	"!{ pid_t p = fork(); if (p == 0) { char *a[12] = {0}; oracle_arguments(a, \"nested\"); "
	"a[1] = oracle->out_nested; "
	"(void)execv(oracle->probe, a); _exit(126); } int s = 0; (void)waitpid(p, &s, 0); "
	"oracle_note(\"nested\", s); }",
	"!{ pid_t p = vfork(); if (p == 0) _exit($k); int s = 0; (void)waitpid(p, &s, 0); "
	"oracle_note(\"vforked\", s); }",
	"!{ int s = system(\"exit $k\"); oracle_note(\"system\", s); }",
	"!{ FILE *f = popen(\"echo $i\", \"r\"); char l[20] = \"\"; if (f) { (void)!fgets(l, 20, "
	"f); "
	"oracle_note(\"popen\", pclose(f)); } oracle_note(\"got\", atoi(l)); }",
	"!{ pthread_t t; if (pthread_create(&t, NULL, thread_body, NULL) == 0) "
	"(void)pthread_join(t, NULL); }",
	"!(void)usleep($k * 100);",
	"!{ struct timespec t = {.tv_nsec = $x * 100}; (void)nanosleep(&t, NULL); }",
	"!{ struct pollfd p = {.fd = $d, .events = POLLIN}; oracle_note(\"poll\", poll(&p, 1, 0) "
	">= "
	"0); }",
	"(void)sched_yield();",
	WILD_NOTE("wait", "wait(NULL) < 0 ? errno : 0"),
	NULL,
};

const char *const parent_setups[] = {
	"{ int fd = open(\"$f\", O_RDONLY); (void)dup2(fd, $d); if (fd > 11) (void)close(fd); }",
	"{ int fd = open(\"$f\", O_RDWR); (void)dup3(fd, $d, O_CLOEXEC); (void)close(fd); }",
	"{ int fd = open(\"$n\", O_RDWR | O_CREAT | O_APPEND, 0644); (void)dup2(fd, $d); }",
	"{ int p[2]; if (pipe(p) == 0) { (void)dup2(p[0], $d); (void)dup2(p[1], $d); "
	"(void)close(p[0]); (void)close(p[1]); } }",
	"{ int fd = open(\"input.txt\", O_RDONLY); (void)dup2(fd, 7); (void)lseek(7, $k, "
	"SEEK_SET); (void)close(fd); }",
	"{ int fd = open(\"data.bin\", O_RDWR | O_NONBLOCK); (void)dup2(fd, 8); (void)dup2(fd, 9); "
	"(void)close(fd); }",
	"{ int p[2]; if (socketpair(AF_UNIX, SOCK_DGRAM, 0, p) == 0) { (void)dup2(p[0], $d); "
	"(void)close(p[0]); (void)close(p[1]); } }",
	"(void)fcntl(1, F_SETFD, $b);",
	"{ struct sigaction a = {.sa_sigaction = oracle_handler, .sa_flags = SA_SIGINFO | "
	"SA_RESTART}; (void)sigaction(SIGCHLD, &a, NULL); }",
	"{ struct sigaction a = {.sa_sigaction = oracle_handler, .sa_flags = SA_SIGINFO}; "
	"(void)sigaction(SIGCHLD, &a, NULL); }",
	"{ struct sigaction a = {.sa_sigaction = oracle_handler, .sa_flags = SA_SIGINFO | "
	"SA_NODEFER | SA_RESTART}; (void)sigaction($S, &a, NULL); }",
	"{ sigset_t s; (void)sigemptyset(&s); (void)sigaddset(&s, SIGCHLD); "
	"(void)sigprocmask(SIG_BLOCK, &s, NULL); }",
	"{ sigset_t s; (void)sigemptyset(&s); (void)sigaddset(&s, $S); "
	"(void)sigprocmask(SIG_BLOCK, &s, NULL); }",
	"(void)signal($s, SIG_IGN);",
	"(void)signal($S, oracle_simple_handler);",
	"(void)setenv(\"$e\", \"parent $i\", 1);",
	"(void)printf(\"unflushed $i \");",
	"{ FILE *f = fopen(\"$n\", \"w\"); if (f) (void)fprintf(f, \"open $i\"); }",
	"oracle_global_pointer = calloc(64, sizeof(long));",
	"oracle_globals[$k] = $i; oracle_tls[2] = $i;",
	"for (int i = 0; i < $k; i++) (void)!malloc($x);",
	"(void)umask(0$k);",
	"oracle_start_threads(0, 1 + $b);",
	"oracle_start_threads(1, 1);",
	"oracle_start_threads(2, 1 + $b);",
	"(void)pthread_atfork(on_prepare, on_parent, on_child);",
	"(void)atexit(on_exit_note);",
	"{ enum { WHICH = $r }; struct rlimit l; (void)getrlimit(WHICH, &l); if (l.rlim_cur > "
	"99000000) "
	"l.rlim_cur = 99000000; (void)setrlimit(WHICH, &l); }",
	"(void)prctl(PR_SET_PDEATHSIG, SIGUSR2);",
	"(void)prctl(PR_SET_NAME, \"parent $i\");",
	"(void)madvise(oracle_area + 8192, 4096, MADV_DONTFORK);",
	"(void)madvise(oracle_area + 16384, 4096, MADV_WIPEONFORK);",
	"(void)alarm(500);",
	"{ struct itimerval t = {.it_value = {1000, 0}}; (void)setitimer(ITIMER_PROF, &t, NULL); }",
	"{ stack_t s = {.ss_sp = malloc(65536), .ss_size = 65536}; (void)sigaltstack(&s, NULL); }",
	"(void)chdir(oracle->work);",
	"{ struct flock l = {.l_type = F_RDLCK}; (void)fcntl(7, F_SETLK, &l); }",
	"(void)raise(SIGURG);",
	NULL,
};

const char *const parent_steps[] = {
	"(void)close($d);",
	"oracle_globals[$k] ^= $i;",
	"oracle_area[$x] = $k;",
	"(void)setenv(\"$e\", \"after $i\", 1);",
	"(void)printf(\"parent $i\\n\");",
	"{ char *p = malloc($x); free(p); }",
	"(void)usleep(300);",
	"(void)kill(child, 0);",
	"{ sigset_t s; (void)sigemptyset(&s); (void)sigprocmask(SIG_SETMASK, &s, NULL); }",
	NULL,
};

#define ARGUMENTS "char *a[12] = {0}; oracle_arguments(a, \"name $i\"); "

const char *const child_endings[] = {
	"{ " ARGUMENTS "(void)execv(oracle->probe, a); _exit(127); }",
	"{ " ARGUMENTS "a[5] = \"\"; a[6] = \"argument with spaces\"; (void)execv(oracle->probe, "
	"a); _exit(127); }",
	"{ " ARGUMENTS "char *e[] = {\"PATH=/bin\", \"X=$i\", NULL}; (void)execve(oracle->probe, "
	"a, e); _exit(127); }",
	"{ " ARGUMENTS "char *e[] = {NULL}; (void)execve(oracle->probe, a, e); _exit(127); }",
	"{ (void)execl(oracle->probe, \"list\", oracle->out_child, oracle->parent_text, "
	"oracle->work, oracle_notes, \"$e\", (char *)NULL); _exit(127); }",
	"{ (void)setenv(\"PATH\", \"missing:bin1:bin2\", 1); " ARGUMENTS
	"(void)execvp(\"probe\", a); _exit(126); }",
	"{ (void)chdir(oracle->work); (void)setenv(\"PATH\", \"bin1:dir:bin2\", 1); "
	"(void)execlp(\"probe\", \"p\", oracle->out_child, oracle->parent_text, oracle->work, "
	"oracle_notes, (char *)NULL); _exit(126); }",
	"{ " ARGUMENTS
	"char *e[] = {\"E=$i\", NULL}; (void)chdir(oracle->work); (void)setenv(\"PATH\", \"bin2\", "
	"1); (void)execvpe(\"probe\", a, e); _exit(125); }",
	"{ char *e[] = {\"L=$i\", NULL}; (void)execle(oracle->probe, \"le\", oracle->out_child, "
	"oracle->parent_text, oracle->work, oracle_notes, (char *)NULL, e); _exit(127); }",
	"{ int fd = open(oracle->probe, O_RDONLY | O_CLOEXEC); " ARGUMENTS
	"(void)fexecve(fd, a, environ); _exit(127); }",
	"{ int fd = open(oracle->probe, O_PATH); " ARGUMENTS
	"(void)syscall(SYS_execveat, fd, \"\", a, environ, AT_EMPTY_PATH); _exit(127); }",
	"{ " ARGUMENTS "(void)syscall(SYS_execve, oracle->probe, a, environ); _exit(127); }",
	"{ (void)chdir(oracle->work); " ARGUMENTS "(void)execvp(\"./script\", a); _exit(126); }",
	"{ (void)chdir(oracle->work); " ARGUMENTS
	"(void)execv(\"./script\", a); oracle_note(\"errno\", errno); (void)execv(oracle->probe, "
	"a); _exit(126); }",
	"{ (void)chdir(oracle->work); " ARGUMENTS "(void)execv(\"./sh-script\", a); _exit(126); }",
	"{ " ARGUMENTS
	"(void)execv(\"missing\", a); oracle_note(\"errno\", errno); (void)execv(\"data.bin\", a); "
	"oracle_note(\"errno\", errno); (void)execv(oracle->probe, a); _exit(127); }",
	"{ " ARGUMENTS "(void)execv(oracle->probe_static, a); _exit(127); }",
	"{ " ARGUMENTS "(void)execv(\"missing/program\", a); _exit(errno == ENOENT ? 127 : 126); }",
	"{ " ARGUMENTS
	"(void)execvp(\"no-such-program\", a); perror(\"no-such-program\"); _exit(127); }",
	"{ " ARGUMENTS
	"(void)execvp(\"no-such-program\", a); (void)printf(\"not found $i\\n\"); exit(127); }",
	"{ " ARGUMENTS
	"int p[2]; if (oracle_zero || pipe2(p, O_CLOEXEC)) _exit(1); (void)execv(\"missing\", a); "
	"int e = errno; (void)!write(oracle_back[1], &e, sizeof(e)); _exit(127); }",
	"_exit($k);",
	"exit($k);",
	"{ sigset_t s; (void)fflush(stdout); (void)signal(SIGTERM, SIG_DFL); "
	"(void)sigemptyset(&s); (void)sigaddset(&s, SIGTERM); "
	"(void)sigprocmask(SIG_UNBLOCK, &s, NULL); (void)kill(getpid(), SIGTERM); _exit(9); }",
	"{ (void)signal(SIGKILL, SIG_DFL); (void)kill(getpid(), SIGKILL); _exit(1); }",
	"{ struct rlimit l = {0, 0}; (void)setrlimit(RLIMIT_CORE, &l); *(volatile char "
	"*)(uintptr_t)oracle_zero = 1; _exit(2); }",
	"{ struct rlimit l = {0, 0}; (void)setrlimit(RLIMIT_CORE, &l); abort(); }",
	"{ oracle->counter += 1000; _exit(oracle->counter == 0); }",
	NULL,
};
