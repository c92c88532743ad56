// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cases: generate random ones, print them, and minimise failing ones.
 */
#include <stdio.h>
#include <string.h>

#include "case.h"

/* A random number below 2^bits. Small numbers are as likely as large ones. */
static unsigned int magnitude(u64 *seed, unsigned int bits)
{
	return harness_random(seed) % (1U << (harness_random(seed) % bits + 1));
}

static bool chance(u64 *seed, unsigned int percent)
{
	return harness_random(seed) % 100 < percent;
}

static void random_item(struct case_item *it, u64 *seed)
{
	it->kind = harness_random(seed);
	if (chance(seed, 60))	/* ordinary memory */
		it->kind &= ~((TYPE_ZERO | TYPE_FILE) << 2 | TYPE_SECRETMEM << 2 | 0x80);
	it->perm = chance(seed, 70) ? 0 : 1U << (harness_random(seed) % 8);
	it->order = chance(seed, 40) ? 0 : harness_random(seed);
	it->len = magnitude(seed, 6);
	it->how = (chance(seed, 15) ? 0x80 : 0) | (chance(seed, 5) ? 0x40 : 0);
	it->change = chance(seed, 60) ? 0 : magnitude(seed, 8);
	it->bit = harness_random(seed) & (chance(seed, 80) ? 0x0f : 0x1f);
	it->exclusive = harness_random(seed);
}

void case_random(struct case_spec *c, u64 *seed)
{
	unsigned int i, skip, nr;

	memset(c, 0, sizeof(*c));
	c->flags = harness_random(seed) & (chance(seed, 98) ? 0x1f : 0x3f);
	if (chance(seed, 60))
		c->flags &= ~CASE_LONGTERM;
	c->place = harness_random(seed);
	skip = chance(seed, 50) ? 0 : magnitude(seed, 10);
	c->skip_hi = skip >> 8;
	c->skip = skip;
	nr = magnitude(seed, 11);
	c->nr_hi = nr >> 8;
	c->nr = nr;
	c->strike = chance(seed, 40) ? 0 : 1 + magnitude(seed, 5);
	c->strike_how = harness_random(seed);
	c->nr_items = 1 + magnitude(seed, 4) % CASE_ITEMS;
	for (i = 0; i < c->nr_items; i++)
		random_item(&c->item[i], seed);
}

void case_print(const struct case_spec *c)
{
	u8 data[sizeof(*c)];
	size_t i, size = case_encode(c, data);

	for (i = 0; i < size; i++)
		printf("%02x", data[i]);
	printf("\n");
}

static bool still_fails(const struct case_spec *c)
{
	return case_check(c);
}

/* Drop items, then clear and halve bytes, as long as the case keeps failing. */
void case_minimise(struct case_spec *c)
{
	struct case_spec smaller;
	bool progress = true;
	unsigned int i, divisor;

	while (progress) {
		progress = false;
		for (i = 0; i < c->nr_items; i++) {
			smaller = *c;
			smaller.nr_items--;
			memmove(&smaller.item[i], &smaller.item[i + 1],
				(smaller.nr_items - i) * sizeof(smaller.item[0]));
			if (still_fails(&smaller)) {
				*c = smaller;
				progress = true;
			}
		}
		for (i = 0; i < CASE_HEAD + c->nr_items * sizeof(c->item[0]); i++)
			for (divisor = 256; divisor > 1 && ((u8 *)c)[i]; divisor /= 16) {
				smaller = *c;
				((u8 *)&smaller)[i] /= divisor;
				if (still_fails(&smaller)) {
					*c = smaller;
					progress = true;
					break;
				}
			}
	}
}
