// SPDX-License-Identifier: GPL-2.0-only
/*
 * pin_devices: the cost of pinning memory for devices.
 *
 *	pin_devices iommufd MIB 4K|split|64K|THP|hugetlb
 *		map it into the mock domain of IOMMUFD
 *	pin_devices vfio MIB 4K|split|64K|THP|hugetlb
 *		map it for an IOMMU, by a container of VFIO, type 1. The device is
 *		QEMU's "edu".
 *	pin_devices rdma MIB 4K|split|64K|THP|hugetlb
 *		register it with rxe, on the loopback device
 *
 * Prints a figure for workbench/bench/cost.sh: instructions, because under -icount one
 * nanosecond is one instruction. It is the least of several runs.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_netlink.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "drivers/iommu/iommufd/iommufd_test.h"
#include <linux/netlink.h>
#include <linux/vfio.h>
#include "pin_util.h"

#define PCI_DEVICES	"/sys/bus/pci/devices/"
#define EDU		"0x11e8"
#define IOVA		(1ul << 30)
#define MOCK_IOVA	(1ul << 24)	/* where the mock domain begins */

static int open_file(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", file);
	return fd;
}

static void do_ioctl(int fd, unsigned long request, void *arg, const char *name)
{
	if (ioctl(fd, request, arg) < 0)
		err(1, "%s", name);
}

#define DO_IOCTL(fd, request, arg)	do_ioctl(fd, request, (void *)(arg), #request)

static uint32_t ioas;

static int iommufd_open(void)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	struct iommu_test_cmd mock = { .size = sizeof(mock), .op = IOMMU_TEST_OP_MOCK_DOMAIN };
	int fd = open_file("/dev/iommu");

	DO_IOCTL(fd, IOMMU_IOAS_ALLOC, &alloc);
	ioas = mock.id = alloc.out_ioas_id;
	DO_IOCTL(fd, _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32), &mock);
	return fd;
}

static void iommufd_map(int fd, char *p, size_t size)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map), .ioas_id = ioas, .user_va = (uintptr_t)p, .length = size,
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_READABLE,
		.iova = MOCK_IOVA,
	};

	DO_IOCTL(fd, IOMMU_IOAS_MAP, &map);
}

static void iommufd_unmap(int fd, char *p, size_t size)
{
	struct iommu_ioas_unmap unmap = {
		.size = sizeof(unmap), .ioas_id = ioas, .iova = MOCK_IOVA, .length = size,
	};

	(void)p;
	DO_IOCTL(fd, IOMMU_IOAS_UNMAP, &unmap);
}

/* Bind the device to vfio-pci. Returns its group. */
static int vfio_group(void)
{
	char path[512], text[64];
	struct dirent *entry;
	ssize_t len;
	DIR *dir = opendir(PCI_DEVICES);
	int fd;

	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), PCI_DEVICES "%s/device", entry->d_name);
		fd = open(path, O_RDONLY);
		len = fd < 0 ? 0 : read(fd, text, strlen(EDU));
		close(fd);
		if (len < (ssize_t)strlen(EDU) || memcmp(text, EDU, len))
			continue;
		snprintf(path, sizeof(path), PCI_DEVICES "%s/driver_override", entry->d_name);
		write_to(path, "vfio-pci");
		write_to("/sys/bus/pci/drivers_probe", entry->d_name);
		snprintf(path, sizeof(path), PCI_DEVICES "%s/iommu_group", entry->d_name);
		len = readlink(path, text, sizeof(text) - 1);
		if (len < 0)
			err(1, "%s", path);
		text[len] = 0;
		return atoi(strrchr(text, '/') + 1);
	}
	errx(1, "no edu device");
}

static int vfio_open(void)
{
	int container = open_file("/dev/vfio/vfio"), group;
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/%d", vfio_group());
	group = open_file(path);
	DO_IOCTL(group, VFIO_GROUP_SET_CONTAINER, &container);
	DO_IOCTL(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
	return container;
}

static void vfio_map(int fd, char *p, size_t size)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map), .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)p, .iova = IOVA, .size = size,
	};

	DO_IOCTL(fd, VFIO_IOMMU_MAP_DMA, &map);
}

static void vfio_unmap(int fd, char *p, size_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap), .iova = IOVA, .size = size,
	};

	(void)p;
	DO_IOCTL(fd, VFIO_IOMMU_UNMAP_DMA, &unmap);
}

static char *add_attr(char *p, int type, const char *text)
{
	struct nlattr *attr = (void *)p;

	attr->nla_type = type;
	attr->nla_len = NLA_HDRLEN + strlen(text) + 1;
	strcpy(p + NLA_HDRLEN, text);
	return p + NLA_ALIGN(attr->nla_len);
}

