/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cfi.h"

#include <limits.h>
#include <string.h>

#define REMEMBERED_MAX 16
#define RBP 6
#define RSP 7
#define RETURN_ADDRESS 16
#define PLT_ENTRY_BYTES 16
#define PLT_PUSHED_AT 11 /* from there on the entry has pushed the relocation's index */

uint64_t cfi_read_fixed(struct cfi_cursor *at, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(at->end - at->next) < size) {
		at->failed = true;
		return 0;
	}
	memcpy(&value, at->next, size);
	at->next += size;
	return value;
}

uint64_t cfi_read_uleb(struct cfi_cursor *at)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint64_t byte = cfi_read_fixed(at, 1);

		if (at->failed)
			return 0;
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return value;
	}
}

int64_t cfi_read_sleb(struct cfi_cursor *at)
{
	uint64_t value = 0;

	for (unsigned shift = 0;; shift += 7) {
		uint64_t byte = cfi_read_fixed(at, 1);

		if (at->failed)
			return 0;
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		if ((byte & 0x40) && shift + 7 < 64)
			value |= UINT64_MAX << (shift + 7);
		return (int64_t)value;
	}
}

void cfi_skip(struct cfi_cursor *at, uint64_t size)
{
	if (size > (uint64_t)(at->end - at->next)) {
		at->failed = true;
		at->next = at->end;
		return;
	}
	at->next += size;
}

uint64_t cfi_read_pointer(struct cfi_cursor *at, uint8_t encoding)
{
	uint64_t address = at->address + (uint64_t)(at->next - at->start);
	uint64_t value = 0;

	switch (encoding & 0x0f) {
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		value = cfi_read_fixed(at, 8);
		break;
	case DW_EH_PE_udata2:
		value = cfi_read_fixed(at, 2);
		break;
	case DW_EH_PE_udata4:
		value = cfi_read_fixed(at, 4);
		break;
	case DW_EH_PE_sdata2:
		value = (uint64_t)(int64_t)(int16_t)cfi_read_fixed(at, 2);
		break;
	case DW_EH_PE_sdata4:
		value = (uint64_t)(int64_t)(int32_t)cfi_read_fixed(at, 4);
		break;
	case DW_EH_PE_uleb128:
		value = cfi_read_uleb(at);
		break;
	case DW_EH_PE_sleb128:
		value = (uint64_t)cfi_read_sleb(at);
		break;
	default:
		at->failed = true;
	}
	switch (encoding & 0xf0) {
	case DW_EH_PE_absptr:
		break;
	case DW_EH_PE_pcrel:
		value += address;
		break;
	case DW_EH_PE_datarel:
		value += at->header_address;
		break;
	default: /* indirect, aligned, relative to text or function: not written for x86-64 code */
		at->failed = true;
	}
	return value;
}

/* Call-frame instructions, DWARF 5 table 7.29; the first three carry an operand in their low six bits. */
enum {
	DW_CFA_advance_loc = 0x40,
	DW_CFA_offset = 0x80,
	DW_CFA_restore = 0xc0,
	DW_CFA_nop = 0x00,
	DW_CFA_advance_loc1 = 0x02,
	DW_CFA_advance_loc2 = 0x03,
	DW_CFA_advance_loc4 = 0x04,
	DW_CFA_offset_extended = 0x05,
	DW_CFA_restore_extended = 0x06,
	DW_CFA_undefined = 0x07,
	DW_CFA_same_value = 0x08,
	DW_CFA_register = 0x09,
	DW_CFA_remember_state = 0x0a,
	DW_CFA_restore_state = 0x0b,
	DW_CFA_def_cfa = 0x0c,
	DW_CFA_def_cfa_register = 0x0d,
	DW_CFA_def_cfa_offset = 0x0e,
	DW_CFA_def_cfa_expression = 0x0f,
	DW_CFA_expression = 0x10,
	DW_CFA_offset_extended_sf = 0x11,
	DW_CFA_def_cfa_sf = 0x12,
	DW_CFA_def_cfa_offset_sf = 0x13,
	DW_CFA_val_offset = 0x14,
	DW_CFA_val_offset_sf = 0x15,
	DW_CFA_val_expression = 0x16,
	DW_CFA_GNU_args_size = 0x2e
};

