# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034,SC2153
# What differs between the architectures: how to build, how to boot.
# Sourced after lib.sh. A new architecture is a new case here, its packages in
# deps, and a configs/arch/ file.

case $ARCH in
x86_64)
	KARCH=x86
	CROSS=
	TARGET=bzImage
	IMAGE=arch/x86/boot/bzImage
	QEMU=qemu-system-x86_64
	MACHINE=(-M pc)
	CPU=max
	CONSOLE=ttyS0
	;;
*)
	die "ARCH=$ARCH is not known" "ARCH=x86_64"
	;;
esac

# KVM can only run the machine's own kind.
[ "$ARCH" = "$(uname -m)" ] && NATIVE=1 || NATIVE=
