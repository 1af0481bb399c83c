// Entry of the smoke test's image: PVH (32-bit, paging off) to long mode with the
// first GiB mapped one to one, a stack, and the thread pointer.
        .section .note.pvh, "a", @note
        .long 4, 4, 18                  // XEN_ELFNOTE_PHYS32_ENTRY
        .asciz "Xen"
        .long start

        .section .text.start, "ax"
        .code32
        .globl start
start:
        cld
        movl $stack_top, %esp
        movl $page_directory_pointer + 3, page_map
        movl $page_directory + 3, page_directory_pointer
        movl $page_directory, %edi
        movl $0x83, %eax                // present, writable, 2 MiB
1:      movl %eax, (%edi)
        addl $8, %edi
        addl $0x200000, %eax
        cmpl $0x40000083, %eax
        jne 1b
        movl $page_map, %eax
        movl %eax, %cr3
        movl %cr4, %eax
        orl $0x620, %eax                // PAE, OSFXSR, OSXMMEXCPT
        movl %eax, %cr4
        movl $0xc0000080, %ecx          // EFER
        rdmsr
        orl $0x100, %eax                // LME
        wrmsr
        movl %cr0, %eax
        andl $~4, %eax                  // EM
        orl $0x80000002, %eax           // PG, MP
        movl %eax, %cr0
        lgdt descriptors_pointer
        ljmp $8, $long_mode

        .code64
long_mode:
        movw $16, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        fninit
        xorl %ebp, %ebp
        call StubMain
1:      hlt
        jmp 1b

        .section .rodata
        .balign 8
descriptors:
        .quad 0
        .quad 0x00af9b000000ffff        // 64-bit code
        .quad 0x00cf93000000ffff        // data
descriptors_pointer:
        .word . - descriptors - 1
        .long descriptors

        .bss
        .balign 4096
page_map:
        .skip 4096
page_directory_pointer:
        .skip 4096
page_directory:
        .skip 4096
        .skip 256 * 1024
stack_top:
        .section .note.GNU-stack, "", @progbits
