/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The operations of decoded code, one handler of the interpreter each.
 *
 * Suffixes: forms rr (register, register), ri (register, immediate), rm (register, memory), mr, mi; r and m for one
 * operand; 8 to 64 the width in bits. The order of forms and widths within a group is arithmetic of the translator.
 */
#ifndef SPORK_OPS_H
#define SPORK_OPS_H

/* clang-format off */
#define SPORK_OPS_WIDTHS(X, name) X(name##_8) X(name##_16) X(name##_32) X(name##_64)
#define SPORK_OPS_BINARY(X, name) \
	SPORK_OPS_WIDTHS(X, name##_rr) SPORK_OPS_WIDTHS(X, name##_ri) \
	SPORK_OPS_WIDTHS(X, name##_rm) SPORK_OPS_WIDTHS(X, name##_mr) SPORK_OPS_WIDTHS(X, name##_mi)
#define SPORK_OPS_UNARY(X, name) \
	SPORK_OPS_WIDTHS(X, name##_r) SPORK_OPS_WIDTHS(X, name##_m)
#define SPORK_OPS_LARGE(X, name) X(name##_32) X(name##_64)

#define SPORK_OPS_ARITHMETIC(X) \
	SPORK_OPS_BINARY(X, add) SPORK_OPS_BINARY(X, or) SPORK_OPS_BINARY(X, adc) \
	SPORK_OPS_BINARY(X, sbb) SPORK_OPS_BINARY(X, and) SPORK_OPS_BINARY(X, sub) \
	SPORK_OPS_BINARY(X, xor) SPORK_OPS_BINARY(X, cmp) SPORK_OPS_BINARY(X, test) \
	SPORK_OPS_BINARY(X, mov) \
	SPORK_OPS_UNARY(X, inc) SPORK_OPS_UNARY(X, dec) SPORK_OPS_UNARY(X, neg) \
	SPORK_OPS_UNARY(X, not) \
	SPORK_OPS_UNARY(X, shl) SPORK_OPS_UNARY(X, shr) SPORK_OPS_UNARY(X, sar) \
	SPORK_OPS_UNARY(X, rol) SPORK_OPS_UNARY(X, ror) \
	SPORK_OPS_LARGE(X, imul_rr) SPORK_OPS_LARGE(X, imul_rm) \
	SPORK_OPS_LARGE(X, imul_rri) SPORK_OPS_LARGE(X, imul_rmi) \
	X(div_r) X(div_m) X(idiv_r) X(idiv_m) \
	SPORK_OPS_LARGE(X, bt_rr) SPORK_OPS_LARGE(X, bt_ri) X(bit_mr)

#define SPORK_OPS_MOVES(X) \
	X(movzx8_r) X(movzx16_r) X(movzx8_m) X(movzx16_m) \
	SPORK_OPS_LARGE(X, movsx8_r) SPORK_OPS_LARGE(X, movsx16_r) \
	SPORK_OPS_LARGE(X, movsx8_m) SPORK_OPS_LARGE(X, movsx16_m) X(movsx32_r) X(movsx32_m) \
	SPORK_OPS_LARGE(X, lea) SPORK_OPS_LARGE(X, bswap) SPORK_OPS_LARGE(X, xchg_rr) \
	X(push_r) X(push_i) X(push_m) X(pop_r) X(pop_m) X(leave) X(pushf) X(popf) \
	X(set_r) X(set_m) SPORK_OPS_LARGE(X, cmov_rr) SPORK_OPS_LARGE(X, cmov_rm) \
	X(cwde) X(cdqe) X(cdq) X(cqo) X(cld) X(std)

#define SPORK_OPS_CONDITIONS(X, name) \
	X(name##_o) X(name##_no) X(name##_b) X(name##_nb) X(name##_z) X(name##_nz) X(name##_be) \
	X(name##_nbe) X(name##_s) X(name##_ns) X(name##_p) X(name##_np) X(name##_l) X(name##_nl) \
	X(name##_le) X(name##_nle)

#define SPORK_OPS_BRANCHES(X) \
	X(no_code) X(fall) X(unsupported) X(trap) X(nop) X(syscall) \
	X(call) X(call_r) X(call_m) X(jmp) X(jmp_r) X(jmp_m) X(ret) X(jrcxz) \
	SPORK_OPS_CONDITIONS(X, j)

#define SPORK_OPS_STRINGS(X) X(movs) X(stos) X(lods) X(scas) X(cmps)

#define SPORK_OPS_STATE(X) \
	X(stub) X(stub_flags) X(stub_x87) X(vzeroupper) X(vzeroall) \
	X(xsave) X(xsavec) X(xrstor) X(fxsave) X(fxrstor) X(ldmxcsr) X(xgetbv)

/* Only in recipes: what is left of branches in straight-line code. */
#define SPORK_OPS_RECIPE(X) \
	X(recipe_end) X(recipe_call) X(recipe_call_r) X(recipe_call_m) X(recipe_jmp_r) \
	X(recipe_jmp_m) X(recipe_ret) X(recipe_jrcxz) X(recipe_jrcxnz) \
	SPORK_OPS_CONDITIONS(X, recipe_guard)

#define SPORK_OPS(X) \
	SPORK_OPS_BRANCHES(X) SPORK_OPS_ARITHMETIC(X) SPORK_OPS_MOVES(X) SPORK_OPS_STRINGS(X) \
	SPORK_OPS_STATE(X) SPORK_OPS_RECIPE(X)
/* clang-format on */

#define SPORK_OP_NAME(name) spork_op_##name,
enum spork_op { SPORK_OPS(SPORK_OP_NAME) SPORK_OP_COUNT };

/* Positions of the forms of a binary group, in steps of four widths. */
enum { SPORK_FORM_RR, SPORK_FORM_RI, SPORK_FORM_RM, SPORK_FORM_MR, SPORK_FORM_MI };

#endif
