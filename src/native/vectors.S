// The first instructions after an exception or an interrupt.
//
// The processor switches to a stack of its own for each (IST, SDM §6.14.5), so
// the interrupted code's red zone is safe. idt.cc finds the stubs by their
// distance: kStubSize bytes each.

#define STUB_SIZE 16

  .section .text.vectors, "ax"

// --- exceptions ------------------------------------------------------------------
//
// Each exception stub makes the stack look the same, with a zero where the
// processor pushes no error code, and goes on in exception_common.

#define PUSHES_ERROR_CODE(vector)                               \
  ((vector) == 8 || ((vector) >= 10 && (vector) <= 14) ||       \
   (vector) == 17 || (vector) == 21 || (vector) == 29 || (vector) == 30)

  .balign STUB_SIZE
  .globl exception_stubs
exception_stubs:
.set vector, 0
.rept 32
  .balign STUB_SIZE
  .if !PUSHES_ERROR_CODE(vector)
  pushq $0
  .endif
  pushq $vector
  jmp exception_common
  .set vector, vector + 1
.endr

// Entered with the vector, the error code and the interrupted %rip, %cs,
// %rflags, %rsp, %ss on an exception stack whose top is 16-byte aligned. Calls
// EbbrtException(ExceptionFrame*), which ends the node or gives the place where
// the frame is to be: where it is, when all is done; for what takes longer (a page
// fault that may be resolved, a report of a stall) a place on the interrupted
// stack, since the handler may fault and block in turn. The frame is moved there
// and EbbrtExceptionOnStack(ExceptionFrame*) called, which ends the node or lets it
// go on. Both find the direction flag clear. EbbrtException leaves the vector
// registers alone; for the other they are saved. The unwinder passes through to
// the interrupted frame.
#define FRAME_SIZE 192
#define FRAME_WORDS (FRAME_SIZE / 8)

  .balign 16
  .type exception_common, @function
exception_common:
  .cfi_startproc
  .cfi_signal_frame
  .cfi_def_cfa %rsp, 56
  .cfi_offset %rip, -40
  .cfi_offset %rsp, -16
.macro SAVE register
  pushq \register
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset \register, 0
.endm
.macro RESTORE register
  popq \register
  .cfi_adjust_cfa_offset -8
  .cfi_restore \register
.endm
  SAVE %rax
  SAVE %rbx
  SAVE %rcx
  SAVE %rdx
  SAVE %rsi
  SAVE %rdi
  SAVE %rbp
  SAVE %r8
  SAVE %r9
  SAVE %r10
  SAVE %r11
  SAVE %r12
  SAVE %r13
  SAVE %r14
  SAVE %r15
  movq %cr2, %rax
  pushq %rax
  pushq %rax
  .cfi_adjust_cfa_offset 16
  cld
  movq %rsp, %rdi
  call EbbrtException
  cmpq %rsp, %rax
  je 2f

  movq %rsp, %rsi
  movq %rax, %rdi
  movl $FRAME_WORDS, %ecx
  rep movsq
  movq %rax, %rsp
  movq %rsp, %rbx
  .cfi_def_cfa_register %rbx
  subq vector_state_size(%rip), %rsp
  andq $-64, %rsp
  movq %rbx, %rdi
  cmpb $0, vector_state_extended(%rip)
  je 1f
  // The header that XRSTOR checks, of which XSAVE writes one word (SDM volume 1,
  // section 13.4.2).
  .set word, 512
  .rept 8
  movq $0, word(%rsp)
  .set word, word + 8
  .endr
  movl $-1, %eax
  movl $-1, %edx
  xsave64 (%rsp)
  call EbbrtExceptionOnStack
  movl $-1, %eax
  movl $-1, %edx
  xrstor64 (%rsp)
  movq %rbx, %rsp
  jmp 2f
1:
  fxsave64 (%rsp)
  call EbbrtExceptionOnStack
  fxrstor64 (%rsp)
  movq %rbx, %rsp
2:
  .cfi_def_cfa %rsp, FRAME_SIZE
  addq $16, %rsp
  .cfi_adjust_cfa_offset -16
  RESTORE %r15
  RESTORE %r14
  RESTORE %r13
  RESTORE %r12
  RESTORE %r11
  RESTORE %r10
  RESTORE %r9
  RESTORE %r8
  RESTORE %rbp
  RESTORE %rdi
  RESTORE %rsi
  RESTORE %rdx
  RESTORE %rcx
  RESTORE %rbx
  RESTORE %rax
  addq $16, %rsp
  .cfi_adjust_cfa_offset -16
  iretq
  .cfi_endproc
  .size exception_common, . - exception_common

// --- interrupts --------------------------------------------------------------------
//
// An interrupt can come only in the event loop's window. Its stub notes the
// vector in this core's pending_vectors and returns; interrupt.cc acknowledges it
// and runs its handler after the window. No register is touched (iretq brings
// the flags back).

  .balign STUB_SIZE
  .globl interrupt_stubs
interrupt_stubs:
.rept 224
  .balign STUB_SIZE
  btsl $(vector & 31), pending_vectors + (vector >> 5) * 4(%rip)
  iretq
  .set vector, vector + 1
.endr

  .section .note.GNU-stack, "", @progbits
