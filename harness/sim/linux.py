"""When the timers of a Linux kernel fire: they are kept on a wheel, and all of a slot fire together.

Assumes HZ = 250, the default of kernel/Kconfig.hz; measured on Linux 6.18.
"""

from __future__ import annotations

import math

#: Jiffies a second.
HZ = 250

#: A SYN that nobody answers is sent again after such waits, one after the other: the first one four times
#: more, then doubled (net.ipv4.tcp_syn_linear_timeouts = 4, tcp_syn_retries = 6; Linux 6.5 and later).
SYN_WAITS_S = (1, 1, 1, 1, 1, 2, 4, 8, 16, 32)

# kernel/time/timer.c: LVL_START(1), and 1 << LVL_CLK_SHIFT.
_FIRST_LEVEL = 63
_COARSER = 8

#: Less than a jiffy by far: float noise of an instant that is one.
_NOISE = 1e-9


def wheel(now_s: float, wait_s: float) -> float:
    """The second at which a timer fires that is set now, to wait so long.

    Level n of the wheel takes waits below 63 * 8^n jiffies, and has a slot every 8^n jiffies; a timer goes
    into the first slot after its own instant (calc_wheel_index in kernel/time/timer.c). So a wait of 1 s ends
    on a multiple of 32 ms, one of 4 s on a multiple of 256 ms, together with all others of that slot.
    """
    slot = 1
    while wait_s * HZ >= _FIRST_LEVEL * slot:
        slot *= _COARSER
    passed = math.floor((now_s + wait_s) * HZ / slot + _NOISE)
    return (passed + 1) * slot / HZ
