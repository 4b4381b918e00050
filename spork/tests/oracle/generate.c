/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "generate.h"

#include <string.h>

#include <hotbed/rng.h>

#include "effects.h"

#define EFFECTS_MAX 40
#define SETUPS_MAX 6
#define STEPS_MAX 3

/* How a case's child and its parent wait for each other before the exec. */
enum rendezvous { NO_RENDEZVOUS, CHILD_READS, PARENT_READS, BOTH_READ };

struct generator {
	FILE *file;
	struct hb_rng rng;
	int number;
	int tame; /* only effects that executors know */
};

static const char prologue[] =
	"static int compare_ints(const void *a, const void *b) { return *(const int *)a - *(const "
	"int *)b; }\n"
	"static __attribute__((noinline)) long twice(long n) { return n * 2; }\n"
	"static __attribute__((noinline)) long negate(long n) { return -n; }\n"
	"static __attribute__((noinline)) long recurse(long n) { return n < 2 ? n : recurse(n - 1) "
	"+ recurse(n - 2); }\n"
	"static void *thread_body(void *p) { oracle_note(\"thread\", 1); return p; }\n"
	"static int order;\n"
	"static void on_prepare(void) { oracle_globals[20] = ++order; }\n"
	"static void on_parent(void) { oracle_globals[21] = ++order; }\n"
	"static void on_child(void) { oracle_globals[22] = ++order; oracle_note(\"atfork\", "
	"order); }\n"
	"static void on_exit_note(void) { if (getpid() != oracle->parent) oracle->counter += 3; }\n"
	"static void make_pipes(void)\n{\n"
	"\tint a[2], b[2];\n\tif (pipe(a) || pipe(b)) _exit(94);\n"
	"\tfor (int i = 0; i < 2; i++) { oracle_pipe[i] = 20 + i; oracle_back[i] = 22 + i;\n"
	"\t\t(void)dup2(a[i], 20 + i); (void)dup2(b[i], 22 + i); }\n"
	"\tfor (int i = 0; i < 2; i++) { if (a[i] < 20) (void)close(a[i]); if (b[i] < 20) "
	"(void)close(b[i]); }\n}\n"
	"static pid_t raw_clone(void) { return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }\n"
	"static int master = -1;\n"
	"static pid_t fork_terminal(void)\n{\n"
	"\tpid_t child = forkpty(&master, NULL, NULL, NULL);\n"
	"\tif (child > 0 && dup2(master, 30) == 30) { (void)close(master); master = 30; }\n"
	"\treturn child;\n}\n"
	"static void drain(void)\n{\n"
	"\tchar b[500];\n\tlong n, sum = 0;\n\tif (master < 0) return;\n"
	"\twhile ((n = read(master, b, sizeof(b))) > 0 || (n < 0 && errno == EINTR)) sum += n > 0 "
	"? n : 0;\n"
	"\t(void)printf(\"terminal %ld\\n\", sum);\n}\n\n";

static int below(struct generator *g, int bound)
{
	return (int)(hb_rng_u64(&g->rng) % (uint64_t)bound);
}

static const char *pick(struct generator *g, const char *const *list)
{
	int count = 0;

	while (list[count])
		count++;
	return list[below(g, count)];
}

static const char *pick_effect(struct generator *g)
{
	const char *text;

	do
		text = pick(g, child_effects);
	while (g->tame && *text == '!');
	return text + (*text == '!');
}

static void put_value(struct generator *g, char kind)
{
	static const char *const harmless[] = {"SIGURG", "SIGWINCH", "SIGCONT", "SIGCHLD", NULL};
	static const char *const signals[] = {"SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2",
		"SIGPIPE", "SIGTERM", "SIGTSTP", "SIGTTOU", "SIGWINCH", "SIGURG", "SIGRTMIN + 3",
		NULL};
	static const char *const files[] = {
		"input.txt", "data.bin", "dir/inner.txt", "sh-script", NULL};
	static const char *const created[] = {"new1", "new2", "dir/new3", NULL};
	static const char *const names[] = {"ALPHA", "BETA", "HOME", "PATH", "LONG_NAME", NULL};
	static const char *const limits[] = {"RLIMIT_CORE", "RLIMIT_STACK", "RLIMIT_FSIZE",
		"RLIMIT_DATA", "RLIMIT_MEMLOCK", NULL};

	switch (kind) {
	case 'd':
		(void)fprintf(g->file, "%d", 3 + below(g, 9));
		return;
	case 'D':
		(void)fprintf(g->file, "%d", below(g, 12));
		return;
	case 'i':
		(void)fprintf(g->file, "%d", below(g, 1000));
		return;
	case 'k':
		/* In octal constants too: only digits below 8. */
		(void)fprintf(g->file, "%d", below(g, 2) ? 1 + below(g, 7) : 10 + below(g, 8));
		return;
	case 'x':
		(void)fprintf(g->file, "%d", 1 + below(g, 5000));
		return;
	case 'b':
		(void)fprintf(g->file, "%d", below(g, 2));
		return;
	default:
		(void)fputs(pick(g, kind == 's'   ? harmless
				    : kind == 'S' ? signals
				    : kind == 'f' ? files
				    : kind == 'n' ? created
				    : kind == 'e' ? names
						  : limits),
			g->file);
	}
}

