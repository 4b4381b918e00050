/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where libc's patched system calls arrive. A jump, not a call, leads here: the code around a system call may use the red
 * zone below the stack pointer. Everything but rax, rcx and r11, which a system call clobbers too, is given back unchanged.
 */
	.intel_syntax noprefix
	.section .text.hot, "ax", @progbits

#define RED_ZONE 128
#define FRAME_BYTES (18 * 8)
#define NR_CLONE 56
#define NR_FORK 57
#define SIGCHLD_NUMBER 17

	/* From here on system calls of the shared executor's child are caught. */
	.section .fini, "ax", @progbits
	.globl spork_trapped
	.hidden spork_trapped
spork_trapped:
	.section .text.hot, "ax", @progbits

#define NR_EXECVE 59
#define NR_EXECVEAT 322
#define NR_MADVISE 28
#define NR_MPROTECT 10
#define NR_RT_SIGACTION 13

/*
 * The child of the shared executor must not get past its own system call layer: here its calls are made from code that
 * is not exempt from being caught. jrcxz leaves the flags alone.
 */
	.macro TRAPPED nr, resume
	movzx ecx, byte ptr [rip + spork_shared_runs]
	jrcxz 9f
	jmp 8f
	.pushsection .fini, "ax", @progbits
8:	mov eax, \nr
	syscall
	jmp [rip + \resume]
	.popsection
9:
	.endm

	/* The same with the number in eax. */
	.macro TRAPPED_ANY resume
	movzx ecx, byte ptr [rip + spork_shared_runs]
	jrcxz 9f
	jmp 8f
	.pushsection .fini, "ax", @progbits
8:	syscall
	jmp [rip + \resume]
	.popsection
9:
	.endm

	.macro SAVE_FRAME resume
	lea rsp, [rsp - RED_ZONE]
	push [rip + \resume]
	pushfq
	push r15
	push r14
	push r13
	push r12
	push r11
	push r10
	push r9
	push r8
	push rdi
	push rsi
	push rbp
	/* The stack pointer as it was: behind what has been pushed so far, and the red zone. */
	lea rbp, [rsp + FRAME_BYTES - 5 * 8 + RED_ZONE]
	push rbp
	mov rbp, [rsp + 8]
	push rbx
	push rdx
	push rcx
	push rax
	mov rbx, rsp
	cld
	.endm

	.macro RESTORE_FRAME
	mov rsp, rbx
	add rsp, 8
	pop rcx
	pop rdx
	pop rbx
	add rsp, 8
	pop rbp
	pop rsi
	pop rdi
	pop r8
	pop r9
	pop r10
	pop r11
	pop r12
	pop r13
	pop r14
	pop r15
	popfq
	lea rsp, [rsp + RED_ZONE + 8]
	.endm

/*
 * clone of _Fork. spork_fork_enter() returns the top of the runtime's own stack, or 0 to fork really; spork_fork_attempt()
 * returns the child's process id, or 0 to fork really. spork_fork_leave() lets signals in, back on the program's stack.
 */
	.macro FORK_ENTRY name, resume
	.globl \name
	.hidden \name
	.type \name, @function
\name:
	TRAPPED NR_CLONE, \resume
	SAVE_FRAME \resume
	mov rdi, rbx
	and rsp, -16
	call spork_fork_enter
	test rax, rax
	jz 1f
	mov rsp, rax
	mov rdi, rbx
	call spork_fork_attempt
	mov r12, rax
	mov rsp, rbx
	and rsp, -16
	call spork_fork_leave
	mov rax, r12
	test rax, rax
	jz 1f
	RESTORE_FRAME
	jmp [rip + \resume]
1:	RESTORE_FRAME
	mov eax, NR_CLONE
	syscall
	jmp [rip + \resume]
	.size \name, . - \name
	.endm

	FORK_ENTRY spork_entry_fork, spork_resume_fork
	FORK_ENTRY entry_raw_fork, spork_resume_syscall

/* syscall(2), whose last instructions before the system call are made here. Only where raw forks are to be caught. */
	.globl spork_entry_syscall
	.hidden spork_entry_syscall
	.type spork_entry_syscall, @function
spork_entry_syscall:
	mov r9, [rsp + 8]
	cmp rax, NR_CLONE
	je entry_raw_fork
	cmp rax, NR_FORK
	je 1f
	TRAPPED_ANY spork_resume_syscall
	syscall
	jmp [rip + spork_resume_syscall]
1:	mov edi, SIGCHLD_NUMBER
	xor esi, esi
	xor edx, edx
	xor r10d, r10d
	xor r8d, r8d
	jmp entry_raw_fork
	.size spork_entry_syscall, . - spork_entry_syscall

/* int64_t spork_call_on(uint64_t stack_top, int64_t (*function)(const void *), const void *argument) */
	.globl spork_call_on
	.hidden spork_call_on
	.type spork_call_on, @function
spork_call_on:
	push rbx
	mov rbx, rsp
	mov rsp, rdi
	mov rdi, rdx
	call rsi
	mov rsp, rbx
	pop rbx
	ret
	.size spork_call_on, . - spork_call_on

	.macro EXEC_ENTRY name, hook, resume, nr
	.globl \name
	.hidden \name
	.type \name, @function
