/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was run, how, where, and how far it can be trusted: the lines above the claims. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotbed/json.h"
#include "report_parts.h"

/* More names than this are a number. */
#define NAMES_MAX 8

void hb_page_subject(struct hb_page *page, const char *open)
{
	const struct hb_plan *plan = &page->analysis->plan;
	struct hb_text *text = page->text;
	const char *last = "";

	if (plan->experiment_count > NAMES_MAX) {
		hb_text_format(text, "%zu experiments", plan->experiment_count);
		return;
	}
	for (size_t e = 0; e < plan->experiment_count; e++) {
		const struct hb_plan_experiment *experiment = &plan->experiments[e];
		bool same = !strcmp(last, experiment->subproject);

		if (e)
			hb_text_put(text, same ? ", " : "; ");
		if (!same) {
			hb_text_put(text, open);
			hb_page_clip(text, experiment->subproject, 80);
			hb_text_put(text, *open ? ":</span> " : ": ");
		}
		hb_page_clip(text, experiment->experiment, 80);
		last = experiment->subproject;
	}
}

static void put_item(struct hb_text *text, const char *name)
{
	hb_text_format(text, "<div><dt>%s</dt><dd>", name);
}

static const char *mode_name(const char *mode)
{
	static const char *const names[][2] = {{"headline", "Headline claims"},
		{"quick", "Quick smoke run"}, {"full", "Full sweeps"},
		{"default", "Default sweeps"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i][0], mode))
			return names[i][1];
	}
	return mode;
}

struct block_counts {
	size_t done, again, noisy;
};

static struct block_counts count_blocks(const struct hb_trials *trials)
{
	struct block_counts counts = {0, 0, 0};

	for (size_t e = 0; e < trials->plan->experiment_count; e++) {
		for (size_t p = 0; p < trials->plan->experiments[e].point_count; p++) {
			const struct hb_trials_point *point = &trials->points[e][p];

			for (uint32_t b = 0; b < point->block_count; b++) {
				const struct hb_trials_block *block = &point->blocks[b];

				counts.done += block->chosen != NULL;
				counts.again += block->attempts && block->attempts->next;
				counts.noisy += block->noisy;
			}
		}
	}
	return counts;
}

static void put_run(struct hb_page *page, const struct block_counts *blocks)
{
	const struct hb_trials *trials = &page->analysis->trials;
	const struct hb_plan *plan = &page->analysis->plan;
	struct hb_text *text = page->text;
	bool until_ci = false;

	for (size_t e = 0; e < plan->experiment_count; e++)
		until_ci |= plan->experiments[e].until_ci;
	put_item(text, "Run");
	hb_page_clip(text, mode_name(plan->mode), 40);
	hb_text_format(text, ", %llu trials in %zu", (unsigned long long)trials->trial_count,
		blocks->done);
	/* With --until-ci the plan is what may be needed at most. */
	if (blocks->done < plan->block_count && !until_ci)
		hb_text_format(text, " of %zu", plan->block_count);
	hb_text_format(text, " block%s", blocks->done == 1 ? "" : "s");
	if (trials->failed_count)
		hb_text_format(text, ", <a href=\"#failures\">%llu failed</a>",
			(unsigned long long)trials->failed_count);
	hb_text_put(text, "</dd></div>\n");
}

/* CPUID gives the vendor's signature. */
static const char *hypervisor(const char *signature)
{
	static const char *const names[][2] = {{"KVMKVMKVM", "KVM"}, {"Microsoft Hv", "Hyper-V"},
		{"VMwareVMware", "VMware"}, {"XenVMMXenVMM", "Xen"}, {"TCGTCGTCGTCG", "QEMU"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(names[i][0], signature))
			return names[i][1];
	}
	return signature;
}