static void put(struct generator *g, const char *text)
{
	for (; *text; text++) {
		if (*text == '$')
			put_value(g, *++text);
		else
			(void)fputc(*text, g->file);
	}
}

/* An effect in the control flow that programs have around it. */
static void put_effect(struct generator *g, const char *text)
{
	switch (below(g, 8)) {
	case 0:
		put(g, "\tif (oracle_one) {\n\t\t");
		break;
	case 1:
		put(g, "\tif (!oracle_zero && oracle_globals[60] == 0) {\n\t\t");
		break;
	case 2:
		put(g, "\tfor (int round = 0; round < 1 + oracle_one; round++) {\n\t\t");
		break;
	default:
		put(g, "\t{\n\t\t");
		break;
	}
	put(g, text);
	put(g, "\n\t}\n");
}

/* More often few effects than many: the geometric mean of 1 and 40 is about 6. */
static int effect_count(struct generator *g)
{
	int bound = 1 + below(g, EFFECTS_MAX);

	return 1 + below(g, bound);
}

static void put_child(struct generator *g, enum rendezvous rendezvous, int is_vfork)
{
	int count = is_vfork ? 0 : effect_count(g);
	/* Before anything that could see the group that the parent sets. */
	int meeting = count && rendezvous != CHILD_READS ? below(g, count) : 0;
	int split = below(g, 3) == 0 ? below(g, count + 1) : -1;

	for (int part = 0; part < 2; part++) {
		if (part == 0 && split < 0)
			continue;
		(void)fprintf(g->file, "static %s void child_%d_%c(void)\n{\n",
			part == 0 && below(g, 2) ? "__attribute__((noinline))" : "", g->number,
			"ab"[part]);
		for (int i = part == 0   ? 0
			     : split < 0 ? 0
					 : split;
			i < (part == 0 ? split : count); i++) {
			if (i == meeting && (rendezvous == CHILD_READS || rendezvous == BOTH_READ))
				put(g, "\t{ char c = 0; (void)!read(oracle_pipe[0], &c, 1); "
				       "oracle_note(\"met\", c); }\n");
			if (i == meeting && (rendezvous == PARENT_READS || rendezvous == BOTH_READ))
				put(g, "\t(void)!write(oracle_back[1], \"b\", 1);\n");
			put_effect(g, pick_effect(g));
		}
		if (part == 1 && split >= 0)
			put(g, "\t(void)oracle_one;\n");
		put(g, "}\n");
	}
	(void)fprintf(g->file, "static void child_%d(void)\n{\n", g->number);
	if (split >= 0)
		(void)fprintf(g->file, "\tchild_%d_a();\n", g->number);
	if (!is_vfork)
		(void)fprintf(g->file, "\tchild_%d_b();\n", g->number);
	/* Costs no random number: cases are the same with and without. */
	if (!is_vfork)
		(void)fprintf(g->file, "\tORACLE_LIBRARY(%d);\n", g->number);
	(void)fputc('\t', g->file);
	put(g, is_vfork   ? child_endings[below(g, 5)]
		: g->tame ? child_endings[below(g, TAME_ENDINGS)]
			  : pick(g, child_endings));
	put(g, "\n}\n");
}

static const char *pick_fork(struct generator *g, int *ret_is_vfork)
{
	int draw = below(g, 100);

	*ret_is_vfork = draw >= 96;
	if (draw < 75)
		return "fork()";
	if (draw < 85)
		return "_Fork()";
	if (draw < 90)
		return "raw_clone()";
	return draw < 96 ? "fork_terminal()" : "vfork()";
}

