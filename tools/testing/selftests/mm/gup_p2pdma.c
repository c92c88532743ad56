// SPDX-License-Identifier: GPL-2.0-only
/*
 * P2PDMA memory of a PCI device, which no folio manages. GUP pins it only for callers
 * that can do DMA to it.
 *
 * The device is an NVMe controller with a memory buffer that user space may allocate. The
 * test reads its own namespace into that buffer. Without such a device it is skipped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include "kselftest_harness.h"
#include "pins_held.h"
#include "vm_util.h"
#include "../../../../mm/gup_test.h"

#define PAGES	16

FIXTURE(gup_p2pdma) {
	size_t page, size;
	char *mem;		/* of the device */
	char *ram;		/* ordinary memory of the same size */
	char *want;		/* content of the disk, in ordinary memory */
	int disk;
	long pins;
};

/* Open a disk whose controller offers memory. */
static int open_disk(char *allocate, size_t size)
{
	char disk[64];
	glob_t found;
	int fd = -1;

	if (glob("/sys/block/nvme*n1/device/device/p2pmem/allocate", 0, NULL, &found))
		return -1;
	snprintf(allocate, size, "%s", found.gl_pathv[0]);
	if (sscanf(allocate, "/sys/block/%40[^/]", disk + 5) == 1) {
		memcpy(disk, "/dev/", 5);
		fd = open(disk, O_RDWR | O_DIRECT);
	}
	globfree(&found);
	return fd;
}

FIXTURE_SETUP(gup_p2pdma)
{
	char allocate[256];
	int fd;

	self->page = psize();
	self->size = PAGES * self->page;
	self->mem = MAP_FAILED;
	self->disk = open_disk(allocate, sizeof(allocate));
	if (self->disk < 0)
		SKIP(return, "no NVMe disk with a controller memory buffer");
	fd = open(allocate, O_RDWR);
	ASSERT_LE(0, fd);
	self->mem = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->ram = aligned_alloc(self->page, self->size);
	self->want = aligned_alloc(self->page, self->size);
	ASSERT_NE(NULL, self->ram);
	ASSERT_NE(NULL, self->want);
	for (size_t i = 0; i < self->size / sizeof(uint32_t); i++)
		((uint32_t *)self->want)[i] = i * 2654435761u;
	ASSERT_EQ(self->size, pwrite(self->disk, self->want, self->size, 0));
	self->pins = pins_held();
}

FIXTURE_TEARDOWN(gup_p2pdma)
{
	if (self->mem == MAP_FAILED)
		return;
	EXPECT_EQ(self->pins, pins_held());
	munmap(self->mem, self->size);
	free(self->ram);
	free(self->want);
	close(self->disk);
}

/* GUP alone refuses it, because the caller does not allow P2PDMA. */
TEST_F(gup_p2pdma, refused)
{
	struct pin_longterm_test test = {
		.addr = (uintptr_t)self->mem, .size = self->size,
		.flags = PIN_LONGTERM_TEST_FLAG_USE_FAST,
	};
	int gup = open("/sys/kernel/debug/gup_test", O_RDWR);

	if (gup < 0)
		SKIP(return, "no gup_test: needs CONFIG_GUP_TEST, debugfs and root");
	EXPECT_EQ(-1, ioctl(gup, PIN_LONGTERM_TEST_START, &test));
	EXPECT_EQ(EREMOTEIO, errno);
	test.flags = 0;
	EXPECT_EQ(-1, ioctl(gup, PIN_LONGTERM_TEST_START, &test));
	EXPECT_EQ(EREMOTEIO, errno);
	close(gup);
}

/* A device that cannot do DMA to the memory is refused. */
TEST_F(gup_p2pdma, refused_by_disk)
{
	int disk = open("/dev/vda", O_RDONLY | O_DIRECT);

	if (disk < 0)
		SKIP(return, "no /dev/vda");
	EXPECT_EQ(-1, pread(disk, self->mem, self->size, 0));
	EXPECT_EQ(EREMOTEIO, errno);
	close(disk);
}

/* Read into it, whole, and from the middle of a page to the middle of another one. */
TEST_F(gup_p2pdma, read)
{
	size_t off = self->page / 2, len = 5 * self->page;

	ASSERT_EQ(self->size, pread(self->disk, self->mem, self->size, 0));
	memcpy(self->ram, self->mem, self->size);
	EXPECT_EQ(0, memcmp(self->ram, self->want, self->size));

	ASSERT_EQ(len, pread(self->disk, self->mem + off, len, self->page));
	memcpy(self->ram, self->mem, self->size);
	EXPECT_EQ(0, memcmp(self->ram + off, self->want + self->page, len));
	EXPECT_EQ(0, memcmp(self->ram, self->want, off));
	EXPECT_EQ(0, memcmp(self->ram + off + len, self->want + off + len,
			    self->size - off - len));
}

TEST_F(gup_p2pdma, write)
{
	memset(self->ram, 0x5a, self->size);
	memcpy(self->mem, self->ram, self->size);
	ASSERT_EQ(self->size, pwrite(self->disk, self->mem, self->size, self->size));
	memset(self->ram, 0, self->size);
	ASSERT_EQ(self->size, pread(self->disk, self->ram, self->size, self->size));
	for (size_t i = 0; i < self->size; i++)
		ASSERT_EQ(0x5a, self->ram[i]);
}

/* Read into ordinary memory before and after it in the same call. */
TEST_F(gup_p2pdma, between_ram)
{
	struct iovec iov[] = {
		{ self->ram, self->page },
		{ self->mem, 3 * self->page },
		{ self->ram + self->page, self->page },
	};

	ASSERT_EQ(5 * self->page, preadv(self->disk, iov, 3, 0));
	EXPECT_EQ(0, memcmp(self->ram, self->want, self->page));
	EXPECT_EQ(0, memcmp(self->ram + self->page, self->want + 4 * self->page, self->page));
	memcpy(self->ram, self->mem, 3 * self->page);
	EXPECT_EQ(0, memcmp(self->ram, self->want + self->page, 3 * self->page));
}

TEST_HARNESS_MAIN