/* Same as "rdma link add rxe0 type rxe netdev lo" */
static void rdma_add_link(void)
{
	struct {
		struct nlmsghdr header;
		char attrs[256];
	} msg = {};
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	int nl = socket(AF_NETLINK, SOCK_RAW, NETLINK_RDMA);
	struct nlmsgerr *answer;
	char buf[1024];
	char *p = msg.attrs;

	DO_IOCTL(sock, SIOCSIFFLAGS, &lo);
	close(sock);
	p = add_attr(p, RDMA_NLDEV_ATTR_DEV_NAME, "rxe0");
	p = add_attr(p, RDMA_NLDEV_ATTR_LINK_TYPE, "rxe");
	p = add_attr(p, RDMA_NLDEV_ATTR_NDEV_NAME, "lo");
	msg.header.nlmsg_type = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_NEWLINK);
	msg.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	msg.header.nlmsg_len = p - (char *)&msg;
	if (send(nl, &msg, msg.header.nlmsg_len, 0) < 0 || recv(nl, buf, sizeof(buf), 0) < 0)
		err(1, "netlink");
	answer = NLMSG_DATA((struct nlmsghdr *)buf);
	if (answer->error && answer->error != -EEXIST) {
		errno = -answer->error;
		err(1, "rdma link add");
	}
	close(nl);
}

static uint32_t pd, mr;

/* A command of the old verbs interface. @cmd begins with the address of @resp. */
static void verbs(int fd, uint32_t command, void *cmd, size_t size, void *resp, size_t resp_size)
{
	struct { struct ib_uverbs_cmd_hdr header; char cmd[64]; } msg = {
		.header = { command, (sizeof(msg.header) + size) / 4, resp_size / 4 },
	};

	if (resp)
		*(uint64_t *)cmd = (uintptr_t)resp;
	memcpy(msg.cmd, cmd, size);
	size += sizeof(msg.header);
	if (write(fd, &msg, size) != (ssize_t)size)
		err(1, "command %u of verbs", command);
}

static int rdma_open(void)
{
	struct { uint64_t response; } get = {};
	struct ib_uverbs_get_context_resp context;
	struct ib_uverbs_alloc_pd alloc = {};
	struct ib_uverbs_alloc_pd_resp resp;
	int fd;

	rdma_add_link();
	fd = open_file("/dev/infiniband/uverbs0");
	verbs(fd, IB_USER_VERBS_CMD_GET_CONTEXT, &get, sizeof(get), &context, sizeof(context));
	verbs(fd, IB_USER_VERBS_CMD_ALLOC_PD, &alloc, sizeof(alloc), &resp, sizeof(resp));
	pd = resp.pd_handle;
	return fd;
}

static void rdma_map(int fd, char *p, size_t size)
{
	struct ib_uverbs_reg_mr reg = {
		.start = (uintptr_t)p, .length = size, .hca_va = (uintptr_t)p, .pd_handle = pd,
		.access_flags = 1,	/* local write */
	};
	struct ib_uverbs_reg_mr_resp resp;

	verbs(fd, IB_USER_VERBS_CMD_REG_MR, &reg, sizeof(reg), &resp, sizeof(resp));
	mr = resp.mr_handle;
}

static void rdma_unmap(int fd, char *p, size_t size)
{
	struct ib_uverbs_dereg_mr dereg = { .mr_handle = mr };

	(void)p, (void)size;
	verbs(fd, IB_USER_VERBS_CMD_DEREG_MR, &dereg, sizeof(dereg), NULL, 0);
}

static const struct device {
	const char *name;
	int (*open)(void);
	void (*map)(int fd, char *p, size_t size);
	void (*unmap)(int fd, char *p, size_t size);
} devices[] = {
	{ "iommufd", iommufd_open, iommufd_map, iommufd_unmap },
	{ "vfio", vfio_open, vfio_map, vfio_unmap },
	{ "rdma", rdma_open, rdma_map, rdma_unmap },
};

int main(int argc, char **argv)
{
	const struct device *dev = devices;
	uint64_t best = -1, start;
	size_t size;
	char *p;
	int fd;

	if (argc != 4)
		errx(1, "usage: pin_devices iommufd|vfio|rdma MIB MEMORY");
	while (strcmp(dev->name, argv[1]))
		if (++dev == devices + sizeof(devices) / sizeof(devices[0]))
			errx(1, "no device '%s'", argv[1]);
	size = strtoul(argv[2], NULL, 0) * MB;
	p = memory(argv[3], size);
	fd = dev->open();
	for (int i = 0; i < RUNS; i++) {
		start = now_ns();
		dev->map(fd, p, size);
		start = now_ns() - start;
		best = start < best ? start : best;
		dev->unmap(fd, p, size);
	}
	printf("%s/map/%sM/%s insn %llu\n", argv[1], argv[2], argv[3], (unsigned long long)best);
	return 0;
}
