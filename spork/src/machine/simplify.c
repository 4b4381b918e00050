/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Recipes without useless flags: most additions set flags that the next comparison overwrites. Walks backwards from
 * reader to writer; guards and system calls count as readers, because control may leave the recipe there.
 */
#include "machine/recipe.h"

/* What a step does to the status flags. */
enum flag_use {
	FLAGS_UNTOUCHED,
	FLAGS_READ,   /* or written in part, or unknown */
	FLAGS_WRITTEN /* all of them */
};

static bool within(unsigned op, unsigned first, unsigned last)
{
	return op >= first && op <= last;
}

/* The position of an operation in its group of five forms and four widths. */
static unsigned form_of(unsigned op)
{
	return (op - spork_op_add_rr_8) % 20 / 4;
}

static enum flag_use flag_use(unsigned op)
{
	if (within(op, spork_op_mov_rr_8, spork_op_mov_mi_64) ||
		within(op, spork_op_not_r_8, spork_op_not_m_64) ||
		within(op, spork_op_movzx8_r, spork_op_leave) ||
		within(op, spork_op_cwde, spork_op_cqo) ||
		within(op, spork_op_movs, spork_op_lods) || op == spork_op_stub ||
		op == spork_op_vzeroupper || op == spork_op_recipe_call)
		return FLAGS_UNTOUCHED;
	if (within(op, spork_op_adc_rr_8, spork_op_sbb_mi_64))
		return FLAGS_READ;
	if (within(op, spork_op_add_rr_8, spork_op_test_mi_64) ||
		within(op, spork_op_neg_r_8, spork_op_neg_m_64) ||
		within(op, spork_op_imul_rr_32, spork_op_imul_rmi_64))
		return FLAGS_WRITTEN;
	return FLAGS_READ;
}

/* The number of bits, for operations of a group with widths. */
static unsigned width_of(unsigned op)
{
	return 8u << (op - spork_op_add_rr_8) % 4;
}

/* dst = base + (index << scale) + disp, which sets no flags. */
static bool as_address(struct spork_insn *step, unsigned index, int64_t disp)
{
	unsigned width = width_of(step->op);

	if (width < 32 || disp < INT32_MIN || disp > INT32_MAX)
		return false;
	step->op = width == 64 ? spork_op_lea_64 : spork_op_lea_32;
	step->base = step->r1;
	step->index = (uint8_t)index;
	step->scale = 0;
	step->disp = (int32_t)disp;
	return true;
}

/* A writer whose flags nobody reads. False: the step is to be dropped. */
static bool simplify_dead(struct spork_insn *step)
{
	unsigned op = step->op;

	if (within(op, spork_op_cmp_rr_8, spork_op_test_mi_64))
		/* Comparisons with memory stay: the access may be what stops the child. */
		return form_of(op) == SPORK_FORM_RM || form_of(op) == SPORK_FORM_MR ||
		       form_of(op) == SPORK_FORM_MI;
	if (within(op, spork_op_add_ri_8, spork_op_add_ri_64))
		(void)as_address(step, SPORK_REG_ZERO, step->imm);
	else if (within(op, spork_op_sub_ri_8, spork_op_sub_ri_64))
		(void)as_address(step, SPORK_REG_ZERO, -step->imm);
	else if (within(op, spork_op_add_rr_8, spork_op_add_rr_64))
		(void)as_address(step, step->r2, 0);
	else if (within(op, spork_op_xor_rr_32, spork_op_xor_rr_64) && step->r1 == step->r2) {
		step->op = spork_op_mov_ri_64;
		step->imm = 0;
	}
	return true;
}

size_t recipe_simplify(struct spork_insn *steps, size_t count)
{
	bool live = true;
	size_t left = 0;

	/* Steps to be dropped are marked by an operation that no recipe holds. */
	for (size_t n = count; n > 0; n--) {
		struct spork_insn *step = &steps[n - 1];
		enum flag_use use = flag_use(step->op);

		if (use == FLAGS_WRITTEN && !live && !simplify_dead(step))
			step->op = spork_op_nop;
		else if (use == FLAGS_READ)
			live = true;
		else if (use == FLAGS_WRITTEN)
			live = false;
	}
	for (size_t n = 0; n < count; n++)
		if (steps[n].op != spork_op_nop)
			steps[left++] = steps[n];
	return left;
}
