// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fault injection for mapping PTE tables, and a table of its sites in debugfs.
 */
#define PGTABLE_MAP_NO_SITES
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/highmem.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

static DECLARE_FAULT_ATTR(fail_pte_map);

static int __init setup_fail_pte_map(char *str)
{
	return setup_fault_attr(&fail_pte_map, str);
}
__setup("fail_pte_map=", setup_fail_pte_map);

static bool fail_pte_map_exempt(struct fail_pte_map_site *site,
				struct mm_struct *mm, pmd_t *pmdp)
{
	enum fail_pte_map_exempt why;

	if (!in_task())
		why = FAIL_PTE_MAP_NOT_TASK;
	else if (object_is_on_stack(pmdp))
		why = FAIL_PTE_MAP_ON_STACK;
	else if (mm && !atomic_read(&mm->mm_users))
		why = FAIL_PTE_MAP_NO_USERS;
	else
		return false;

	atomic_long_inc(&site->exempt[why]);
	return true;
}

/* The failures of this task at @site and @pmdp, or NULL */
static struct fail_pte_map_failure *
fail_pte_map_find(struct fail_pte_map_site *site, pmd_t *pmdp)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(current->fail_pte_map); i++) {
		struct fail_pte_map_failure *f = &current->fail_pte_map[i];

		if (f->site == site && f->pmdp == pmdp)
			return f;
	}
	return NULL;
}

/*
 * A caller that retries may look the table up several times per attempt, here
 * and elsewhere, and in one attempt all must succeed. So after the nth failure of a
 * task here, its next n lookups succeed. The oldest failure is forgotten.
 */
static void fail_pte_map_failed(struct fail_pte_map_site *site, pmd_t *pmdp)
{
	struct fail_pte_map_failure *first = current->fail_pte_map;
	struct fail_pte_map_failure *f = fail_pte_map_find(site, pmdp);
	unsigned int times = f ? f->times + 1 : 1;

	if (!f)
		f = first + ARRAY_SIZE(current->fail_pte_map) - 1;
	memmove(first + 1, first, (f - first) * sizeof(*f));
	*first = (struct fail_pte_map_failure){
		.site = site, .pmdp = pmdp, .times = times, .passes = times,
	};
}

/**
 * should_fail_pte_map() - should a lookup of a PTE table fail?
 * @site: the caller
 * @mm: the mm that the pmd belongs to, or NULL if it is not known
 * @pmdp: the pmd
 *
 * Does nothing while the probability is 0. Then lookups do not count for
 * /proc/<pid>/fail-nth, which counts the opportunities for all kinds of faults.
 *
 * Context: Any.
 *
 * Return: true if it should fail.
 */
bool should_fail_pte_map(struct fail_pte_map_site *site, struct mm_struct *mm,
			 pmd_t *pmdp)
{
	struct fail_pte_map_failure *f;

	if (likely(!READ_ONCE(fail_pte_map.probability)))
		return false;

	atomic_long_inc(&site->calls);
	if (fail_pte_map_exempt(site, mm, pmdp))
		return false;
	f = fail_pte_map_find(site, pmdp);
	if (f && f->passes) {
		f->passes--;
		return false;
	}
	/* Page table locks may be held: do not print, see FAULT_NOWARN. */
	if (!should_fail_ex(&fail_pte_map, 1, FAULT_NOWARN))
		return false;

	fail_pte_map_failed(site, pmdp);
	atomic_long_inc(&site->injected);
	return true;
}

/* pt_lock_mapped() at a site. Without the mm, mm_users cannot be checked. */
bool fail_pt_lock_mapped(struct fail_pte_map_site *site, struct pt_map *map,
			 pmd_t *pmdp)
{
	if (!should_fail_pte_map(site, NULL, pmdp))
		return pt_lock_mapped(map, pmdp);
	pt_unmap(map);
	return false;
}

extern struct fail_pte_map_site __start_fail_pte_map[], __stop_fail_pte_map[];

static int fail_pte_map_sites_show(struct seq_file *m, void *unused)
{
	struct fail_pte_map_site *site;
	int i;

	seq_puts(m, "# function line file calls injected exempt: on-stack not-task no-users\n");
	for (site = __start_fail_pte_map; site < __stop_fail_pte_map; site++) {
		seq_printf(m, "%s %u %s %ld %ld", site->function, site->line,
			   site->file, atomic_long_read(&site->calls),
			   atomic_long_read(&site->injected));
		for (i = 0; i < FAIL_PTE_MAP_NR_EXEMPT; i++)
			seq_printf(m, " %ld", atomic_long_read(&site->exempt[i]));
		seq_putc(m, '\n');
	}
	return 0;
}

/* Writing 0 resets the counters. */
static ssize_t fail_pte_map_sites_write(struct file *file,
					const char __user *buf, size_t count,
					loff_t *pos)
{
	struct fail_pte_map_site *site;
	unsigned int zero;
	int err, i;

	err = kstrtouint_from_user(buf, count, 0, &zero);
	if (err)
		return err;
	if (zero)
		return -EINVAL;

	for (site = __start_fail_pte_map; site < __stop_fail_pte_map; site++) {
		atomic_long_set(&site->calls, 0);
		atomic_long_set(&site->injected, 0);
		for (i = 0; i < FAIL_PTE_MAP_NR_EXEMPT; i++)
			atomic_long_set(&site->exempt[i], 0);
	}
	return count;
}

DEFINE_SHOW_STORE_ATTRIBUTE(fail_pte_map_sites);

static int __init fail_pte_map_debugfs(void)
{
	struct dentry *dir;

	dir = fault_create_debugfs_attr("fail_pte_map", NULL, &fail_pte_map);
	debugfs_create_file("sites", 0600, dir, NULL, &fail_pte_map_sites_fops);
	return 0;
}
late_initcall(fail_pte_map_debugfs);
