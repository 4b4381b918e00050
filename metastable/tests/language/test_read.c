/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text becomes the model that it says, or an error that names the place and a way out. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <hotbed/error.h>

#include <metastable/model.h>

#define SERVER "server db { service exp 10/s }\n"
#define CLIENT "client c -> db { rate poisson 5/s }\n"

static struct hb_error error;

static int read_text(const char *text, struct ms_model *ret)
{
	error = (struct hb_error){0};
	return ms_model_read(text, strlen(text), "test.ms", NULL, 0, ret, &error);
}

static struct ms_model must_read(const char *text)
{
	struct ms_model model;

	cr_assert_eq(read_text(text, &model), 0, "%s: line %d: %s", text, error.line, error.text);
	return model;
}

/* @needles: texts that the message must have, separated by |. */
static void refuses(const char *text, int code, int line, const char *needles)
{
	struct ms_model model;
	char copy[256];
	char *rest = copy;

	cr_assert_eq(read_text(text, &model), code, "%s: %d: %s", text, error.code, error.text);
	cr_assert_eq(error.line, line, "%s: line %d: %s", text, error.line, error.text);
	cr_assert_str_eq(error.path, "test.ms");
	(void)snprintf(copy, sizeof(copy), "%s", needles);
	for (const char *needle; (needle = strsep(&rest, "|"));)
		cr_assert(strstr(error.text, needle), "`%s` is not in: %s", needle, error.text);
}

Test(read, design_page_example_is_understood)
{
	struct ms_model m = must_read(
		"server db { threads 1; queue 150 fifo; service exp 10/s; on_full drop }\n"
		"client c -> db { rate poisson 5/s; timeout 5s; retry 5 immediate; cancel no }\n"
		"protect c { token_bucket 0.1 cap 5 }  # breaker, budget\n"
		"shed db { codel 5ms 100ms }  # lifo, adaptive_lifo, bound, prob\n"
		"cache k in front of db { lookaside; keys zipf 1.01; size 1000; fill_on success }\n"
		"trigger { at 300s for 600s rate c 15/s }\n"
		"sweep { queue 20..200 step 5; rate c 1..9 step .5 }\n");
	const struct ms_server *s = &m.servers[0];
	const struct ms_client *c = &m.clients[0];

	cr_assert_eq(m.server_count, 1);
	cr_assert_eq(m.client_count, 1);
	cr_assert_eq(s->threads, 1);
	cr_assert_eq(s->queue_capacity, 150);
	cr_assert_eq((int)s->service.kind, MS_EXPONENTIAL);
	cr_assert_eq(s->service.mean_s, 0.1);
	cr_assert_eq(s->codel_target_s, 0.005);
	cr_assert_eq(s->codel_interval_s, 0.1);
	cr_assert_eq(c->rate_per_s, 5);
	cr_assert_eq((int)c->timeout_kind, MS_TIMEOUT_CONSTANT);
	cr_assert_eq(c->timeout_s, 5);
	cr_assert_eq(c->retries, 5);
	cr_assert_eq((int)c->backoff, MS_IMMEDIATE);
	cr_assert_eq(c->bucket_fill, 0.1);
	cr_assert_eq(c->bucket_capacity, 5);
	cr_assert_eq(c->cache, 0);
	cr_assert_eq(m.caches[0].size, 1000);
	cr_assert_eq(m.caches[0].keys, 10000);
	cr_assert_eq(m.caches[0].zipf_exponent, 1.01);
	cr_assert_eq(m.trigger_count, 1);
	cr_assert_eq(m.triggers[0].at_s, 300);
	cr_assert_eq(m.triggers[0].value, 15);
	cr_assert_eq(ms_model_trigger_end_s(&m), 900);
	cr_assert_str_eq(m.axes[0].path, "db.queue");
	cr_assert_eq(m.axes[0].count, 37);
	cr_assert_eq(ms_sweep_value(&m.axes[0], 36), 200);
	cr_assert_str_eq(m.axes[1].path, "c.rate");
	cr_assert_eq(m.axes[1].count, 17);
	cr_assert_eq(ms_sweep_value(&m.axes[1], 16), 9);
}

