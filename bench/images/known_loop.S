/* The smallest image: it proves the instruction counter, and booting it costs
   what the machine and its firmware cost alone.

   Entered by PVH in 32-bit protected mode. Between known_loop_begin and
   known_loop_end it executes exactly 2 * TURNS + 6 instructions, one of which
   stores BYTES bytes (tests/system/test_bench.py holds the counter to that).
   Ends QEMU with status 1 through isa-debug-exit at port 0xf4; without that
   device it halts for ever. */

#define TURNS 1000
#define BYTES 64

        .section .note.pvh, "a", @note
        .long   4               /* length of the owner's name */
        .long   4               /* length of the descriptor */
        .long   18              /* XEN_ELFNOTE_PHYS32_ENTRY */
        .asciz  "Xen"
        .long   entry

        .section .note.GNU-stack, "", @progbits

        .text
        .code32
        .globl  entry, known_loop_begin, known_loop_end
entry:
        nop
known_loop_begin:
        movl    $TURNS, %ecx
1:      decl    %ecx                    /* TURNS times */
        jnz     1b                      /* TURNS times */
        movl    $buffer, %edi
        movl    $BYTES, %ecx
        cld
        rep stosb                       /* BYTES elements, 1 instruction */
        nop
known_loop_end:
        xorl    %eax, %eax
        movl    $0xf4, %edx
        outb    %al, %dx
halted: hlt
        jmp     halted

        .bss
        .lcomm  buffer, BYTES
