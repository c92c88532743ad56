// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch of the mutant kernel: lockless_walk_mutant in debugfs. Write the name
 * of a mutant to it, or "none". Reading it returns the active mutant.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/lockless_walk_mutant.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define DELAY_MS	30	/* as gup_fast_race holds its windows open */
#define AWAIT_MS	300

extern atomic_t lockless_walk_debug_inside;

int lockless_walk_mutant_on;

#define MUTANT_NAME(name)	#name,
static const char * const mutant_names[] = {
	"none",
	LOCKLESS_WALK_MUTANTS(MUTANT_NAME)
};

void lockless_walk_mutant_delay(void)
{
	mdelay(DELAY_MS);
}

/* Called by a walk that is in no window itself. Gives up after AWAIT_MS. */
void lockless_walk_mutant_await(void)
{
	for (int ms = 0; ms < AWAIT_MS; ms++) {
		if (atomic_read(&lockless_walk_debug_inside))
			return;
		mdelay(1);
	}
}

static ssize_t mutant_read(struct file *file, char __user *buf, size_t count,
			   loff_t *ppos)
{
	const char *name = mutant_names[READ_ONCE(lockless_walk_mutant_on)];

	return simple_read_from_buffer(buf, count, ppos, name, strlen(name));
}

static ssize_t mutant_write(struct file *file, const char __user *buf,
			    size_t count, loff_t *ppos)
{
	char name[32];
	int i;

	if (count >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buf, count))
		return -EFAULT;
	name[count] = 0;
	i = sysfs_match_string(mutant_names, name);
	if (i < 0)
		return i;
	WRITE_ONCE(lockless_walk_mutant_on, i);
	return count;
}

static const struct file_operations mutant_fops = {
	.read = mutant_read,
	.write = mutant_write,
};

static int __init mutant_init(void)
{
	debugfs_create_file("lockless_walk_mutant", 0600, NULL, NULL, &mutant_fops);
	return 0;
}
late_initcall(mutant_init);
