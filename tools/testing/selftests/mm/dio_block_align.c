// SPDX-License-Identifier: GPL-2.0-only
/*
 * If a direct read ends in the middle of a block of the device, the kernel must unpin the
 * pages of that block.
 *
 * The device is a loop device. The buffer is a huge page of which only some pages are
 * mapped. The read pins these pages, and is cut at the last block boundary. The test
 * counts the pins of the whole system, so nothing else may do direct I/O meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include "kselftest_harness.h"
#include "pins_held.h"
#include "vm_util.h"

#define READ	16	/* pages */

FIXTURE(dio_block_align) {
	size_t page, huge;
	char *buf;
	int loop, fd;
};

FIXTURE_VARIANT(dio_block_align) {
	size_t block;	/* block size of the device, in pages */
};

FIXTURE_VARIANT_ADD(dio_block_align, block_of_four_pages) { .block = 4 };
FIXTURE_VARIANT_ADD(dio_block_align, block_of_one_page) { .block = 1 };

/* Returns the device, opened for direct I/O, or -1. */
static int attach(int *loop, int file, size_t block)
{
	struct loop_config config = {
		.fd = file,
		.block_size = block,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control = open("/dev/loop-control", O_RDWR), nr;
	char name[32];

	nr = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	if (control >= 0)
		close(control);
	if (nr < 0)
		return -1;
	snprintf(name, sizeof(name), "/dev/loop%d", nr);
	*loop = open(name, O_RDWR);
	if (*loop < 0)
		return -1;
	if (ioctl(*loop, LOOP_CONFIGURE, &config)) {
		close(*loop);
		*loop = -1;
		return -1;
	}
	return open(name, O_RDONLY | O_DIRECT);
}

FIXTURE_SETUP(dio_block_align)
{
	char name[] = "/tmp/dio_block_align.XXXXXX", *area;
	int file;

	self->page = psize();
	self->huge = read_pmd_pagesize();
	self->loop = self->fd = -1;
	if (!self->huge)
		SKIP(return, "no huge pages");
	file = mkstemp(name);
	ASSERT_LE(0, file);
	unlink(name);
	ASSERT_EQ(0, ftruncate(file, 16 * READ * self->page));
	self->fd = attach(&self->loop, file, variant->block * self->page);
	close(file);
	if (self->fd < 0)
		SKIP(return, "no loop device with blocks larger than a page, or not root");

	area = mmap(NULL, 2 * self->huge, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	self->buf = (char *)(((uintptr_t)area + self->huge - 1) & -self->huge);
	madvise(self->buf, self->huge, MADV_HUGEPAGE);
	memset(self->buf, 1, self->huge);
	if (!check_huge_anon(self->buf, self->huge, 1, self->huge))
		SKIP(return, "no huge page");
}

FIXTURE_TEARDOWN(dio_block_align)
{
	if (self->fd >= 0)
		close(self->fd);
	if (self->loop >= 0)
		close(self->loop);
}

/*
 * Only the first @mapped pages of the last @iov are mapped. The others have @before pages.
 * The rest of the last block is read through the page cache.
 */
static void read_cut(struct __test_metadata *_metadata, FIXTURE_DATA(dio_block_align) *self,
		     size_t block, struct iovec *iov, int nr, size_t before, size_t mapped)
{
	ssize_t ret = before + mapped < block ? -1 : (before + mapped) * self->page;
	long pins = pins_held();

	ASSERT_EQ(0, munmap(self->buf + mapped * self->page, READ * self->page));
	EXPECT_EQ(ret, preadv(self->fd, iov, nr, 0));
	EXPECT_EQ(pins, pins_held());
}

/* The data is in one bvec, which is shortened by up to three pages. */
TEST_F(dio_block_align, shortened)
{
	struct iovec iov = { self->buf, READ * self->page };

	for (size_t mapped = READ - 1; mapped > 0; mapped--)
		read_cut(_metadata, self, variant->block, &iov, 1, 0, mapped);
}

/* There are two bvecs. The second is shorter than a block, and is dropped. */
TEST_F(dio_block_align, dropped)
{
	struct iovec iov[2] = {
		{ self->buf + self->huge - 5 * self->page, 5 * self->page },
		{ self->buf, 11 * self->page },
	};

	for (size_t mapped = 6; mapped > 0; mapped--)
		read_cut(_metadata, self, variant->block, iov, 2, 5, mapped);
}

/* A single bvec of 1 KiB, which lies in two pages, is dropped. */
TEST_F(dio_block_align, across_pages)
{
	struct iovec iov[2] = {
		{ self->buf + self->page - 512, 1024 },
		{ self->buf + 2 * self->page, self->page - 1024 },
	};
	long pins = pins_held();

	ASSERT_EQ(0, munmap(self->buf + 2 * self->page, READ * self->page));
	EXPECT_EQ(-1, preadv(self->fd, iov, 2, 0));
	EXPECT_EQ(pins, pins_held());
}

TEST_HARNESS_MAIN
