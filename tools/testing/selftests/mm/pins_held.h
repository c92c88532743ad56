/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How many pins of user pages are held.
 */
#ifndef _SELFTESTS_MM_PINS_HELD_H
#define _SELFTESTS_MM_PINS_HELD_H

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The number of pins that are held now, in the whole system */
static inline long pins_held(void)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY);
	long held = 0, value;
	char name[64];
	FILE *f;

	/* Fold the differences of all CPUs into the counters. */
	if (fd < 0 || write(fd, "1", 1) != 1)
		perror("stat_refresh");
	if (fd >= 0)
		close(fd);
	f = fopen("/proc/vmstat", "r");
	while (f && fscanf(f, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			held += value;
		if (!strcmp(name, "nr_foll_pin_released"))
			held -= value;
	}
	if (f)
		fclose(f);
	return held;
}

#endif /* _SELFTESTS_MM_PINS_HELD_H */
