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
// EbbrtException(ExceptionFrame*), which does not return: every exception ends
// the node. The unwinder passes through here to the interrupted frame.
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
  cld
  movq %rsp, %rdi
  call EbbrtException
  ud2
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
