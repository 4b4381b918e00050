/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What can be read off the tree before anything is interpreted: which names are assigned and defined anywhere, which
 * commands are simple, what a loop's body may change.
 */
#ifndef SHCHECK_SEMANTIC_SURVEY_H
#define SHCHECK_SEMANTIC_SURVEY_H

#include "interpreter.h"

/* Called on every node in the order of the text; any may be NULL. */
struct shc_visitor {
	void *context;
	void (*command)(void *context, const struct shc_command *command);
	void (*assigned)(void *context, struct shc_text name); /* by whatever means */
	void (*read)(void *context, struct shc_text name);
	void (*substitution)(void *context, const struct shc_part *part);
	void (*parameter)(void *context, const struct shc_parameter *parameter);
	/* Is @command to be left out with all that is in it? */
	bool (*skips)(void *context, const struct shc_command *command);
	bool no_subshells; /* leave out what cannot change this shell: ( ), $( ), pipelines */
};

/* shc_visit_list, shc_visit_command, shc_visit_word - walk a tree. NULL is empty. */
void shc_visit_list(const struct shc_visitor *visitor, const struct shc_list *list);
void shc_visit_command(const struct shc_visitor *visitor, const struct shc_command *command);
void shc_visit_word(const struct shc_visitor *visitor, const struct shc_word *word);

/* shc_survey - fill the names of @in and mark its simple commands. 0 or -ENOMEM. */
int shc_survey(struct shc_interpreter *in);

/* shc_survey_list - the same for a list that came later. 0 or -ENOMEM. */
int shc_survey_list(struct shc_interpreter *in, const struct shc_list *list);

/* shc_assigns_in_order - may words of @command depend on what words before them assign? */
bool shc_assigns_in_order(const struct shc_command *command);

/* shc_never_leaves - can the test of @loop, once true, only stay true? By what its body assigns and calls. */
bool shc_never_leaves(struct shc_interpreter *in, const struct shc_command *loop);

/*
 * shc_guards_arguments - does the body of @loop look whether there is a second argument: by $#, by ${2?}, in a test, by
 * giving all of them to something else, or (@nounset) by reading it?
 */
bool shc_guards_arguments(const struct shc_command *loop, bool nounset);

/* shc_condition_varies - does the condition of @loop read any variable? Else the loop is meant to be endless. */
bool shc_condition_varies(const struct shc_command *loop);

/* shc_check_tree - findings on what no path has reached, after the analysis. */
void shc_check_tree(struct shc_interpreter *in);

/* shc_check_messages - SH515 in @list (or NULL), after the analysis. */
void shc_check_messages(struct shc_interpreter *in, const struct shc_list *list);

/* shc_mark_guard - @command is an if, or a list of && and ||: mark its test where all that it decides is to leave. */
void shc_mark_guard(struct shc_interpreter *in, const struct shc_command *command);

/* shc_check_values - SH516 and SH517: texts that a variable never has, after the analysis. 0 or -ENOMEM. */
int shc_check_values(struct shc_interpreter *in);

/*
 * shc_varies_in_loop - can what the command at @range does differ from one turn of the innermost loop around it to the
 * next? Also true where no loop stands around it.
 */
bool shc_varies_in_loop(struct shc_interpreter *in, struct shc_range range);

/* shc_runs_each_turn - is @command a statement of a loop's body that each turn runs, unless the body is left? */
bool shc_runs_each_turn(struct shc_interpreter *in, const struct shc_command *command);

/* shc_command_within - @command without braces around it alone: { command; } */
const struct shc_command *shc_command_within(const struct shc_command *command);

#endif