Test(read, blocks_stand_in_any_order)
{
	struct ms_model m = must_read(
		"sweep { db.queue 20, 40, 60 } trigger t { at 1s for 1s capacity db x0.2 }"
		"protect c { budget 10% window 10s min 1/s } shed db { bound 9; answer reject "
		"}" CLIENT SERVER);

	cr_assert_eq(m.axes[0].count, 3);
	cr_assert_eq(ms_sweep_value(&m.axes[0], 1), 40);
	cr_assert_eq(m.triggers[0].value, 0.2);
	cr_assert_eq(m.clients[0].budget_share, 0.1);
	cr_assert_eq(m.servers[0].shed_bound, 9);
	cr_assert_eq((int)m.servers[0].on_shed, MS_REJECT);
}

Test(read, what_is_not_said_has_a_default)
{
	struct ms_model m = must_read(SERVER CLIENT);

	cr_assert_eq(m.servers[0].threads, 1);
	cr_assert_eq(m.servers[0].queue_capacity, 0);
	cr_assert_eq((int)m.clients[0].timeout_kind, MS_TIMEOUT_NONE);
	cr_assert_eq(m.clients[0].retries, 0);
	cr_assert(isinf(m.clients[0].deadline_s));
	cr_assert(m.clients[0].retry_on_timeout && m.clients[0].retry_on_reject);
	cr_assert_eq(m.horizon_s, 1800);
	cr_assert_eq(m.clients[0].cache, MS_NONE);
}

Test(read, every_word_of_a_client_is_understood)
{
	struct ms_model m = must_read(SERVER
		"client c -> db { rate paced 90/min; timeout erlang 4 250ms; deadline 2s;"
		" retry 3 exponential 100ms x3 max 1s jitter full; retry_on timeout; cancel always "
		"}"
		"protect c { breaker 50% window 10s open 5s attempts 7 probes 2 } horizon 60s;");
	const struct ms_client *c = &m.clients[0];

	cr_assert_eq((int)c->arrivals, MS_PACED);
	cr_assert_eq(c->rate_per_s, 1.5);
	cr_assert_eq((int)c->timeout_kind, MS_TIMEOUT_ERLANG);
	cr_assert_eq(c->timeout_phases, 4);
	cr_assert_eq(c->timeout_s, 0.25);
	cr_assert_eq(c->deadline_s, 2);
	cr_assert_eq((int)c->backoff, MS_BACKOFF_EXPONENTIAL);
	cr_assert_eq(c->backoff_s, 0.1);
	cr_assert_eq(c->backoff_factor, 3);
	cr_assert_eq(c->backoff_max_s, 1);
	cr_assert_eq((int)c->jitter, MS_JITTER_FULL);
	cr_assert(c->retry_on_timeout && !c->retry_on_reject);
	cr_assert_eq((int)c->cancel, MS_CANCEL_ALWAYS);
	cr_assert_eq(c->breaker_share, 0.5);
	cr_assert_eq(c->breaker_attempts_min, 7);
	cr_assert_eq(c->breaker_probes, 2);
	cr_assert_eq(m.horizon_s, 60);
}

Test(read, calls_have_names_and_keep_their_order)
{
	struct ms_model m = must_read("server a { service exp 10/s } server b { service exp 10/s }"
				      "client c -> a { rate poisson 1/s } call a -> b { retry 2 }"
				      "call again a -> b { probability 10% }");

	cr_assert_eq(m.client_count, 3);
	cr_assert_str_eq(m.clients[1].name, "a->b");
	cr_assert_eq(m.clients[1].from_server, 0);
	cr_assert_eq(m.clients[1].to_server, 1);
	cr_assert_eq(m.clients[1].call_probability, 1);
	cr_assert_str_eq(m.clients[2].name, "again");
	cr_assert_eq(m.clients[2].call_probability, 0.1);
}

Test(read, triggers_are_sorted_and_named)
{
	struct ms_model m = must_read(SERVER CLIENT
		"trigger { at 20s for 1s rate c 9/s; at 10s for 1s latency db +200ms }"
		"trigger slow { at 15s for 1s capacity db x0.5 }");

	cr_assert_str_eq(m.triggers[0].name, "trigger2");
	cr_assert_str_eq(m.triggers[1].name, "slow");
	cr_assert_str_eq(m.triggers[2].name, "trigger");
	cr_assert_eq(m.triggers[0].value, 0.2);
}

