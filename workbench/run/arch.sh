# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2153
# The differences between architectures: how to build, how to boot. Sourced after
# lib.sh. A new architecture needs a new case here, its packages in deps, and a
# file in workbench/configs/arch/.

# The name in configurations and builds: one kernel is for both MMUs of powerpc.
PORT=${ARCH%-*}

# For programs that use headers of the kernel's tools/include/uapi. Its types are
# incomplete on powerpc.
USER_FLAGS=()
[ "$PORT" != powerpc ] || USER_FLAGS=(-D__SANE_USERSPACE_TYPES__= -include asm/types.h)

case $ARCH in
x86_64|i386)
	KARCH=x86
	DEBARCH=${ARCH/x86_64/amd64}
	CROSS=
	TARGET=bzImage
	IMAGE=arch/x86/boot/bzImage
	QEMU=qemu-system-x86_64
	MACHINE=(-M pc)
	CPU=max
	[ "$ARCH" = x86_64 ] || CPU=max,-lm
	# While identify_cpu() runs, the feature bits of the boot CPU are clear. KASAN
	# gets the number of page-table levels from them. With five levels, it reports
	# an interrupt at that time as a wild access.
	[ "${FLAVOUR-}" != debug-kasan ] || CPU=max,-la57
	CONSOLE=ttyS0
	;;
arm64)
	KARCH=arm64
	DEBARCH=arm64
	CROSS=aarch64-linux-gnu-
	TARGET=Image
	IMAGE=arch/arm64/boot/Image
	QEMU=qemu-system-aarch64
	MACHINE=(-M "virt,gic-version=3")
	CPU=max
	CONSOLE=ttyAMA0
	;;
arm)
	KARCH=arm
	DEBARCH=armhf
	CROSS=arm-linux-gnueabihf-
	TARGET=zImage
	IMAGE=arch/arm/boot/zImage
	QEMU=qemu-system-arm
	MACHINE=(-M "virt,highmem=on")
	CPU=cortex-a15
	CONSOLE=ttyAMA0
	;;
powerpc-radix|powerpc-hash)
	KARCH=powerpc
	DEBARCH=ppc64el
	CROSS=powerpc64le-linux-gnu-
	TARGET=vmlinux
	IMAGE=vmlinux
	QEMU=qemu-system-ppc64
	# Features that TCG lacks; the page size that huge pages of the hash MMU need.
	MACHINE=(-M "pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off" -vga none)
	CPU=POWER9
	[ "$ARCH" = powerpc-radix ] || {
		MACHINE[1]+=,cap-hpt-max-page-size=16M
		CPU=POWER8
	}
	CONSOLE=hvc0
	;;
s390|riscv|mips|sh|sparc)
	# These are only built: their walks disable interrupts, as before.
	KARCH=$ARCH
	case $ARCH in
	s390) CROSS=s390x-linux-gnu- ;;
	riscv) CROSS=riscv64-linux-gnu- ;;
	mips) CROSS=mips64el-linux-gnuabi64- ;;
	sh) CROSS=sh4-linux-gnu- ;;
	sparc) CROSS=sparc64-linux-gnu- ;;
	esac
	TARGET=vmlinux
	IMAGE=vmlinux
	;;
*)
	die "ARCH=$ARCH is not known" "one of: x86_64 i386 arm64 arm powerpc-radix powerpc-hash; to build only: s390 riscv mips sh sparc"
	;;
esac

# KVM can only run guests of the machine's own architecture.
[ "$ARCH" = "$(uname -m)" ] && NATIVE=1 || NATIVE=
