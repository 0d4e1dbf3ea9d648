/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor refused, in words (Arm ARM, ESR_EL1). */
#include "machine.h"
#include "system.h"
#include "text.h"

struct frame {
    uint64_t x[31];
    uint64_t pc;
    uint64_t state;
};

enum { VECTOR_SYNCHRONOUS, VECTOR_IRQ, VECTOR_FIQ, VECTOR_ERROR };

struct reason {
    uint8_t code;
    const char *text;
};

static const struct reason abort_reasons[] = {
    {0x04, "data abort: not mapped"},        {0x05, "data abort: not mapped"},
    {0x06, "data abort: not mapped"},        {0x07, "data abort: not mapped"},
    {0x0d, "data abort: no permission"},     {0x0e, "data abort: no permission"},
    {0x0f, "data abort: no permission"},     {0x10, "data abort: refused by the bus"},
    {0x21, "data abort: alignment"},         {0x00, "data abort: address size"},
    {0x01, "data abort: address size"},      {0x02, "data abort: address size"},
    {0x03, "data abort: address size"},      {0xff, "data abort"},
};

static const struct reason class_reasons[] = {
    {0x00, "undefined instruction"}, {0x07, "vector registers are off"}, {0x0e, "illegal execution state"},
    {0x15, "supervisor call"},       {0x18, "system register trap"},     {0x20, "instruction abort"},
    {0x21, "instruction abort"},     {0x22, "misaligned program counter"}, {0x26, "misaligned stack pointer"},
    {0x3c, "breakpoint"},            {0xff, "exception"},
};

enum { CLASS_DATA_ABORT = 0x25, CLASS_INSTRUCTION_ABORT = 0x21, CLASS_MISALIGNED_PC = 0x22 };

static const char *reason_of(const struct reason *list, uint64_t code)
{
    while (list->code != 0xff && list->code != code)
        list++;
    return list->text;
}

static void describe(struct fault *fault, const struct frame *frame, unsigned vector)
{
    uint64_t syndrome = SYSTEM_READ(esr_el1);
    unsigned class = syndrome >> 26 & 0x3f;

    *fault = (struct fault){.pc = frame->pc, .syndrome = syndrome};
    if (vector % 4 == VECTOR_ERROR)
        fault->what = "system error (asynchronous abort)";
    else if (vector % 4 != VECTOR_SYNCHRONOUS)
        fault->what = "unexpected interrupt";
    else if (class == CLASS_DATA_ABORT)
        fault->what = reason_of(abort_reasons, syndrome & 0x3f);
    else
        fault->what = reason_of(class_reasons, class);
    if (class == CLASS_DATA_ABORT || class == CLASS_INSTRUCTION_ABORT || class == CLASS_MISALIGNED_PC)
        fault->address = SYSTEM_READ(far_el1);
}

void exception(struct frame *frame, unsigned vector);

void exception(struct frame *frame, unsigned vector)
{
    struct fault fault;

    if (vector % 4 == VECTOR_IRQ) {
        processor_interrupt();
        return;
    }
    describe(&fault, frame, vector);
    frame->x[0] = (uint64_t)fault_take(&fault);
    frame->pc = (uint64_t)fault_resume;
}

bool fault_provoke(const char *kind, uint64_t address)
{
    if (!text_equal(kind, "undefined"))
        return fault_provoke_common(kind, address);
    __asm__ volatile("udf #0");
    return true;
}
