// SPDX-License-Identifier: GPL-2.0-only
/*
 * alloc_load: a server's heap that is large at times, with the allocator in use.
 *
 * Each of 8 rounds allocates objects of 1 KiB to 1 MiB until 1 GiB is live, touches
 * all of them, and frees all but one in 64, at random. Then the load is low for half a
 * minute, in which an allocator returns unused memory.
 * Prints values of /proc/self/status at the end, as "key<tab>unit<tab>figure" lines.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS		8
#define QUIET		30	/* seconds */
#define LIVE		(1UL << 30)
#define OBJECTS		(1 << 16)
#define KEPT		64	/* one of so many */

/* Without it, glibc would be measured. */
extern int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));

static struct object {
	char *p;
	size_t size;
} objects[OBJECTS];

/* The same numbers in every run: xorshift. */
static uint32_t next_random(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void fill_heap(void)
{
	size_t live = 0;

	for (int i = 0; i < OBJECTS; i++)
		live += objects[i].size;
	for (int i = 0; i < OBJECTS && live < LIVE; i++) {
		struct object *o = &objects[i];

		if (o->p)
			continue;
		o->size = 1024UL << next_random() % 10;
		o->size += next_random() % o->size;
		o->p = malloc(o->size);
		if (!o->p)
			errx(1, "out of memory");
		memset(o->p, 1, o->size);
		live += o->size;
	}
	if (live < LIVE)
		errx(1, "not enough objects");
}

static void empty_heap(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (!(next_random() % KEPT))
			continue;
		free(objects[i].p);
		objects[i] = (struct object){};
	}
}

static void do_little(void)
{
	for (int i = 0; i < 4096; i++) {
		char *p = malloc(1024UL << i % 10);

		if (!p)
			errx(1, "out of memory");
		*p = 1;
		free(p);
	}
}

static void print_status(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	unsigned long kib;
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "VmSize: %lu kB", &kib) == 1)
			printf("alloc/virt\tkB\t%lu\n", kib);
		if (sscanf(line, "VmRSS: %lu kB", &kib) == 1)
			printf("alloc/res\tkB\t%lu\n", kib);
		if (sscanf(line, "VmPTE: %lu kB", &kib) == 1)
			printf("alloc/vmpte\tkB\t%lu\n", kib);
	}
	if (!f)
		err(1, "/proc/self/status");
	fclose(f);
}

int main(void)
{
	if (!mallctl)
		errx(1, "jemalloc is not loaded");
	for (int i = 0; i < ROUNDS; i++) {
		fill_heap();
		empty_heap();
	}
	for (int i = 0; i < QUIET; i++) {
		sleep(1);
		do_little();
	}
	print_status();
	return 0;
}
