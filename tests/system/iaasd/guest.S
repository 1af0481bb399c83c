// A back-end for the daemon's tests: entered through PVH in 32-bit protected
// mode, it writes its command line to the serial port and then does what the
// letter behind "mode=" on it says:
//   x  ends QEMU through isa-debug-exit, with code 21 (the default)
//   h  halts for good
//   r  resets the machine by a triple fault
//   f  writes 2.5 MiB of lines to the serial port, then ends as with x
#define COM1 0x3f8
#define COM1_LINE_STATUS 0x3fd
#define TRANSMIT_EMPTY 0x20
#define DEBUG_EXIT 0xf4
#define EXIT_CODE 21
#define START_INFO_COMMAND_LINE 24      // hvm_start_info.cmdline_paddr
#define FLOOD_LINES 40960               // of 64 bytes

        .section .note.pvh, "a", @note
        .align 4
        .long 4, 4, 18                  // XEN_ELFNOTE_PHYS32_ENTRY
        .asciz "Xen"
        .long start

        .code32
        .text
        .globl start
start:
        cli
        mov START_INFO_COMMAND_LINE(%ebx), %esi
        mov %esi, %ebp
        call print
        mov $newline, %esi
        call print

1:      cmpb $0, (%ebp)                 // look for "mode="
        je exit
        cmpl $0x65646f6d, (%ebp)        // "mode", little endian
        jne 2f
        cmpb $'=', 4(%ebp)
        je 3f
2:      inc %ebp
        jmp 1b
3:      mov 5(%ebp), %al
        cmp $'h', %al
        je halt
        cmp $'r', %al
        je reset
        cmp $'f', %al
        je flood

exit:   mov $EXIT_CODE, %eax
        mov $DEBUG_EXIT, %dx
        out %al, %dx
halt:   hlt
        jmp halt

reset:  lidt empty_idt
        ud2

flood:  mov $FLOOD_LINES, %edi
1:      mov $line, %esi
        call print
        dec %edi
        jnz 1b
        jmp exit

print:  lodsb                           // the string at %esi, up to its zero
        test %al, %al
        jz 2f
        mov %al, %ah
        mov $COM1_LINE_STATUS, %dx      // what is written to a full port is lost
1:      in %dx, %al
        test $TRANSMIT_EMPTY, %al
        jz 1b
        mov $COM1, %dx
        mov %ah, %al
        out %al, %dx
        jmp print
2:      ret

        .section .rodata, "a"
        .align 8
empty_idt:
        .word 0
        .long 0
newline:
        .asciz "\n"
line:   .asciz "012345678901234567890123456789012345678901234567890123456789012\n"
