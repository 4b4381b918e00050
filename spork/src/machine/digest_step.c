/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a step of a recipe reads and writes, for digests. Whole registers and words that are moved keep their origin;
 * every other use makes a guard of where the value came from.
 */
#include "machine/digest.h"
#include "machine/recipe.h"

static bool within(unsigned op, unsigned first, unsigned last)
{
	return op >= first && op <= last;
}

static void use_origin(struct digest_recorder *r, unsigned from)
{
	if (from < DIGEST_MEMORY)
		r->guards |= (uint16_t)(1u << from);
	else if (from != DIGEST_CONSTANT)
		r->words[from - DIGEST_MEMORY].guard = true;
}

/* The base of the module and that of the thread's block are compared by themselves. */
static void use_register(struct digest_recorder *r, unsigned number)
{
	if (number < 16)
		use_origin(r, r->from[number]);
	else if (number != SPORK_REG_MODULE && number != SPORK_REG_ZERO &&
		 number != SPORK_REG_FS_BASE)
		r->failed = true;
}

static void set_origin(struct digest_recorder *r, unsigned number, unsigned from)
{
	if (number < 16)
		r->from[number] = (uint16_t)from;
	else
		r->failed = true;
}

static void compute_register(struct digest_recorder *r, unsigned number)
{
	use_register(r, number);
	set_origin(r, number, DIGEST_CONSTANT);
}

static uint64_t use_address(
	struct digest_recorder *r, const struct cpu *c, const struct spork_insn *i)
{
	use_register(r, i->base);
	use_register(r, i->index);
	return address_of(c, i);
}

/* An input must be private: others could change it while it is recorded. */
static bool read_input(struct cpu *c, uint64_t address, uint64_t *ret_value)
{
	bool file;

	c->overlay->stack_pointer = c->r[SPORK_RSP];
	return overlay_kind_at(c->overlay, address, &file) != OVERLAY_SHARED &&
	       overlay_load(c->overlay, address, ret_value, 8);
}

/* The area that has written the word at @address last, NULL = none. */
static struct digest_area *area_over(struct digest_recorder *r, uint64_t address)
{
	for (size_t i = r->area_count; i > 0; i--) {
		struct digest_area *area = &r->areas[i - 1];

		if (address >= area->address && address < area->address + area->size &&
			cpu_packed_holds(address - area->address, area->size))
			return area;
	}
	return NULL;
}

static struct recorded_word *find_word(struct digest_recorder *r, uint64_t address)
{
	for (size_t i = r->count; i > 0; i--)
		if (r->words[i - 1].address == address)
			return &r->words[i - 1];
	return NULL;
}

/* Vector registers are nobody's operand: what lies under an area is only written over. */
static bool uncover(struct digest_recorder *r, struct recorded_word *word, bool input)
{
	struct digest_area *area = area_over(r, word->address);

	if (!word->covered || !area)
		return true;
	if (input)
		return false;
	word->covered = false;
	area->changed = true;
	return true;
}

/* The word at @address, new as an input, or as one whose old value does not matter. NULL = failed. */
static struct recorded_word *word_at(
	struct digest_recorder *r, struct cpu *c, uint64_t address, bool input)
{
	struct recorded_word *word = find_word(r, address);
	bool is_new = !word;

	if (is_new) {
		if (r->count == DIGEST_WORDS) {
			r->failed = true;
			return NULL;
		}
		word = &r->words[r->count];
		*word = (struct recorded_word){.address = address,
			.from = DIGEST_CONSTANT,
			.covered = area_over(r, address) != NULL};
	}
	if (!uncover(r, word, input)) {
		r->failed = true;
		return NULL;
	}
	if (!is_new)
		return word;
	if (input) {
		word->input = true;
		word->from = (uint16_t)(DIGEST_MEMORY + r->count);
		if (!read_input(c, address, &word->value)) {
			r->failed = true;
			return NULL;
		}
	}
	r->count++;
	return word;
}

static void use_memory(struct digest_recorder *r, struct cpu *c, uint64_t address, size_t size)
{
	for (uint64_t at = address & ~(uint64_t)7; at < address + size; at += 8) {
		struct recorded_word *word = word_at(r, c, at, true);

		if (!word)
			return;
		use_origin(r, word->from);
	}
}

/* What is written in part depends on what it was. */
static void compute_memory(struct digest_recorder *r, struct cpu *c, uint64_t address, size_t size)
{
	for (uint64_t at = address & ~(uint64_t)7; at < address + size; at += 8) {
		bool whole = at >= address && at + 8 <= address + size;
		struct recorded_word *word = word_at(r, c, at, !whole);

		if (!word)
			return;
		if (!whole)
			use_origin(r, word->from);
		word->from = DIGEST_CONSTANT;
		word->written = true;
	}
}

