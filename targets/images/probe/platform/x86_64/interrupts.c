/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions become faults (Intel SDM, volume 3, chapter 6); interrupts go to those who want them. */
#include "machine.h"
#include "text.h"

enum { VECTORS = 256, EXCEPTIONS = 32, STUB_SIZE = 16, PAGE_FAULT = 14, STACK_OF_EXCEPTIONS = 1 };
enum { SELECTOR_CODE = 8, SELECTOR_TASK = 24, GDT_TASK = 3, GATE_INTERRUPT = 0x8e };

struct frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct __attribute__((packed)) task_state {
    uint32_t reserved;
    uint64_t stack[3];
    uint64_t reserved_too;
    uint64_t interrupt_stack[7];
    uint64_t reserved_more;
    uint16_t reserved_last, io_map;
};

struct __attribute__((packed)) table_pointer {
    uint16_t limit;
    uint64_t base;
};

extern uint64_t gdt[];
extern char interrupt_stubs[], exception_stack_top[];

static struct gate idt[VECTORS];
static struct task_state task = {.io_map = sizeof task};

static const char *const names[EXCEPTIONS] = {
    "divide error", "debug", "non-maskable interrupt", "breakpoint", "overflow", "bound range", "undefined instruction",
    "no coprocessor", "double fault", "coprocessor segment", "invalid task state", "segment not present",
    "stack segment", "general protection", "page fault", "exception 15", "floating point", "alignment check",
    "machine check", "vector floating point", "virtualization", "control protection",
};

static void task_install(void)
{
    uint64_t base = (uint64_t)&task;

    task.interrupt_stack[STACK_OF_EXCEPTIONS - 1] = (uint64_t)exception_stack_top;
    gdt[GDT_TASK] = (sizeof task - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[GDT_TASK + 1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TASK));
}

void interrupts_start(void)
{
    struct table_pointer pointer = {sizeof idt - 1, (uint64_t)idt};

    for (unsigned i = 0; i < VECTORS; i++) {
        uint64_t stub = (uint64_t)interrupt_stubs + STUB_SIZE * i;

        idt[i] = (struct gate){
            .offset_low = (uint16_t)stub,
            .selector = SELECTOR_CODE,
            .stack = i < EXCEPTIONS ? STACK_OF_EXCEPTIONS : 0,
            .type = GATE_INTERRUPT,
            .offset_middle = (uint16_t)(stub >> 16),
            .offset_high = (uint32_t)(stub >> 32),
        };
    }
    task_install();
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

static const char *describe(const struct frame *frame)
{
    enum { WRITE = 2, FETCH = 16 };

    if (frame->vector == PAGE_FAULT)
        return frame->error & FETCH   ? "page fault: fetch"
               : frame->error & WRITE ? "page fault: write"
                                      : "page fault: read";
    return names[frame->vector] ? names[frame->vector] : "exception";
}

void interrupt(struct frame *frame);

void interrupt(struct frame *frame)
{
    struct fault fault;

    if (frame->vector >= EXCEPTIONS) {
        if (frame->vector >= VECTOR_FIRST && frame->vector < VECTOR_FIRST + INTERRUPTS_MAX)
            interrupt_dispatch_number((unsigned)frame->vector - VECTOR_FIRST);
        else if (frame->vector >= VECTOR_LINES && frame->vector < VECTOR_SPURIOUS)
            interrupt_dispatch_line((unsigned)frame->vector - VECTOR_LINES);
        if (frame->vector != VECTOR_SPURIOUS)
            apic_end();
        return;
    }
    fault = (struct fault){.what = describe(frame), .pc = frame->rip, .syndrome = frame->vector << 32 | frame->error};
    if (frame->vector == PAGE_FAULT)
        __asm__ volatile("mov %%cr2, %0" : "=r"(fault.address));
    frame->rdi = (uint64_t)fault_take(&fault);
    frame->rip = (uint64_t)fault_resume;
}

void interrupts_mask(void)
{
    __asm__ volatile("cli" ::: "memory");
}

void interrupts_unmask(void)
{
    __asm__ volatile("sti" ::: "memory");
}

/*
 * STI takes effect after the next instruction, so nothing can come between it and HLT. Where nothing would end a sleep in
 * time, there is none: whoever waits comes again.
 */
void processor_sleep(uint64_t until)
{
    uint64_t now = until ? clock_now_ns() : 0;

    if (until && (now >= until || !apic_pins() || !apic_timer_start(until - now))) {
        __asm__ volatile("sti\n pause" ::: "memory");
        return;
    }
    __asm__ volatile("sti\n hlt" ::: "memory");
    if (until)
        apic_timer_stop();
}

/* A line has a vector of its own, whoever shares it comes or goes: another one while it is asserted would leave it stuck. */
bool line_enable(unsigned line, bool edge)
{
    if (line >= apic_pins() || line >= VECTOR_SPURIOUS - VECTOR_LINES)
        return false;
    apic_route(line, VECTOR_LINES + line, edge);
    return true;
}

void line_disable(unsigned line)
{
    apic_unroute(line);
}

bool message_target(unsigned number, uint64_t *address, uint32_t *data)
{
    *address = apic_message_address();
    *data = VECTOR_FIRST + number;
    return apic_pins();
}

bool fault_provoke(const char *kind, uint64_t address)
{
    if (text_equal(kind, "undefined"))
        __asm__ volatile("ud2");
    else if (text_equal(kind, "divide"))
        __asm__ volatile("xor %%edx, %%edx\n mov $1, %%eax\n div %%edx" ::: "eax", "edx");
    else
        return fault_provoke_common(kind, address);
    return true;
}