\name:
	TRAPPED \nr, \resume
	SAVE_FRAME \resume
	and rsp, -16
	/* The fourth argument of a system call is in r10, of a function in rcx. */
	mov rcx, r10
	call \hook
	RESTORE_FRAME
	jmp [rip + \resume]
	.size \name, . - \name
	.endm

	EXEC_ENTRY spork_entry_execve, spork_exec_hook, spork_resume_execve, NR_EXECVE
	EXEC_ENTRY spork_entry_execveat, spork_execat_hook, spork_resume_execveat, NR_EXECVEAT
	EXEC_ENTRY spork_entry_sigaction, spork_sigaction_hook, spork_resume_sigaction, NR_RT_SIGACTION
	EXEC_ENTRY spork_entry_madvise, spork_madvise_hook, spork_resume_madvise, NR_MADVISE
	EXEC_ENTRY spork_entry_mprotect, spork_mprotect_hook, spork_resume_mprotect, NR_MPROTECT
	EXEC_ENTRY spork_entry_fexecve, spork_execat_hook, spork_resume_fexecve, NR_EXECVEAT

/*
 * int64_t spork_clone_child(uint64_t flags, void *stack_top, void (*run)(void *), void *argument)
 * The child runs @run on its own stack and must not return.
 */
	.globl spork_clone_child
	.hidden spork_clone_child
	.type spork_clone_child, @function
spork_clone_child:
	mov r9, rdx
	mov r8, rcx
	xor edx, edx
	xor r10d, r10d
	mov eax, NR_CLONE
	syscall
	test rax, rax
	jz 1f
	ret
1:	xor ebp, ebp
	mov rdi, r8
	call r9
	ud2
	.size spork_clone_child, . - spork_clone_child

/* void spork_vectors_save(void *area), spork_vectors_restore(): x87, SSE, AVX and AVX-512 state, 64-byte aligned. */
	.globl spork_vectors_save
	.hidden spork_vectors_save
	.type spork_vectors_save, @function
spork_vectors_save:
	mov eax, 0xe7
	xor edx, edx
	xsave64 [rdi]
	ret
	.size spork_vectors_save, . - spork_vectors_save

	.globl spork_vectors_restore
	.hidden spork_vectors_restore
	.type spork_vectors_restore, @function
spork_vectors_restore:
	mov eax, 0xe7
	xor edx, edx
	xrstor64 [rdi]
	ret
	.size spork_vectors_restore, . - spork_vectors_restore

/* void spork_vectors_read(uint8_t (*zmm)[64], uint64_t *k, uint32_t width): copy the registers as @width bytes each. */
	.globl spork_vectors_read
	.hidden spork_vectors_read
	.type spork_vectors_read, @function
spork_vectors_read:
	cmp edx, 64
	je 3f
	cmp edx, 32
	je 2f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups [rdi + 64 * \n], xmm\n
	.endr
	ret
2:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups [rdi + 64 * \n], ymm\n
	.endr
	ret
3:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups [rdi + 64 * \n], zmm\n
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups [rdi + 64 * \n], zmm\n
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq [rsi + 8 * \n], k\n
	.endr
	ret
	.size spork_vectors_read, . - spork_vectors_read

/* void spork_vectors_write(uint8_t (*zmm)[64], const uint64_t *k, uint32_t width): the reverse. */
	.globl spork_vectors_write
	.hidden spork_vectors_write
	.type spork_vectors_write, @function
spork_vectors_write:
	cmp edx, 64
	je 3f
	cmp edx, 32
	je 2f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups xmm\n, [rdi + 64 * \n]
	.endr
	ret
2:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups ymm\n, [rdi + 64 * \n]
	.endr
	ret
3:	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovups zmm\n, [rdi + 64 * \n]
	.endr
	.irp n, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	vmovups zmm\n, [rdi + 64 * \n]
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7
	kmovq k\n, [rsi + 8 * \n]
	.endr
	ret
	.size spork_vectors_write, . - spork_vectors_write

/*
 * void spork_resume(const uint64_t gpr[16], uint64_t rflags, uint64_t rip): go on in the program with these registers. Vector
 * registers are the caller's business. The program's stack is not touched.
 */
	.globl spork_resume
	.hidden spork_resume
	.type spork_resume, @function
spork_resume:
	mov [rip + resume_target], rdx
	push rsi
	popfq
	mov rax, rdi
	mov rcx, [rax + 1 * 8]
	mov rdx, [rax + 2 * 8]
	mov rbx, [rax + 3 * 8]
	mov rsp, [rax + 4 * 8]
	mov rbp, [rax + 5 * 8]
	mov rsi, [rax + 6 * 8]
	mov rdi, [rax + 7 * 8]
	mov r8, [rax + 8 * 8]
	mov r9, [rax + 9 * 8]
	mov r10, [rax + 10 * 8]
	mov r11, [rax + 11 * 8]
	mov r12, [rax + 12 * 8]
	mov r13, [rax + 13 * 8]
	mov r14, [rax + 14 * 8]
	mov r15, [rax + 15 * 8]
	mov rax, [rax]
	jmp [rip + resume_target]
	.size spork_resume, . - spork_resume

	.globl spork_signal_return
	.hidden spork_signal_return
	.type spork_signal_return, @function
spork_signal_return:
	mov eax, 15
	syscall
	ud2
	.size spork_signal_return, . - spork_signal_return

	.bss
	.balign 8
resume_target:
	.skip 8
	.globl spork_shared_runs
	.hidden spork_shared_runs
spork_shared_runs:
	.skip 1

	.section .note.GNU-stack, "", @progbits