static unsigned load_origin(struct digest_recorder *r, struct cpu *c, uint64_t address)
{
	const struct recorded_word *word;

	if (address % 8) {
		use_memory(r, c, address, 8);
		return DIGEST_CONSTANT;
	}
	word = word_at(r, c, address, true);
	return word ? word->from : DIGEST_CONSTANT;
}

static void store_origin(struct digest_recorder *r, struct cpu *c, uint64_t address, unsigned from)
{
	struct recorded_word *word;

	if (address % 8) {
		use_origin(r, from);
		compute_memory(r, c, address, 8);
		return;
	}
	word = word_at(r, c, address, false);
	if (!word)
		return;
	word->from = (uint16_t)from;
	word->written = true;
}

static void push_origin(struct digest_recorder *r, struct cpu *c, unsigned from)
{
	compute_register(r, SPORK_RSP);
	store_origin(r, c, c->r[SPORK_RSP] - 8, from);
}

static void move(
	struct digest_recorder *r, struct cpu *c, const struct spork_insn *i, unsigned form)
{
	switch (form) {
	case SPORK_FORM_RR:
		if (i->r2 < 16)
			set_origin(r, i->r1, r->from[i->r2]);
		else
			r->failed = true;
		break;
	case SPORK_FORM_RI:
		set_origin(r, i->r1, DIGEST_CONSTANT);
		break;
	case SPORK_FORM_RM:
		set_origin(r, i->r1, load_origin(r, c, use_address(r, c, i)));
		break;
	case SPORK_FORM_MR:
		if (i->r2 < 16)
			store_origin(r, c, use_address(r, c, i), r->from[i->r2]);
		else
			r->failed = true;
		break;
	default:
		store_origin(r, c, use_address(r, c, i), DIGEST_CONSTANT);
		break;
	}
}

static void binary(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	unsigned n = i->op - spork_op_add_rr_8, form = n % 20 / 4, bits = 8u << n % 4;
	bool moves = i->op >= spork_op_mov_rr_8;
	bool compares = within(i->op, spork_op_cmp_rr_8, spork_op_test_mi_64);
	bool clears = form == SPORK_FORM_RR && i->r1 == i->r2 && bits >= 32 &&
		      (within(i->op, spork_op_sub_rr_8, spork_op_sub_mi_64) ||
			      within(i->op, spork_op_xor_rr_8, spork_op_xor_mi_64));
	uint64_t address;

	if (moves && bits == 64) {
		move(r, c, i, form);
		return;
	}
	if (clears) {
		set_origin(r, i->r1, DIGEST_CONSTANT);
		return;
	}
	if (form == SPORK_FORM_RR || form == SPORK_FORM_MR)
		use_register(r, i->r2);
	if (form == SPORK_FORM_MR || form == SPORK_FORM_MI) {
		address = use_address(r, c, i);
		if (!moves)
			use_memory(r, c, address, bits / 8);
		if (!compares)
			compute_memory(r, c, address, bits / 8);
		return;
	}
	if (form == SPORK_FORM_RM)
		use_memory(r, c, use_address(r, c, i), bits / 8);
	if (!moves || bits < 32)
		use_register(r, i->r1);
	if (!compares)
		set_origin(r, i->r1, DIGEST_CONSTANT);
}

static void unary(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	unsigned n = i->op - spork_op_inc_r_8, bytes = 1u << n % 4;
	uint64_t address;

	if (i->op >= spork_op_shl_r_8 && i->imm < 0)
		use_register(r, SPORK_RCX);
	if (n % 8 < 4) {
		compute_register(r, i->r1);
		return;
	}
	address = use_address(r, c, i);
	use_memory(r, c, address, bytes);
	compute_memory(r, c, address, bytes);
}

/* The size of the operand of an extension from memory, 0 = from a register. */
static size_t extended_bytes(unsigned op)
{
	if (op == spork_op_movzx8_m || within(op, spork_op_movsx8_m_32, spork_op_movsx8_m_64))
		return 1;
	if (op == spork_op_movzx16_m || within(op, spork_op_movsx16_m_32, spork_op_movsx16_m_64))
		return 2;
	return op == spork_op_movsx32_m ? 4 : 0;
}

static void extend(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	size_t bytes = extended_bytes(i->op);

	if (bytes > 0)
		use_memory(r, c, use_address(r, c, i), bytes);
	else
		use_register(r, i->r2);
	set_origin(r, i->r1, DIGEST_CONSTANT);
}

