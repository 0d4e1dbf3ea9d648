/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that happens to the program comes as a pulse on one channel. Pulses of equal priority are received in the
 * order they were sent, so an interrupt that came before a command is served before it.
 */
#include <errno.h>
#include <time.h>
#include "qnx.h"

static int channel = -1, connection = -1;

bool events_start(void)
{
    channel = ChannelCreate(_NTO_CHF_PRIVATE);
    if (channel != -1)
        connection = ConnectAttach(0, 0, channel, _NTO_SIDE_CHANNEL, 0);
    return connection != -1;
}

int events_connection(void)
{
    return connection;
}

bool events_wait(uint64_t until)
{
    struct _pulse pulse;

    if (until) {
        uint64_t now = clock_now_ns(), left = until - now;

        if (now >= until)
            return false;
        /* Without an event of its own the time-out unblocks the very next call; it is gone after that. */
        TimerTimeout(CLOCK_MONOTONIC, _NTO_TIMEOUT_RECEIVE, NULL, &left, NULL);
    }
    if (MsgReceivePulse(channel, &pulse, sizeof pulse, NULL) == -1)
        return errno != ETIMEDOUT;
    if (pulse.code == PULSE_CONSOLE)
        console_take(pulse.value.sival_int);
    else if (pulse.code == PULSE_INTERRUPT)
        interrupt_serve(pulse.value.sival_int);
    return true;
}
