/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "chain.h"

#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "raw_syscall.h"

#define WINDOW_BYTES 4096
#define REGISTER_RSP 7
#define REGISTER_RBP 6

/* A piece of the stack. */
struct window {
	const struct session *session;
	uint64_t start, end;
	uint64_t words[WINDOW_BYTES / 8];
};

SPORK_FAST static bool load(struct window *window, uint64_t address, uint64_t *ret)
{
	const struct session_range *range;

	if (address % 8)
		return false;
	/* Memory that stays where it is needs no question. */
	range = session_range_at(window->session, address);
	if (range && address + 8 <= range->end) {
		*ret = *(const uint64_t *)address;
		return true;
	}
	if (address < window->start || address + 8 > window->end) {
		struct iovec here = {window->words, sizeof(window->words)};
		struct iovec there = {(void *)address, sizeof(window->words)};
		int64_t got = raw6(SYS_process_vm_readv, raw0(SYS_getpid), &here, 1, &there, 1, 0);

		if (got < 8)
			return false;
		window->start = address;
		window->end = address + (uint64_t)got;
	}
	*ret = window->words[(address - window->start) / 8];
	return true;
}

static void mix(uint64_t key[2], uint64_t value)
{
	key[0] = (key[0] ^ value) * 0x9e3779b97f4a7c15ULL;
	key[0] ^= key[0] >> 32;
	key[1] = (key[1] + value) * 0xc2b2ae3d27d4eb4fULL;
	key[1] ^= key[1] >> 29;
}

static void add_frame(struct spork_chain *chain, const struct spork_module *module,
	const char *name, uint64_t offset)
{
	uint64_t words[3] = {0};

	memcpy(words, module->id.bytes, sizeof(module->id.bytes));
	for (int i = 0; i < 3; i++)
		mix(chain->key, words[i]);
	mix(chain->key, offset);
	chain->offsets[chain->count] = offset;
	chain->frames[chain->count] = 0;
	chain->modules[chain->count] = name;
	chain->count++;
}

/* Reads a word of the stack, and remembers what it was. */
static bool load_kept(
	struct window *window, struct session_chain *kept, uint64_t address, uint64_t *ret)
{
	if (!load(window, address, ret))
		return false;
	if (kept->count < SESSION_CHAIN_WORDS) {
		kept->addresses[kept->count] = address;
		kept->values[kept->count] = *ret;
	}
	kept->count++;
	return true;
}

/* Walks up the stack. False: the chain is shorter than it will be once there is code for all modules. */
static bool unwind(struct window *window, struct session *session, struct session_chain *kept)
{
	struct spork_chain *chain = &kept->chain;
	uint64_t pc = kept->resume, rsp = kept->rsp, rbp = kept->rbp;

	*chain = (struct spork_chain){.key = {0x9e3779b97f4a7c15ULL, 1}};
	while (chain->count < SPORK_CHAIN_FRAMES) {
		const struct spork_unwind_row *row;
		int at = session_module(session, pc);
		uint64_t offset, cfa;

		if (at < 0)
			break;
		offset = pc - session->modules[at].base;
		add_frame(chain, &session->modules[at], session->records[at].name, offset);
		if (!session->modules[at].code)
			return false;
		/* A return address may lie behind the function whose call it follows. */
		row = spork_code_unwind(
			session->modules[at].code, chain->count == 1 ? offset : offset - 1);
		if (!row ||
			(row->cfa_register != REGISTER_RSP && row->cfa_register != REGISTER_RBP))
			break;
		cfa = (row->cfa_register == REGISTER_RSP ? rsp : rbp) +
		      (uint64_t)(int64_t)row->cfa_offset;
		chain->frames[chain->count - 1] = cfa;
		kept->rbp_matters |= row->cfa_register == REGISTER_RBP;
		if (cfa <= rsp || !load_kept(window, kept, cfa - 8, &pc) || pc == 0)
			break;
		if (row->rbp_offset &&
			!load_kept(window, kept, cfa + (uint64_t)(int64_t)row->rbp_offset, &rbp))
			break;
		rsp = cfa;
	}
	return true;
}

SPORK_FAST static bool is_same(struct window *window, const struct session_chain *kept)
{
	for (uint32_t i = 0; i < kept->count; i++) {
		uint64_t value;

		if (!load(window, kept->addresses[i], &value) || value != kept->values[i])
			return false;
	}
	return true;
}

SPORK_FAST void chain_unwind(struct session *session, const struct spork_frame *frame,
	uint64_t resume, struct spork_chain *chain)
{
	uint64_t rsp = frame->gpr[SPORK_RSP], rbp = frame->gpr[SPORK_RBP];
	struct session_chain *kept = &session->chains[(rsp >> 4 ^ resume) % SESSION_CHAINS];
	struct window window;
	bool whole;

	window.session = session;
	window.start = window.end = 0;
	if (kept->resume == resume && kept->rsp == rsp &&
		(kept->rbp == rbp || !kept->rbp_matters) && is_same(&window, kept)) {
		*chain = kept->chain;
		return;
	}
	kept->resume = resume;
	kept->rsp = rsp;
	kept->rbp = rbp;
	kept->count = 0;
	kept->rbp_matters = false;
	whole = unwind(&window, session, kept);
	if (kept->chain.key[0] == 0)
		kept->chain.key[0] = 1;
	*chain = kept->chain;
	if (!whole || kept->count > SESSION_CHAIN_WORDS)
		kept->resume = 0;
}