static void stub(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	size_t size = i->extra & SPORK_STUB_SIZE;
	uint32_t gpr = i->extra >> SPORK_STUB_GPR;
	uint64_t address;

	if (!(i->extra & SPORK_STUB_TOLD) || gpr >> SPORK_RSP & 1) {
		r->failed = true;
		return;
	}
	for (unsigned v = 0; v < DIGEST_VECTORS; v++)
		if ((i->r1 >> v & 1) && !((r->vectors_written | r->vector_guards) >> v & 1)) {
			memcpy(r->before->zmm[v], c->m->regs.zmm[v], 64);
			r->vector_guards |= (uint8_t)(1u << v);
		}
	r->vectors_written |= i->r2;
	if (size > 0) {
		address = use_address(r, c, i);
		if ((i->extra & SPORK_STUB_READS) || !(i->extra & SPORK_STUB_WRITES))
			use_memory(r, c, address, size);
		if (i->extra & SPORK_STUB_WRITES)
			compute_memory(r, c, address, size);
	}
	for (unsigned n = 0; n < 16; n++)
		if (gpr >> n & 1)
			compute_register(r, n);
}

/* False: none of these. */
static bool branch(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	switch (i->op) {
	case spork_op_recipe_call:
		push_origin(r, c, DIGEST_CONSTANT);
		return true;
	case spork_op_recipe_call_r:
		use_register(r, i->r1);
		push_origin(r, c, DIGEST_CONSTANT);
		return true;
	case spork_op_recipe_call_m:
		use_memory(r, c, use_address(r, c, i), 8);
		push_origin(r, c, DIGEST_CONSTANT);
		return true;
	case spork_op_recipe_jmp_r:
		use_register(r, i->r1);
		return true;
	case spork_op_recipe_jmp_m:
		use_memory(r, c, use_address(r, c, i), 8);
		return true;
	case spork_op_recipe_ret:
		compute_register(r, SPORK_RSP);
		use_memory(r, c, c->r[SPORK_RSP], 8);
		return true;
	case spork_op_recipe_jrcxz:
	case spork_op_recipe_jrcxnz:
		use_register(r, SPORK_RCX);
		return true;
	case spork_op_syscall:
		set_origin(r, SPORK_RCX, DIGEST_CONSTANT);
		set_origin(r, SPORK_R11, DIGEST_CONSTANT);
		return true;
	default:
		/* Flags are guarded at the start, and follow from guards later. */
		return within(i->op, spork_op_recipe_guard_o, spork_op_recipe_guard_nle);
	}
}

/* False: none of these. */
static bool stack(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	unsigned from;

	switch (i->op) {
	case spork_op_push_r:
		if (i->r1 >= 16) {
			r->failed = true;
			return true;
		}
		/* What is pushed is the stack pointer of before. */
		from = i->r1 == SPORK_RSP ? DIGEST_CONSTANT : r->from[i->r1];
		push_origin(r, c, from);
		return true;
	case spork_op_push_i:
		push_origin(r, c, DIGEST_CONSTANT);
		return true;
	case spork_op_push_m:
		from = load_origin(r, c, use_address(r, c, i));
		push_origin(r, c, from);
		return true;
	case spork_op_pop_r:
		compute_register(r, SPORK_RSP);
		set_origin(r, i->r1, load_origin(r, c, c->r[SPORK_RSP]));
		return true;
	case spork_op_leave:
		use_register(r, SPORK_RBP);
		set_origin(r, SPORK_RSP, DIGEST_CONSTANT);
		set_origin(r, SPORK_RBP, load_origin(r, c, c->r[SPORK_RBP]));
		return true;
	default:
		return false;
	}
}

/* The vector registers go to memory. */
static void save(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	struct digest_area area = {.address = use_address(r, c, i),
		.components = cpu_requested(c),
		.size = cpu_packed_bytes(cpu_requested(c)),
		.vectors_written = r->vectors_written};

	use_register(r, SPORK_RAX);
	use_register(r, SPORK_RDX);
	if (area.size == 0 || !cpu_packed_is_whole(area.components) ||
		r->area_count == DIGEST_AREAS) {
		r->failed = true;
		return;
	}
	for (size_t n = 0; n < r->count; n++) {
		struct recorded_word *word = &r->words[n];

		if (word->address - area.address < area.size &&
			cpu_packed_holds(word->address - area.address, area.size)) {
			word->covered = true;
			word->written = false;
		}
	}
	memcpy(area.zmm, c->m->regs.zmm, sizeof(area.zmm));
	r->areas[r->area_count++] = area;
}

