/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nothing is skipped silently (invariant I7): what is not modelled is counted, either as approximated or as not
 * analysed. Each of these scripts does something of which the analysis cannot know the outcome.
 */
#include <stdio.h>
#include <string.h>

#include <shcheck/analyse.h>
#include <shcheck/finding.h>
#include <shcheck/parse.h>
#include <shcheck/report.h>

static const struct {
	enum shc_dialect dialect;
	const char *text;
} scripts[] = {
	{SHC_DASH, "frobnicate a"},
	{SHC_DASH, "\"$x\" a"},
	{SHC_DASH, "command \"$x\""},
	{SHC_DASH, "eval \"$(cat f)\""},
	{SHC_DASH, ". \"$f\""},
	{SHC_DASH, "trap \"$x\" EXIT"},
	{SHC_DASH, "f() { f; }; f"},
	{SHC_DASH, "f() { g; }; g() { f; }; f"},
	{SHC_DASH, "set \"$o\""},
	{SHC_DASH, "read \"$n\""},
	{SHC_DASH, "unset \"$n\""},
	{SHC_DASH, "export \"$n\""},
	{SHC_DASH, "while a; do break \"$n\"; done"},
	{SHC_DASH, "alias a=b"},
	{SHC_DASH, "umask 022"},
	{SHC_DASH, "wait"},
	{SHC_DASH, "kill 1"},
	{SHC_DASH, "ulimit -c 0"},
	{SHC_BASH, "let x=1+$y"},
	{SHC_BASH, "enable -n echo"},
	{SHC_BASH, "coproc cat"},
	{SHC_BASH, "cat <(ls)"},
	{SHC_BASH, "source <(ls)"},
	{SHC_BASH, "printf -v \"$n\" a"},
	{SHC_BASH, "declare -n r=$1; r=1"},
	{SHC_BASH, "f() { local -n r=x[0]; r=1; }; f"},
	{SHC_BASH, "declare $o x=1"},
};

/* What an analysis does model is not counted: the counts would say nothing otherwise. */
static const char *const modelled[] = {"x=1; y=$x; echo \"$y\"", "cd a && rm -f b",
	"for i in a \"$1\"; do [ -n \"$i\" ] || exit 1; done", "f() { return 3; }; f; x=$?"};

static bool is_recorded(enum shc_dialect dialect, const char *text)
{
	struct shc_coverage coverage = {0};
	struct shc_findings *findings = NULL;
	struct shc_source *source = NULL;
	struct shc_script *script = NULL;
	bool recorded = false;

	if (!shc_findings_create(&findings) &&
		!shc_source_create("case", text, strlen(text), &source) &&
		!shc_parse(source, dialect, findings, &script) &&
		!shc_analyse(script, NULL, findings, &coverage))
		recorded = coverage.havoc > 0 || coverage.analysed < coverage.commands;
	shc_script_destroy(script);
	shc_source_destroy(source);
	shc_findings_destroy(findings);
	return recorded;
}

int main(void)
{
	int failures = 0;

	for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
		if (is_recorded(scripts[i].dialect, scripts[i].text))
			continue;
		(void)printf("skipped without a word: %s\n", scripts[i].text);
		failures++;
	}
	for (size_t i = 0; i < sizeof(modelled) / sizeof(*modelled); i++) {
		if (!is_recorded(SHC_DASH, modelled[i]))
			continue;
		(void)printf("recorded though modelled: %s\n", modelled[i]);
		failures++;
	}
	return failures > 0;
}