Test(read, syntax_errors_name_line_column_and_remedy)
{
	refuses("server db {\n\tthreds 1;\n}", -EBADMSG, 2,
		"column 2|threds|did you mean `threads`");
	refuses("server db { threads 1 queue 5 }", -EBADMSG, 1, "column 23|`;`");
	refuses("sever db { }", -EBADMSG, 1, "did you mean `server`");
	refuses("server db { threads 1.5 }", -EBADMSG, 1, "column 21|whole number");
	refuses("server db { threads 1; threads 2 }", -EBADMSG, 1, "twice");
	refuses("server db {\n threads 1;\n", -EBADMSG, 1, "column 11|no `}`");
	refuses(SERVER "client c -> bd { rate poisson 5/s }", -EBADMSG, 2, "did you mean `db`");
	refuses(SERVER "client c -> db { timeout 5 }", -EBADMSG, 2, "5s, 250ms");
	refuses(SERVER "client c -> db { timeout 5m }", -EBADMSG, 2, "unknown unit `m`");
	refuses(SERVER "client c -> db { rate 5/s }", -EBADMSG, 2, "poisson, paced");
	refuses(SERVER CLIENT "server db { }", -EBADMSG, 3, "line 1 already");
	refuses(SERVER CLIENT "protect d { }", -EBADMSG, 3, "client or call|there are c");
	refuses(SERVER CLIENT "trigger { at 1s flush k }", -EBADMSG, 3, "no cache `k`");
	refuses(SERVER CLIENT "trigger { at 1s rate c 5/s }", -EBADMSG, 3, "`for`");
	refuses(SERVER CLIENT "sweep { db.queue 5..1 step 1 }", -EBADMSG, 3, "upwards");
	refuses(SERVER CLIENT "sweep { db.discipline 1..2 step 1 }", -EBADMSG, 3, "only numbers");
	refuses(SERVER CLIENT "sweep { db.quue 1..2 step 1 }", -EBADMSG, 3, "did you mean `queue`");
	refuses("\x80\xff", -EBADMSG, 1, "column 1|?");
}

Test(read, impossible_models_are_refused_with_the_block)
{
	refuses("server db { service exp 0/s }" CLIENT, -EBADMSG, 1, "never answers");
	refuses(CLIENT, -EBADMSG, 1, "no server `db`");
	refuses("server db { }" CLIENT, -EINVAL, 1, "server `db`|has no service");
	refuses(SERVER "client c -> db { }", -EINVAL, 2, "client `c`|has no rate");
	refuses("server db { threads 4; queue 3; service exp 10/s }" CLIENT, -EINVAL, 1,
		"smaller than its 4 threads");
	refuses(SERVER, -EINVAL, 0, "nobody sends requests");
	refuses(SERVER CLIENT "server e { service exp 1/s }", -EINVAL, 3, "nobody sends to it");
	refuses("server db { service hyperexp cv 0.5 10/s }" CLIENT, -EINVAL, 1, "cv above 1");
	refuses(SERVER CLIENT "trigger { at 1s for 9s rate c 9/s; at 5s for 1s rate c 8/s }",
		-EINVAL, 3, "overlaps");
	refuses("server db { queue 9; service exp 1/s; on_full reject }\n"
		"client c -> db { rate poisson 5/s; retry unlimited }",
		-EINVAL, 2, "same instant");
	refuses("server a { service exp 1/s }\nserver b { service exp 1/s }\n"
		"client c -> a { rate poisson 1/s }\ncall a -> b { }\ncall b -> a { }",
		-EINVAL, 5, "cycle|a -> b -> a");
	refuses("server a { service exp 1/s }\nclient c -> a { rate poisson 1/s }\ncall a -> a { }",
		-EINVAL, 3, "a -> a");
	refuses(SERVER CLIENT
		"cache k in front of db { size 10 }\ncache l in front of db { size 10 }",
		-EINVAL, 4, "`k` is in front");
}