/* And back, whatever was done with them since. */
static void restore(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	uint64_t address = use_address(r, c, i);
	const struct digest_area *area = r->area_count ? &r->areas[r->area_count - 1] : NULL;

	use_register(r, SPORK_RAX);
	use_register(r, SPORK_RDX);
	if (!area || area->address != address || area->components != cpu_requested(c) ||
		area->changed)
		r->failed = true;
	else
		r->vectors_written = area->vectors_written;
}

/* And divide; a divisor that raises an exception ends the stretch. */
static void multiply(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	bool is_division = i->op >= spork_op_div_r;
	bool memory = within(i->op, spork_op_imul_rm_32, spork_op_imul_rm_64) ||
		      within(i->op, spork_op_imul_rmi_32, spork_op_imul_rmi_64) ||
		      i->op == spork_op_div_m || i->op == spork_op_idiv_m;
	bool whole = i->op == spork_op_imul_rm_64 || i->op == spork_op_imul_rmi_64;

	if (memory)
		use_memory(r, c, use_address(r, c, i),
			is_division ? ((size_t)i->imm & 127) / 8
			: whole     ? 8
				    : 4);
	else if (!is_division)
		use_register(r, i->r2);
	if (is_division) {
		if (!memory)
			use_register(r, i->r1);
		compute_register(r, SPORK_RAX);
		compute_register(r, SPORK_RDX);
		return;
	}
	compute_register(r, i->r1);
}

/* bt, bts, btr, btc on memory, where only one byte is touched. */
static void bit(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	unsigned width = (unsigned)i->imm & 0xff;
	int64_t number = width == 64   ? (int64_t)c->r[i->r2]
			 : width == 32 ? (int32_t)c->r[i->r2]
				       : (int16_t)c->r[i->r2];
	uint64_t address = use_address(r, c, i) + (uint64_t)(number >> 3);

	use_register(r, i->r2);
	use_memory(r, c, address, 1);
	if (i->imm >> 8 & 3)
		compute_memory(r, c, address, 1);
}

/* False: none of these. */
static bool registers(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	unsigned op = i->op;

	if (op == spork_op_lea_32 || op == spork_op_lea_64) {
		(void)use_address(r, c, i);
		set_origin(r, i->r1, DIGEST_CONSTANT);
	} else if (op == spork_op_bswap_32 || op == spork_op_bswap_64 || op == spork_op_set_r) {
		compute_register(r, i->r1);
	} else if (op == spork_op_xchg_rr_32 || op == spork_op_xchg_rr_64) {
		compute_register(r, i->r1);
		compute_register(r, i->r2);
	} else if (within(op, spork_op_imul_rr_32, spork_op_idiv_m)) {
		multiply(r, c, i);
	} else if (op == spork_op_bit_mr) {
		bit(r, c, i);
	} else if (within(op, spork_op_cmov_rr_32, spork_op_cmov_rr_64)) {
		use_register(r, i->r2);
		compute_register(r, i->r1);
	} else if (within(op, spork_op_bt_rr_32, spork_op_bt_rr_64)) {
		use_register(r, i->r1);
		use_register(r, i->r2);
	} else if (within(op, spork_op_bt_ri_32, spork_op_bt_ri_64)) {
		use_register(r, i->r1);
	} else if (within(op, spork_op_cmov_rm_32, spork_op_cmov_rm_64)) {
		use_memory(r, c, use_address(r, c, i), op == spork_op_cmov_rm_32 ? 4 : 8);
		compute_register(r, i->r1);
	} else if (op == spork_op_set_m) {
		compute_memory(r, c, use_address(r, c, i), 1);
	} else if (op == spork_op_cwde || op == spork_op_cdqe) {
		compute_register(r, SPORK_RAX);
	} else if (op == spork_op_cdq || op == spork_op_cqo) {
		use_register(r, SPORK_RAX);
		set_origin(r, SPORK_RDX, DIGEST_CONSTANT);
	} else {
		return false;
	}
	return true;
}

void digest_step(struct digest_recorder *r, struct cpu *c, const struct spork_insn *i)
{
	if (r->failed)
		return;
	if (within(i->op, spork_op_add_rr_8, spork_op_mov_mi_64))
		binary(r, c, i);
	else if (within(i->op, spork_op_inc_r_8, spork_op_ror_m_64))
		unary(r, c, i);
	else if (within(i->op, spork_op_movzx8_r, spork_op_movsx32_m))
		extend(r, c, i);
	else if (i->op == spork_op_stub || i->op == spork_op_stub_flags)
		stub(r, c, i);
	else if (i->op == spork_op_xsavec)
		save(r, c, i);
	else if (i->op == spork_op_xrstor)
		restore(r, c, i);
	else if (!branch(r, c, i) && !stack(r, c, i) && !registers(r, c, i))
		r->failed = true;
}
