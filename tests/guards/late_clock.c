/*
 * late_clock.c - a clock that is a minute behind, in a syncup-host that is sent
 * to another host: all namespaces of one machine have the same clock.
 */
#include <stdint.h>

int64_t __real_sys_wall_ms(void);
int64_t __wrap_sys_wall_ms(void);

int64_t __wrap_sys_wall_ms(void)
{
	return __real_sys_wall_ms() - 60000;
}