Test(read, too_many_blocks_are_refused)
{
	char text[8192];
	size_t used = 0;

	for (int i = 0; i < MS_SERVERS_MAX + 1; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "server s%d { service exp 1/s }\n", i);
	refuses(text, -E2BIG, MS_SERVERS_MAX + 1, "more than 16");
}

Test(read, failure_leaves_the_result_untouched)
{
	struct ms_model model = {.horizon_s = 7};

	cr_assert_eq(read_text("server {", &model), -EBADMSG);
	cr_assert_eq(model.horizon_s, 7);
	cr_assert_eq(model.server_count, 0);
}

/* ---- overrides ---- */

static int override(const char *set, struct ms_model *ret)
{
	static const char text[] = SERVER CLIENT "trigger { at 1s for 2s rate c 9/s }";
	char copy[128];
	struct ms_override override;

	error = (struct hb_error){0};
	(void)snprintf(copy, sizeof(copy), "%s", set);
	if (ms_override_parse(copy, &override, &error))
		return error.code;
	return ms_model_read(text, sizeof(text) - 1, "test.ms", &override, 1, ret, &error);
}

Test(override, any_parameter_can_be_set)
{
	struct ms_model m;

	cr_assert_eq(override("db.queue=35", &m), 0, "%s", error.text);
	cr_assert_eq(m.servers[0].queue_capacity, 35);
	cr_assert_eq(override("db.service=20/s", &m), 0, "%s", error.text);
	cr_assert_eq(m.servers[0].service.mean_s, 0.05);
	cr_assert_eq(override("db.service=20", &m), 0, "%s", error.text);
	cr_assert_eq(m.servers[0].service.mean_s, 0.05);
	cr_assert_eq(override("db.discipline=lifo", &m), 0, "%s", error.text);
	cr_assert_eq((int)m.servers[0].discipline, MS_LIFO);
	cr_assert_eq(override("c.timeout=250ms", &m), 0, "%s", error.text);
	cr_assert_eq(m.clients[0].timeout_s, 0.25);
	cr_assert_eq((int)m.clients[0].timeout_kind, MS_TIMEOUT_CONSTANT);
	cr_assert_eq(override("c.retry=unlimited", &m), 0, "%s", error.text);
	cr_assert_eq(m.clients[0].retries, MS_RETRIES_UNLIMITED);
	cr_assert_eq(override("trigger.value=20/s", &m), 0, "%s", error.text);
	cr_assert_eq(m.triggers[0].value, 20);
	cr_assert_eq(override("horizon=1h", &m), 0, "%s", error.text);
	cr_assert_eq(m.horizon_s, 3600);
}

Test(override, what_names_nothing_gets_a_hint)
{
	struct ms_model m;

	cr_assert_eq(override("db.quue=35", &m), -EINVAL);
	cr_assert(strstr(error.text, "did you mean `queue`"), "%s", error.text);
	cr_assert_eq(override("bd.queue=35", &m), -EINVAL);
	cr_assert(strstr(error.text, "did you mean `db`"), "%s", error.text);
	cr_assert_eq(override("db.queue", &m), -EINVAL);
	cr_assert(strstr(error.text, "BLOCK.NAME=VALUE"), "%s", error.text);
	cr_assert_eq(override("db.queue=5s", &m), -EINVAL);
	cr_assert_eq(override("db.queue=1.5", &m), -EINVAL);
	cr_assert_eq(override("db.threads=0", &m), -EINVAL);
	cr_assert_eq(override("db.discipline=lfo", &m), -EINVAL);
}

Test(override, get_and_set_agree)
{
	struct ms_model m = must_read(SERVER CLIENT);
	double value;

	cr_assert_eq(ms_model_set(&m, "db.service", 40, &error), 0);
	cr_assert_eq(ms_model_get(&m, "db.service", &value, &error), 0);
	cr_assert_eq(value, 40);
	cr_assert_eq(ms_model_set(&m, "db.threads", 1.5, &error), -EINVAL);
	cr_assert_eq(m.servers[0].threads, 1);
	cr_assert_eq(ms_model_get(&m, "db.discipline", &value, &error), -EINVAL);
	cr_assert_eq(ms_model_get(&m, "nothing", &value, &error), -EINVAL);
}