/* The operations of the PLT's expression, DWARF 5 table 7.9. */
enum {
	DW_OP_and = 0x1a,
	DW_OP_plus = 0x22,
	DW_OP_shl = 0x24,
	DW_OP_ge = 0x2a,
	DW_OP_lit3 = 0x33,
	DW_OP_lit11 = 0x3b,
	DW_OP_lit15 = 0x3f,
	DW_OP_breg7 = 0x77,
	DW_OP_breg16 = 0x80
};

/* One function's run. */
struct run {
	const struct cfi_cie *cie;
	struct cfi_cursor at;
	struct cfi_state state;
	struct cfi_state remembered[REMEMBERED_MAX];
	int remembered_count;
	uint64_t address, end;
	int (*add)(void *data, uint64_t address, const struct cfi_state *state);
	void *data;
};

bool cfi_state_unwinds(const struct cfi_state *state)
{
	return (state->cfa_register == RSP || state->cfa_register == RBP) && !state->is_plt &&
	       !state->rbp_lost && !state->return_lost && state->cfa_offset >= INT_MIN &&
	       state->cfa_offset <= INT_MAX && state->rbp_offset >= INT_MIN &&
	       state->rbp_offset <= INT_MAX;
}

/* Rows of a PLT: every entry has 8 bytes on the stack up to its push, 16 after it. */
static int emit_plt(const struct run *run, uint64_t from, uint64_t to)
{
	struct cfi_state state = run->state;
	int err = 0;

	state.is_plt = false;
	state.cfa_register = RSP;
	for (uint64_t at = from; at < to && !err;) {
		uint64_t place = at % PLT_ENTRY_BYTES;

		state.cfa_offset = place >= PLT_PUSHED_AT ? 16 : 8;
		err = run->add(run->data, at, &state);
		at += place >= PLT_PUSHED_AT ? PLT_ENTRY_BYTES - place : PLT_PUSHED_AT - place;
	}
	return err;
}

/* The row from the current address up to @next. */
static int emit(const struct run *run, uint64_t next)
{
	if (!run->add || next <= run->address)
		return 0;
	if (run->state.is_plt)
		return emit_plt(run, run->address, next);
	return run->add(run->data, run->address, &run->state);
}

static int advance(struct run *run, uint64_t delta)
{
	uint64_t left = run->end - run->address;
	uint64_t next;
	int err;

	if (run->cie->code_factor && delta > left / run->cie->code_factor) {
		run->at.failed = true;
		return 0;
	}
	next = run->address + delta * run->cie->code_factor;
	err = emit(run, next);
	run->address = next;
	return err;
}

static int64_t factored(const struct run *run, uint64_t offset)
{
	return (int64_t)(offset * (uint64_t)run->cie->data_factor);
}

static void save_register(struct run *run, uint64_t number, int64_t offset)
{
	if (number == RBP) {
		run->state.rbp_offset = offset;
		run->state.rbp_lost = offset == 0;
	} else if (number == RETURN_ADDRESS) {
		run->state.return_lost = offset != -8;
	}
}

static void lose_register(struct run *run, uint64_t number)
{
	if (number == RBP)
		run->state.rbp_lost = true;
	else if (number == RETURN_ADDRESS)
		run->state.return_lost = true;
}

static void restore_register(struct run *run, uint64_t number)
{
	if (number == RBP) {
		run->state.rbp_offset = run->cie->initial.rbp_offset;
		run->state.rbp_lost = run->cie->initial.rbp_lost;
	} else if (number == RETURN_ADDRESS) {
		run->state.return_lost = run->cie->initial.return_lost;
	}
}

static void set_cfa(struct run *run, uint64_t number, int64_t offset)
{
	run->state.cfa_register = number < CFI_UNKNOWN ? (uint8_t)number : CFI_UNKNOWN;
	run->state.cfa_offset = offset;
	run->state.is_plt = false;
}

