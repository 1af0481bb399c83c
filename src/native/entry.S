// Where a core of this system executes its first instructions.
//
// EntryPvh: the first core, entered by the loader as "PVH direct boot" says (the
// address is in an ELF note): 32-bit protected mode, flat segments, paging off,
// interrupts off, %ebx = physical address of the start info, no stack.
// SecondaryEntry32: the other cores, from trampoline.S, in the same state.
//
// Both turn on long mode over the boot tables, which map the first gigabyte onto
// itself, and set the registers that INIT leaves in an odd state. The contract of
// what follows is at each routine.

#define CR0_PE (1 << 0)
#define CR0_MP (1 << 1)   // WAIT watches TS
#define CR0_ET (1 << 4)
#define CR0_NE (1 << 5)   // x87 errors are exceptions, not interrupts
#define CR0_WP (1 << 16)  // read-only holds in ring 0 too
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CR4_OSFXSR (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define MSR_EFER 0xC0000080
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)
#define PTE_PRESENT_WRITABLE 3
#define PTE_LARGE 0x80
#define PAGE 4096
#define XEN_ELFNOTE_PHYS32_ENTRY 18

  .section .note.pvh, "a", @note
  .balign 4
  .long 4, 8, XEN_ELFNOTE_PHYS32_ENTRY
  .asciz "Xen"
  .quad EntryPvh

  .section .bss.boot, "aw", @nobits
  .balign PAGE
boot_pml4:
  .skip PAGE
boot_pdpt:
  .skip PAGE
boot_pd:
  .skip PAGE
// The first core's stack until its event loop takes over. The page below is
// unmapped by paging.cc (boot_stack_guard).
  .globl boot_stack_guard
boot_stack_guard:
  .skip PAGE
boot_stack:
  .skip 8 * PAGE
// What is above is enough for the code that boots, what is below for a report of
// its faults.
  .globl early_interrupt_stack_top
early_interrupt_stack_top:
  .skip 8 * PAGE
boot_stack_top:

  .section .data.boot, "aw"
  .balign 8
boot_gdt:
  .quad 0
  .quad 0x00AF9B000000FFFF  // 0x08: 64-bit code, ring 0
  .quad 0x00CF93000000FFFF  // 0x10: data
boot_gdt_end:
boot_gdt_pointer:
  .word boot_gdt_end - boot_gdt - 1
  .quad boot_gdt
initial_mxcsr:
  .long 0x1F80  // all exceptions masked, round to nearest
// Time stamp at the first instruction, for the boot chart.
  .balign 8
  .globl boot_entry_tsc
boot_entry_tsc:
  .quad 0
// For SecondaryEntry32; smp.cc fills them.
  .globl secondary_page_tables, secondary_stack_tops, secondary_tickets
secondary_page_tables:
  .quad 0
secondary_stack_tops:
  .quad 0
secondary_tickets:
  .quad 0

// Turns on long mode over boot_pml4. Clobbers %eax, %ecx, %edx. Paging is on
// after it, the code segment still 32-bit.
.macro ENABLE_LONG_MODE
  movl $(CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT), %eax
  movl %eax, %cr4
  movl $boot_pml4, %eax
  movl %eax, %cr3
  movl $MSR_EFER, %ecx
  rdmsr
  orl $(EFER_LME | EFER_NXE), %eax
  wrmsr
  movl $(CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG), %eax
  movl %eax, %cr0
  lgdt boot_gdt_pointer
.endm

// Data segments are null in long mode but for SS; sets x87 and SSE control.
// Clobbers %eax.
.macro SET_UP_REGISTERS
  xorl %eax, %eax
  movl %eax, %ds
  movl %eax, %es
  movl %eax, %fs
  movl %eax, %gs
  movl $0x10, %eax
  movl %eax, %ss
  fninit  // and with it the control word 0x37F: masked, 64-bit precision
  ldmxcsr initial_mxcsr
.endm

  .section .text.entry, "ax"

// Calls EbbrtBoot(start info) on the boot stack, 16-byte aligned, interrupts
// off. It does not return.
  .code32
  .globl EntryPvh
  .type EntryPvh, @function
EntryPvh:
  .cfi_startproc
  .cfi_undefined 16  // %rip
  cld
  rdtsc
  movl %eax, boot_entry_tsc
  movl %edx, boot_entry_tsc + 4
  movl $(boot_pdpt + PTE_PRESENT_WRITABLE), boot_pml4
  movl $(boot_pd + PTE_PRESENT_WRITABLE), boot_pdpt
  movl $(PTE_LARGE | PTE_PRESENT_WRITABLE), %eax
  movl $boot_pd, %edi
1:
  movl %eax, (%edi)
  addl $8, %edi
  addl $0x200000, %eax
  cmpl $(boot_pd + PAGE), %edi
  jne 1b
  movl %ebx, %edi
  ENABLE_LONG_MODE
  ljmp $0x08, $Entry64

  .code64
Entry64:
  SET_UP_REGISTERS
  movl $boot_stack_top, %esp
  xorl %ebp, %ebp
  movl %edi, %edi
  call EbbrtBoot
  ud2
  .cfi_endproc
  .size EntryPvh, . - EntryPvh

// Takes a ticket and with it a stack, then calls EbbrtSecondary() over the page
// tables of the first core, whose per-core data must not be touched. It does not
// return.
  .code32
  .globl SecondaryEntry32
  .type SecondaryEntry32, @function
SecondaryEntry32:
  .cfi_startproc
  .cfi_undefined 16  // %rip
  cld
  ENABLE_LONG_MODE
  ljmp $0x08, $Secondary64

  .code64
Secondary64:
  SET_UP_REGISTERS
  movq secondary_page_tables, %rax
  movq %rax, %cr3
  movl $1, %eax
  lock xaddq %rax, secondary_tickets
  movq secondary_stack_tops, %rdx
  movq (%rdx, %rax, 8), %rsp
  xorl %ebp, %ebp
  call EbbrtSecondary
  ud2
  .cfi_endproc
  .size SecondaryEntry32, . - SecondaryEntry32

  .section .note.GNU-stack, "", @progbits
