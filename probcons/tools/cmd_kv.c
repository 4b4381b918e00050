/* SPDX-License-Identifier: GPL-3.0-or-later */
/* probcons kv: a client of the servers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hotbed/csv.h>
#include <hotbed/error.h>

#include <probcons/client.h>
#include <probcons/configuration.h>

#include "command.h"

#define EXIT_NOT 1
#define EXIT_BAD_CALL 2
#define EXIT_UNKNOWN 3
#define TIMEOUT_MS 5000
#define TIMEOUT_MAX_MS 3600000

static int conclude(const struct pc_answer *answer, bool print, struct hb_error *reterr)
{
	switch (answer->outcome) {
	case PC_OUTCOME_DONE:
		if (print) {
			(void)fwrite(answer->data, 1, answer->length, stdout);
			(void)putchar('\n');
		}
		return 0;
	case PC_OUTCOME_NOT_FOUND:
	case PC_OUTCOME_NOT_EQUAL:
		return EXIT_NOT;
	case PC_OUTCOME_REFUSED:
		return hb_error_set(reterr, -EINVAL, "refused: %.200s", answer->data);
	case PC_OUTCOME_UNKNOWN:
		break;
	}
	(void)fprintf(
		stderr, "probcons kv: no answer in time: whether it took effect is unknown\n");
	return EXIT_UNKNOWN;
}

static int print_status(struct pc_client *client)
{
	int code = EXIT_UNKNOWN;

	for (uint32_t i = 0; i < pc_client_servers(client); i++) {
		struct pc_answer answer = pc_client_status(client, i);

		if (answer.outcome != PC_OUTCOME_DONE)
			continue;
		(void)printf("%.*s\n", (int)answer.length, answer.data);
		code = 0;
	}
	return code;
}

static int change_members(struct pc_client *client, char **words, struct hb_error *reterr)
{
	const char *address = strchr(words[1], '=');
	struct pc_answer answer;
	char number[16];
	uint64_t id;

	(void)snprintf(number, sizeof(number), "%.*s",
		(int)(address ? (size_t)(address - words[1]) : strlen(words[1])), words[1]);
	if (hb_csv_parse_u64(number, &id) || id == 0 || id >= PC_REPLICAS_MAX ||
		(strcmp(words[0], "add") == 0) != (address != NULL))
		return hb_error_set(reterr, -EINVAL, "%s: '%.64s' is no %s", words[0], words[1],
			strcmp(words[0], "add") == 0 ? "node such as 4=127.0.0.1:7004"
						     : "number of a node");
	if (address)
		answer = pc_client_add(client, (uint32_t)id, address + 1);
	else if (strcmp(words[0], "remove") == 0)
		answer = pc_client_remove(client, (uint32_t)id);
	else
		answer = pc_client_transfer(client, (uint32_t)id);
	return conclude(&answer, false, reterr);
}

static int carry_out(struct pc_client *client, char **words, int count, struct hb_error *reterr)
{
	const char *key = count > 1 ? words[1] : "", *value = count > 2 ? words[2] : "";
	struct pc_answer answer;

	if (strcmp(words[0], "put") == 0 && count == 3)
		answer = pc_client_put(client, key, strlen(key), value, strlen(value));
	else if (strcmp(words[0], "get") == 0 && count == 2)
		answer = pc_client_get(client, key, strlen(key));
	else if (strcmp(words[0], "cas") == 0 && count == 4)
		answer = pc_client_cas(
			client, key, strlen(key), value, strlen(value), words[3], strlen(words[3]));
	else if (strcmp(words[0], "del") == 0 && count == 2)
		answer = pc_client_del(client, key, strlen(key));
	else if (strcmp(words[0], "status") == 0 && count == 1)
		return print_status(client);
	else if ((strcmp(words[0], "add") == 0 || strcmp(words[0], "remove") == 0 ||
			 strcmp(words[0], "transfer") == 0) &&
		 count == 2)
		return change_members(client, words, reterr);
	else
		return hb_error_set(reterr, -EINVAL,
			"'%.64s' with %d operands is nothing that can be done; give put KEY VALUE, "
			"get KEY, cas KEY OLD NEW, del KEY, status, add ID=ADDRESS, remove ID or "
			"transfer ID",
			words[0], count - 1);
	return conclude(&answer, strcmp(words[0], "get") == 0, reterr);
}

static int run(const struct arguments *arguments, struct hb_error *reterr)
{
	uint64_t timeout = TIMEOUT_MS;
	struct pc_client *client;
	int code = option_required(arguments, OPT_SERVERS, reterr);

	if (!code)
		code = option_u64(arguments, OPT_TIMEOUT, 1, TIMEOUT_MAX_MS, &timeout, reterr);
	if (!code && arguments->word_count == 0)
		code = hb_error_set(reterr, -EINVAL, "what? put, get, cas, del, status, ...");
	if (!code)
		code = pc_client_create(
			arguments->values[OPT_SERVERS], (uint32_t)timeout, &client, reterr);
	if (code)
		return code;
	code = carry_out(client, arguments->words, arguments->word_count, reterr);
	pc_client_destroy(client);
	return code;
}

const struct command command_kv = {
	.name = "kv",
	.help = "ask the servers: put KEY VALUE, get KEY, cas KEY OLD NEW, del KEY, status,\n"
		"add ID=ADDRESS, remove ID, transfer ID; exit 0 done, 1 not found or not equal, 2 "
		"bad call,\n3 unknown outcome",
	.operand = "REQUEST",
	.more_operands = true,
	.options = "servers timeout",
	.error_code = EXIT_BAD_CALL,
	.run = run,
};
