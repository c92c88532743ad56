// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large direct reads and writes with metadata of user space, in one call of io_uring.
 *
 * They need a disk whose blocks have metadata in a separate buffer, such as an NVMe
 * namespace. With blocks of 512 bytes and 8 bytes of metadata, 64 MiB have 1 MiB of it.
 * Many disks take less in one request. The test overwrites the disk, so it must be
 * named: TEST_DISK=/dev/nvme1n1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "kselftest_harness.h"
#include "pins_held.h"
#include "vm_util.h"

#define MIB	(1ul << 20)

FIXTURE(dio_metadata) {
	struct logical_block_metadata_cap cap;
	struct io_uring_sqe *sqe;
	char *sq, *data, *meta;
	size_t size;
	struct io_uring_params ring;
	int disk, fd;
	long pins;
};

FIXTURE_VARIANT(dio_metadata) {
	size_t mib;
	bool fixed;	/* a buffer that is registered with io_uring */
};

FIXTURE_VARIANT_ADD(dio_metadata, mib_1) { .mib = 1 };
FIXTURE_VARIANT_ADD(dio_metadata, mib_1_fixed) { .mib = 1, .fixed = true };
FIXTURE_VARIANT_ADD(dio_metadata, mib_64) { .mib = 64 };
FIXTURE_VARIANT_ADD(dio_metadata, mib_64_fixed) { .mib = 64, .fixed = true };

static char *map_ring(FIXTURE_DATA(dio_metadata) *self, size_t size, off_t what)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, what);
}

FIXTURE_SETUP(dio_metadata)
{
	const char *disk = getenv("TEST_DISK");
	size_t huge = read_pmd_pagesize();
	struct iovec iov;
	char *area;

	self->disk = disk ? open(disk, O_RDWR | O_DIRECT) : -1;
	if (self->disk < 0)
		SKIP(return, "no TEST_DISK");
	if (ioctl(self->disk, FS_IOC_GETLBMD_CAP, &self->cap) || !self->cap.lbmd_size ||
	    !self->cap.lbmd_interval)
		SKIP(return, "TEST_DISK has no metadata");
	self->pins = pins_held();
	self->fd = syscall(__NR_io_uring_setup, 1, &self->ring);
	if (self->fd < 0)
		SKIP(return, "no io_uring");
	self->sq = map_ring(self, psize(), IORING_OFF_SQ_RING);
	ASSERT_NE(MAP_FAILED, self->sq);
	self->sqe = (void *)map_ring(self, psize(), IORING_OFF_SQES);
	ASSERT_NE(MAP_FAILED, self->sqe);

	self->size = variant->mib * MIB;
	area = mmap(NULL, self->size + huge, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	self->data = huge ? area + huge - (uintptr_t)area % huge : area;
	madvise(self->data, self->size, MADV_HUGEPAGE);
	self->meta = malloc(self->size / self->cap.lbmd_interval * self->cap.lbmd_size);
	ASSERT_NE(NULL, self->meta);
	iov = (struct iovec) { self->data, self->size };
	if (variant->fixed)
		ASSERT_EQ(0, syscall(__NR_io_uring_register, self->fd,
				     IORING_REGISTER_BUFFERS, &iov, 1));
}

FIXTURE_TEARDOWN(dio_metadata)
{
	if (!self->meta)
		return;
	if (variant->fixed)
		EXPECT_EQ(0, syscall(__NR_io_uring_register, self->fd,
				     IORING_UNREGISTER_BUFFERS, NULL, 0));
	EXPECT_EQ(self->pins, pins_held());
	close(self->fd);
	close(self->disk);
}

/* Read or write all of it in one call. Returns the number of bytes, or -errno. */
static int transfer(FIXTURE_DATA(dio_metadata) *self, int opcode)
{
	struct io_uring_attr_pi pi = {
		.addr = (uintptr_t)self->meta,
		.len = self->size / self->cap.lbmd_interval * self->cap.lbmd_size,
	};
	unsigned int *tail = (void *)(self->sq + self->ring.sq_off.tail);
	unsigned int *head = (void *)(self->sq + self->ring.cq_off.head);
	struct io_uring_cqe *cqes = (void *)(self->sq + self->ring.cq_off.cqes);
	int ret;

	*self->sqe = (struct io_uring_sqe) {
		.opcode = opcode, .fd = self->disk, .len = self->size,
		.addr = (uintptr_t)self->data, .attr_ptr = (uintptr_t)&pi,
		.attr_type_mask = IORING_RW_ATTR_FLAG_PI,
	};
	((unsigned int *)(self->sq + self->ring.sq_off.array))[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	ret = syscall(__NR_io_uring_enter, self->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0);
	if (ret != 1)
		return ret < 0 ? -errno : -EPROTO;
	ret = cqes[*head & (self->ring.cq_entries - 1)].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return ret;
}

/* Each block and its metadata come back. */
TEST_F(dio_metadata, write_and_read)
{
	uint32_t *data = (void *)self->data, *meta = (void *)self->meta;
	size_t step = self->cap.lbmd_interval / sizeof(*data);
	size_t meta_step = self->cap.lbmd_size / sizeof(*meta);
	size_t blocks = self->size / self->cap.lbmd_interval, i;

	ASSERT_LT(0, meta_step);
	for (i = 0; i < blocks; i++) {
		data[i * step] = i * 2654435761u;
		meta[i * meta_step] = i * 2246822519u;
	}
	ASSERT_EQ(self->size, transfer(self, variant->fixed ? IORING_OP_WRITE_FIXED :
					     IORING_OP_WRITE));
	memset(self->data, 0, self->size);
	memset(self->meta, 0, blocks * self->cap.lbmd_size);
	ASSERT_EQ(self->size, transfer(self, variant->fixed ? IORING_OP_READ_FIXED :
					     IORING_OP_READ));
	for (i = 0; i < blocks; i++) {
		ASSERT_EQ((uint32_t)(i * 2654435761u), data[i * step]);
		ASSERT_EQ((uint32_t)(i * 2246822519u), meta[i * meta_step]);
	}
}

TEST_HARNESS_MAIN
