// SPDX-License-Identifier: GPL-2.0-only
/*
 * pt_reclaim: how much of its page tables a process keeps when their pages are
 * gone. Touches one page in each 2 MiB of a large range, gives all of them back
 * with MADV_DONTNEED, and prints VmPTE after it in percent of VmPTE before.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

#define STRIDE	(2UL << 20)
/* As far as an address space of 32 bits, and tables that are large beside others, go. */
#define RANGE	(sizeof(long) == 8 ? 16UL << 30 : 1UL << 30)

static unsigned long vm_pte(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "VmPTE: %lu kB", &kib) == 1)
			break;
	if (!kib)
		errx(1, "no VmPTE in /proc/self/status");
	fclose(f);
	return kib;
}

int main(void)
{
	char *p = mmap(NULL, RANGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	unsigned long before, after;

	if (p == MAP_FAILED)
		err(1, "mmap");
	if (madvise(p, RANGE, MADV_NOHUGEPAGE))
		err(1, "MADV_NOHUGEPAGE");
	for (size_t i = 0; i < RANGE; i += STRIDE)
		p[i] = 1;

	before = vm_pte();
	if (madvise(p, RANGE, MADV_DONTNEED))
		err(1, "MADV_DONTNEED");
	after = vm_pte();

	fprintf(stderr, "%lu kB before, %lu kB after\n", before, after);
	printf("%.2f\n", 100.0 * after / before);
	return 0;
}