/* The function that forks: the child goes on in its caller, or in its caller's caller, as in shells. */
static int put_start(struct generator *g, const char *fork_call, int is_vfork)
{
	int depth = is_vfork || below(g, 2) ? 0 : 1 + below(g, 4);

	for (int i = 0; i < depth; i++) {
		(void)fprintf(g->file,
			"static __attribute__((noinline)) pid_t start_%d_%d(void)\n{\n"
			"\tvolatile char frame[%d];\n\tpid_t child;\n\n\tframe[0] = %d;\n",
			g->number, i, 16 + below(g, 200), below(g, 100));
		if (i == 0)
			(void)fprintf(g->file,
				"\toracle_before();\n\tchild = %s;\n"
				"\tif (child > 0)\n\t\toracle_after(child);\n",
				fork_call);
		else
			(void)fprintf(g->file, "\tchild = start_%d_%d();\n", g->number, i - 1);
		(void)fprintf(g->file, "\treturn frame[0] >= 0 ? child : -1;\n}\n");
	}
	return depth;
}

static void put_parent(
	struct generator *g, enum rendezvous rendezvous, const char *fork_call, int depth)
{
	int setups = below(g, SETUPS_MAX + 1), steps = below(g, STEPS_MAX + 1);

	(void)fprintf(g->file,
		"static void case_%d(void)\n{\n\tpid_t child;\n\n\tmake_pipes();\n"
		"\toracle_notes[0] = 0;\n\toracle_global_pointer = calloc(64, sizeof(long));\n",
		g->number);
	for (int i = 0; i < setups; i++) {
		(void)fputc('\t', g->file);
		put(g, pick(g, parent_setups));
		(void)fputc('\n', g->file);
	}
	if (depth)
		(void)fprintf(g->file, "\tchild = start_%d_%d();\n", g->number, depth - 1);
	else
		(void)fprintf(g->file, "\toracle_before();\n\tchild = %s;\n", fork_call);
	(void)fprintf(
		g->file, "\tif (child == 0) {\n\t\tchild_%d();\n\t\t_exit(111);\n\t}\n", g->number);
	if (!depth)
		put(g, "\toracle_after(child);\n");
	for (int i = 0; i < steps; i++) {
		(void)fputc('\t', g->file);
		put(g, pick(g, parent_steps));
		(void)fputc('\n', g->file);
	}
	/* As shells do it: both set the group, and the child waits until the parent has. */
	if (rendezvous == CHILD_READS && below(g, 2))
		put(g, "\t(void)setpgid(child, child);\n");
	if (rendezvous == CHILD_READS || rendezvous == BOTH_READ)
		put(g, "\t(void)!write(oracle_pipe[1], \"p\", 1);\n");
	put(g, "\t(void)close(oracle_back[1]);\n");
	if (rendezvous == PARENT_READS || rendezvous == BOTH_READ)
		put(g, "\t{ char c = 0; while (read(oracle_back[0], &c, 1) < 0 && errno == EINTR) "
		       "continue; "
		       "(void)printf(\"met %d\\n\", c); }\n");
	(void)fprintf(g->file,
		"\tdrain();\n\toracle_wait(child, %d);\n"
		"\tif (master >= 0) (void)close(master);\n\tmaster = -1;\n}\n\n",
		below(g, 5));
}

static void put_case(struct generator *g)
{
	enum rendezvous rendezvous =
		g->tame || below(g, 5) ? NO_RENDEZVOUS : (enum rendezvous)(1 + below(g, 3));
	int is_vfork = 0;
	const char *fork_call = pick_fork(g, &is_vfork);
	int depth;

	if (is_vfork || strcmp(fork_call, "fork_terminal()") == 0)
		rendezvous = NO_RENDEZVOUS;
	put_child(g, rendezvous, is_vfork);
	depth = put_start(g, fork_call, is_vfork);
	put_parent(g, rendezvous, fork_call, depth);
}

void oracle_generate(FILE *file, uint64_t seed, int first, int count)
{
	struct generator g = {.file = file};

	(void)fprintf(file, "%s%s", includes, prologue);
	for (g.number = first; g.number < first + count; g.number++) {
		hb_rng_init(&g.rng, seed, (uint64_t)g.number);
		g.tame = below(&g, 2);
		put_case(&g);
	}
	(void)fprintf(file, "oracle_case *const oracle_cases[] = {\n");
	for (int i = first; i < first + count; i++)
		(void)fprintf(file, "\tcase_%d,\n", i);
	(void)fprintf(file, "};\nconst int oracle_case_count = %d;\n", count);
}
