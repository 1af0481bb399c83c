// The page that a start-up IPI sends a secondary core to.
//
// smp.cc copies [trampoline_begin, trampoline_end) to a page below 1 MiB; its
// address is the IPI's vector (SDM §8.4.3). Real mode, %cs = page >> 4, %ip = 0,
// interrupts off, nothing else known. It enters 32-bit protected mode with flat
// segments and jumps to SecondaryEntry32 in the image. It is copied, so it names
// its own data relative to %cs and has no stack.

  .section .rodata.trampoline, "a"
  .globl trampoline_begin, trampoline_end

#define OFFSET(label) ((label) - trampoline_begin)

  .code16
  .balign 16
trampoline_begin:
  cli
  cld
  movw %cs, %ax
  movw %ax, %ds
  xorl %ebx, %ebx
  movw %ax, %bx
  shll $4, %ebx
  leal OFFSET(trampoline_gdt)(%ebx), %eax
  movl %eax, OFFSET(trampoline_gdt_pointer) + 2
  lgdtl OFFSET(trampoline_gdt_pointer)
  movl %cr0, %eax
  orb $1, %al
  andl $0x9FFFFFFF, %eax  // INIT may leave the caches off: CD, NW
  movl %eax, %cr0
  movw $0x10, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  ljmpl $0x08, $SecondaryEntry32

  .balign 8
trampoline_gdt:
  .quad 0
  .quad 0x00CF9B000000FFFF  // 0x08: 32-bit code, flat
  .quad 0x00CF93000000FFFF  // 0x10: data, flat
trampoline_gdt_pointer:
  .word 23
  .long 0
trampoline_end:

  .section .note.GNU-stack, "", @progbits