static void put_machine(struct hb_page *page)
{
	const cJSON *env = page->analysis->env;
	const cJSON *host = cJSON_GetObjectItemCaseSensitive(env, "host");
	const cJSON *cpu = cJSON_GetObjectItemCaseSensitive(host, "cpu");
	const cJSON *kernel = cJSON_GetObjectItemCaseSensitive(env, "kernel");
	const char *model = hb_json_text_or(cpu, "model", "");
	const char *count = hb_json_text_or(cpu, "count", "");
	const char *memory = hb_json_text_or(host, "memory_gib", "");
	const char *virtual = hb_json_text_or(host, "virtualisation", "");
	struct hb_text *text = page->text;

	put_item(text, "Machine");
	hb_page_clip(text, *model ? model : "unknown processor", 80);
	if (*count) {
		hb_text_put(text, ", ");
		hb_page_clip(text, count, 10);
		hb_text_put(text, strcmp(count, "1") != 0 ? " CPUs" : " CPU");
	}
	if (*memory) {
		hb_text_put(text, ", ");
		hb_page_clip(text, memory, 10);
		hb_text_put(text, "\u00a0GiB");
	}
	if (*virtual) {
		hb_text_put(text, ", ");
		hb_page_clip(text, hypervisor(virtual), 20);
	}
	if (*hb_json_text_or(kernel, "release", "")) {
		hb_text_put(text, ", Linux ");
		hb_page_clip(text, hb_json_text_or(kernel, "release", ""), 40);
	}
	hb_text_put(text, "</dd></div>\n");
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Half widths of the A/A intervals (logarithms), one per point and metric, sorted. */
static size_t collect_noise(const struct hb_summary *summary, double *widths)
{
	const struct hb_comparison *last = NULL;
	size_t count = 0;

	for (size_t i = 0; i < summary->comparison_count; i++) {
		const struct hb_comparison *c = &summary->comparisons[i];
		struct hb_effect effect;
		double width;

		/* The variants of a point and metric share its control. */
		if (last && last->experiment == c->experiment && last->point == c->point &&
			last->metric == c->metric)
			continue;
		/* The rows of the tables need the same memory, and report it if there is none. */
		if (hb_summary_effect(summary, c, &effect))
			break;
		width = (effect.aa.hi - effect.aa.lo) / 2;
		if (!(effect.aa.confidence > 0) || !isfinite(width))
			continue;
		last = c;
		widths[count++] = width;
	}
	qsort(widths, count, sizeof(*widths), compare_doubles);
	return count;
}

/* A width of 0.04 is "± 4 %", one of 1 is "a factor of 2.72". */
static void put_width(struct hb_text *text, double width)
{
	if (width < log(2))
		hb_text_format(text, "±\u202f%.2g\u202f%%", expm1(width) * 100);
	else
		hb_text_format(text, "a factor of %.3g", exp(width));
}

static void put_noise(struct hb_page *page, const struct block_counts *blocks)
{
	const struct hb_summary *summary = &page->analysis->summary;
	double *widths = calloc(summary->comparison_count + 1, sizeof(*widths));
	size_t count = widths ? collect_noise(summary, widths) : 0;
	struct hb_text *text = page->text;

	if (!widths)
		text->failed = -ENOMEM;
	put_item(text, "Noise");
	if (count) {
		hb_text_put(text, "two runs of the baseline agree within ");
		put_width(text, widths[count / 2]);
		hb_text_put(text, " (median of the A/A bands");
		if (count > 1) {
			hb_text_put(text, "; widest ");
			put_width(text, widths[count - 1]);
		}
		hb_text_put(text, ")");
	} else {
		hb_text_put(text, "no A/A band: too few blocks, or exact values only");
	}
	if (blocks->again)
		hb_text_format(text, "; %zu block%s run again for steal time", blocks->again,
			blocks->again == 1 ? "" : "s");
	if (blocks->noisy)
		hb_text_format(text, "; %zu noisy in every attempt", blocks->noisy);
	hb_text_put(text, "</dd></div>\n");
	free(widths);
}

static void put_effects(struct hb_page *page)
{
	const struct hb_summary *summary = &page->analysis->summary;
	size_t counts[HB_VERDICT_COUNT] = {0};
	struct hb_text *text = page->text;
	const char *comma = "";

	if (!page->analysis->plan.verdicts || !summary->comparison_count)
		return;
	for (size_t i = 0; i < summary->comparison_count; i++)
		counts[summary->comparisons[i].verdict]++;
	put_item(text, "Effects");
	for (int v = 0; v < HB_VERDICT_COUNT; v++) {
		if (!counts[v])
			continue;
		hb_text_format(text, "%s%zu %s", comma, counts[v], hb_verdict_names[v]);
		comma = ", ";
	}
	hb_text_format(text, " (%zu comparisons)</dd></div>\n", summary->comparison_count);
}

static void put_title(struct hb_page *page)
{
	const struct hb_plan *plan = &page->analysis->plan;
	struct hb_text *text = page->text;
	char date[32];

	(void)snprintf(date, sizeof(date), "%.16s", plan->created_utc ? plan->created_utc : "");
	for (char *c = date; *c; c++)
		*c = *c == 'T' ? ' ' : *c;
	hb_text_put(text, "<header><p class=\"brand\">Hotbed</p>\n<h1>");
	hb_page_subject(page, "<span class=\"dim\">");
	hb_text_put(text, "</h1>\n<p class=\"meta\"><span>");
	hb_page_clip(text, date, 32);
	hb_text_put(text, " UTC</span><span class=\"run\">run <span class=\"mono\">");
	hb_page_clip(text, plan->run_id, 40);
	hb_text_put(text, "</span></span></p>\n");
}

void hb_page_header(struct hb_page *page)
{
	struct block_counts blocks = count_blocks(&page->analysis->trials);
	struct hb_text *text = page->text;

	put_title(page);
	hb_text_put(text, "<dl class=\"glance\">\n");
	put_run(page, &blocks);
	put_effects(page);
	put_noise(page, &blocks);
	put_machine(page);
	hb_text_put(text, "</dl></header>\n<main>\n");
	if (!page->analysis->plan.verdicts)
		hb_text_put(text,
			"<p class=\"banner\"><strong>Smoke, no verdict.</strong> A few blocks "
			"show that everything runs, not how fast it is.</p>\n");
}
