/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bash completion, from the option tables. Needs nothing but bash itself. */
#include <string.h>

#include "options.h"

static void put_options(FILE *file, const struct hb_command *command)
{
	const struct hb_option *option;

	for (size_t i = 0; (option = hb_command_option_at(command, i)) != NULL; i++)
		fprintf(file, "%s--%s%s", i ? " " : "", option->name, option->argument ? "=" : "");
}

static void put_case(FILE *file, const struct hb_command *command)
{
	fprintf(file, "\t%s)\n\t\toptions='", command->name);
	put_options(file, command);
	fprintf(file, "'\n\t\toperands='%s'\n\t\t;;\n", command->completion);
}

static const char script_head[] =
	"# SPDX-License-Identifier: GPL-3.0-or-later\n"
	"# Bash completion of hotbed, made by 'hotbed --dump completion'.\n"
	"\n"
	"_hotbed()\n"
	"{\n"
	"\tlocal program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]}\n"
	"\tlocal command='' options='' operands='' i\n"
	"\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tif [[ ${COMP_WORDS[i]} != -* ]]; then\n"
	"\t\t\tcommand=${COMP_WORDS[i]}\n"
	"\t\t\tbreak\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tcase $command in\n";

static const char script_tail[] =
	"\tesac\n"
	"\t# '=' splits words in COMP_WORDBREAKS: after '--option =' a file name or a value "
	"follows.\n"
	"\tif [[ $word == = || ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then\n"
	"\t\toptions=\n"
	"\t\tif [[ ${COMP_WORDS[COMP_CWORD - 2]} == --color ||\n"
	"\t\t\t${COMP_WORDS[COMP_CWORD - 1]} == --color ]]; then\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -W 'auto always never' -- \"${word#=}\")\n"
	"\t\telse\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"${word#=}\")\n"
	"\t\tfi\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tif [[ $word == -* ]]; then\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
	"\t\t[[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tcase $operands in\n"
	"\texperiments)\n"
	"\t\toptions=$(\"$program\" list --names 2>/dev/null)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
	"\t\t;;\n"
	"\tresults)\n"
	"\t\tmapfile -t COMPREPLY < <(\n"
	"\t\t\tcd results 2>/dev/null && compgen -d -- \"$word\"\n"
	"\t\t\tcompgen -d -- \"$word\"\n"
	"\t\t)\n"
	"\t\t;;\n"
	"\tfiles)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
	"\t\t;;\n"
	"\t'')\n"
	"\t\t;;\n"
	"\t*)\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -W \"$operands\" -- \"$word\")\n"
	"\t\t;;\n"
	"\tesac\n"
	"\treturn 0\n"
	"}\n"
	"complete -F _hotbed hotbed ./hotbed\n";

static void put_command_names(FILE *file, const struct hb_command *const *commands)
{
	for (size_t i = 0; commands[i]; i++)
		fprintf(file, "%s%s", i ? " " : "", commands[i]->name);
}

void hb_completion_bash(FILE *file, const struct hb_command *const *commands)
{
	fputs(script_head, file);
	fputs("\t'')\n\t\toptions='--help --version'\n\t\toperands='", file);
	put_command_names(file, commands);
	/* The launcher's own commands complete too: most people type ./hotbed. */
	fputs(" help setup build test'\n\t\t;;\n\thelp)\n\t\toperands='", file);
	put_command_names(file, commands);
	fputs("'\n\t\t;;\n\tsetup)\n\t\toptions='--all'\n\t\t;;\n"
	      "\ttest)\n\t\toptions='--nightly'\n"
	      "\t\toperands='harness nicos spork shcheck probcons batching metastable'\n\t\t;;\n",
		file);
	for (size_t i = 0; commands[i]; i++)
		put_case(file, commands[i]);
	fputs(script_tail, file);
}