static void read_expression(struct run *run)
{
	/* CFA = rsp + 8 + ((rip & 15) >= 11 ? 8 : 0) */
	static const uint8_t plt[] = {DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and,
		DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	uint64_t length = cfi_read_uleb(&run->at);
	const uint8_t *bytes = run->at.next;

	cfi_skip(&run->at, length);
	set_cfa(run, CFI_UNKNOWN, 0);
	run->state.is_plt =
		!run->at.failed && length == sizeof(plt) && memcmp(bytes, plt, sizeof(plt)) == 0;
}

static void remember(struct run *run)
{
	if (run->remembered_count == REMEMBERED_MAX)
		run->at.failed = true;
	else
		run->remembered[run->remembered_count++] = run->state;
}

static void recall(struct run *run)
{
	if (run->remembered_count == 0)
		run->at.failed = true;
	else
		run->state = run->remembered[--run->remembered_count];
}

/* Instructions that define the CFA. False: @op is none of them. */
static bool step_cfa(struct run *run, uint8_t op)
{
	struct cfi_cursor *at = &run->at;
	uint64_t number;

	switch (op) {
	case DW_CFA_def_cfa:
		number = cfi_read_uleb(at);
		set_cfa(run, number, (int64_t)cfi_read_uleb(at));
		return true;
	case DW_CFA_def_cfa_sf:
		number = cfi_read_uleb(at);
		set_cfa(run, number, factored(run, (uint64_t)cfi_read_sleb(at)));
		return true;
	case DW_CFA_def_cfa_register:
		set_cfa(run, cfi_read_uleb(at), run->state.cfa_offset);
		return true;
	case DW_CFA_def_cfa_offset:
		run->state.cfa_offset = (int64_t)cfi_read_uleb(at);
		return true;
	case DW_CFA_def_cfa_offset_sf:
		run->state.cfa_offset = factored(run, (uint64_t)cfi_read_sleb(at));
		return true;
	case DW_CFA_def_cfa_expression:
		read_expression(run);
		return true;
	default:
		return false;
	}
}

/* Instructions that say where a register is. False: @op is none of them. */
static bool step_register(struct run *run, uint8_t op)
{
	struct cfi_cursor *at = &run->at;
	uint64_t number;

	switch (op) {
	case DW_CFA_offset_extended:
		number = cfi_read_uleb(at);
		save_register(run, number, factored(run, cfi_read_uleb(at)));
		return true;
	case DW_CFA_offset_extended_sf:
		number = cfi_read_uleb(at);
		save_register(run, number, factored(run, (uint64_t)cfi_read_sleb(at)));
		return true;
	case DW_CFA_restore_extended:
		restore_register(run, cfi_read_uleb(at));
		return true;
	case DW_CFA_undefined:
		lose_register(run, cfi_read_uleb(at));
		return true;
	case DW_CFA_same_value:
		number = cfi_read_uleb(at);
		if (number == RBP) {
			run->state.rbp_offset = 0;
			run->state.rbp_lost = false;
		}
		return true;
	case DW_CFA_register:
	case DW_CFA_val_offset:
	case DW_CFA_val_offset_sf:
		lose_register(run, cfi_read_uleb(at));
		(void)cfi_read_uleb(at);
		return true;
	case DW_CFA_expression:
	case DW_CFA_val_expression:
		lose_register(run, cfi_read_uleb(at));
		cfi_skip(at, cfi_read_uleb(at));
		return true;
	default:
		return false;
	}
}

static int step(struct run *run)
{
	struct cfi_cursor *at = &run->at;
	uint8_t op = (uint8_t)cfi_read_fixed(at, 1);

	switch (op & 0xc0) {
	case DW_CFA_advance_loc:
		return advance(run, op & 0x3f);
	case DW_CFA_offset:
		save_register(run, op & 0x3f, factored(run, cfi_read_uleb(at)));
		return 0;
	case DW_CFA_restore:
		restore_register(run, op & 0x3f);
		return 0;
	default:
		break;
	}
	switch (op) {
	case DW_CFA_nop:
		return 0;
	case DW_CFA_advance_loc1:
		return advance(run, cfi_read_fixed(at, 1));
	case DW_CFA_advance_loc2:
		return advance(run, cfi_read_fixed(at, 2));
	case DW_CFA_advance_loc4:
		return advance(run, cfi_read_fixed(at, 4));
	case DW_CFA_remember_state:
		remember(run);
		return 0;
	case DW_CFA_restore_state:
		recall(run);
		return 0;
	case DW_CFA_GNU_args_size:
		(void)cfi_read_uleb(at);
		return 0;
	default:
		if (!step_cfa(run, op) && !step_register(run, op))
			at->failed = true;
		return 0;
	}
}

/* Runs all instructions. Returns what the receiver of rows returned. */
static int run_code(struct run *run, struct cfi_code code)
{
	int err = 0;

	run->at = (struct cfi_cursor){code.bytes, code.bytes, code.bytes + code.size, 0, 0, false};
	while (run->at.next < run->at.end && !run->at.failed && !err)
		err = step(run);
	if (run->at.failed)
		run->state = (struct cfi_state){.cfa_register = CFI_UNKNOWN};
	return err;
}

void cfi_read_cie(struct cfi_cursor *at, struct cfi_cie *ret)
{
	struct cfi_cie cie = {.encoding = DW_EH_PE_absptr, .understood = true};
	struct run run = {.cie = &cie, .end = UINT64_MAX};
	uint8_t version = (uint8_t)cfi_read_fixed(at, 1);
	const char *letters = (const char *)at->next;
	size_t length = strnlen(letters, (size_t)(at->end - at->next));
	uint64_t return_register, data_bytes = 0;
	bool is_signal = false;

	cfi_skip(at, length + 1);
	cie.code_factor = cfi_read_uleb(at);
	cie.data_factor = cfi_read_sleb(at);
	return_register = version == 1 ? cfi_read_fixed(at, 1) : cfi_read_uleb(at);
	cie.augmented = length > 0 && letters[0] == 'z';
	if (cie.augmented)
		data_bytes = cfi_read_uleb(at);
	if (at->failed || data_bytes > (uint64_t)(at->end - at->next)) {
		*ret = (struct cfi_cie){0};
		return;
	}
	run.at = *at;
	run.at.end = at->next + data_bytes;
	for (size_t i = 1; cie.augmented && i < length && cie.understood; i++) {
		if (letters[i] == 'R') {
			cie.encoding = (uint8_t)cfi_read_fixed(&run.at, 1);
		} else if (letters[i] == 'P') {
			uint8_t encoding = (uint8_t)cfi_read_fixed(&run.at, 1);

			/* The personality routine may be given indirectly; only its size matters. */
			(void)cfi_read_pointer(&run.at, encoding & 0x0f);
		} else if (letters[i] == 'L') {
			(void)cfi_read_fixed(&run.at, 1);
		} else {
			is_signal |= letters[i] == 'S';
			cie.understood = letters[i] == 'S' || letters[i] == 'B';
		}
	}
	cie.understood = cie.understood && !run.at.failed && (version == 1 || version == 3) &&
			 return_register == RETURN_ADDRESS && (cie.augmented || length == 0);
	run.state.cfa_register = CFI_UNKNOWN;
	(void)run_code(&run, (struct cfi_code){at->next + data_bytes,
				     (size_t)(at->end - at->next) - (size_t)data_bytes});
	cie.initial = run.state;
	cie.initial.return_lost |= is_signal;
	*ret = cie;
}

int cfi_run(const struct cfi_cie *cie, struct cfi_code code, uint64_t start, uint64_t end,
	int (*add)(void *data, uint64_t address, const struct cfi_state *state), void *data)
{
	struct run run = {.cie = cie,
		.state = cie->initial,
		.address = start,
		.end = end,
		.add = add,
		.data = data};
	int err = run_code(&run, code);

	return err ? err : emit(&run, end);
}
