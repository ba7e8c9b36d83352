#!/usr/bin/env bash
# Runs one command under a User-Mode Linux kernel, which is an ordinary process: for tests of what the running kernel
# lacks. The command sees this machine's files, and everything it writes is dropped at the end, but for what it puts
# into $TSCNI_UML_SHARE (the directory given by -o). Its network is its own, with "lo" and nothing else.
#
#   scripts/uml.sh [-o DIRECTORY] [-t SECONDS] COMMAND [ARGUMENT...]
#
# The kernel is Debian's linux.uml (package user-mode-linux), or the one that TSCNI_UML_KERNEL names. x86_64 only.
# Exit status: the command's; 124 past the time limit, 125 if the guest did not get so far.
set -u

die() {
  echo "uml: $*" >&2
  exit 125
}

output='' limit=600
while getopts 'o:t:' option; do
  case $option in
    o) output=$OPTARG ;;
    t) limit=$OPTARG ;;
    *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || die "no command given"

kernel=$(command -v -- "${TSCNI_UML_KERNEL:-linux.uml}") ||
  die "no ${TSCNI_UML_KERNEL:-linux.uml}: scripts/install-uml.sh, or name a kernel in TSCNI_UML_KERNEL"
busybox=$(command -v busybox) || die "no busybox: scripts/install-uml.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/tscni-uml.XXXXXX") || exit 125
[ -n "$output" ] || mkdir "$work/output"
output=$(realpath -e -- "${output:-$work/output}") || die "no such directory: $output"
mkdir "$work/control" "$work/uml"

guest=
finish() {
  trap '' INT TERM HUP
  # The kernel and every process of the guest are one process group.
  [ -z "$guest" ] || kill -KILL -- "-$guest" 2>/dev/null
  wait
  rm -rf -- "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Kernels before 6.13 save a process's registers in a buffer of fixed size, and the host refuses one that is smaller
# than what its processor has (AMX). There, this library gives ptrace a buffer that is large enough.
enlarge_registers() {
  "${CC:-cc}" -O2 -shared -fPIC -x c -o "$work/registers.so" - <<'C' || die "this processor has AMX: UML needs a C compiler here"
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
enum { PEEK_FIRST = 1, PEEK_LAST = 3, GET_REGISTERS = 0x4204, SET_REGISTERS = 0x4205, EXTENDED = 0x202 };
long ptrace(int request, ...) {
  va_list arguments;
  va_start(arguments, request);
  long pid = va_arg(arguments, int);
  void *where = va_arg(arguments, void *);
  struct iovec *data = va_arg(arguments, struct iovec *);
  va_end(arguments);
  if (request >= PEEK_FIRST && request <= PEEK_LAST) {
    long word;
    return syscall(SYS_ptrace, request, pid, where, &word) < 0 ? -1 : (errno = 0, word);
  }
  long result = syscall(SYS_ptrace, request, pid, where, data);
  if (result == 0 || errno != EFAULT || request != SET_REGISTERS || (long)where != EXTENDED) return result;
  static char all[1 << 16];
  struct iovec whole = {all, sizeof all};
  if (syscall(SYS_ptrace, GET_REGISTERS, pid, where, &whole) < 0) return -1;
  memcpy(all, data->iov_base, data->iov_len < whole.iov_len ? data->iov_len : whole.iov_len);
  return syscall(SYS_ptrace, SET_REGISTERS, pid, where, &whole);
}
C
}

options=$("$kernel" --help 2>&1)
further=() preload=()
if [[ $options == *seccomp=* ]]; then
  further+=(seccomp=auto)
elif grep -qw amx_tile /proc/cpuinfo; then
  enlarge_registers
  preload=("LD_PRELOAD=$work/registers.so")
fi

# What the first process of the guest does: a root that forgets, the usual mounts, the command.
export TSCNI_UML_SHARE=/run/share
export -p >"$work/control/environment"
printf '%q ' "$@" >"$work/control/command"
{
  printf 'busybox=%q control=%q output=%q directory=%q\n' "$busybox" "$work/control" "$output" "$PWD"
  cat <<'INIT'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
box() { "$busybox" "$@"; }
off() {
  box sync
  box poweroff -f
}
fail() {
  echo "uml: guest: $*" >/dev/ttyS0
  off
}
box mount -t proc proc /proc
box mount -t devtmpfs dev /dev
modules=/usr/lib/uml/modules/$(box uname -r)
box grep -qw overlay /proc/filesystems || box insmod "$modules/kernel/fs/overlayfs/overlay.ko" || fail "no overlayfs"
box mount -t tmpfs -o mode=755,size=90% layers /mnt || fail "no tmpfs"
box mkdir /mnt/upper /mnt/work /mnt/root
box mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work root /mnt/root || fail "no overlay"
cd /mnt/root || fail "no root"
box mkdir -p old-root usr/lib/modules
for mount in proc:proc sysfs:sys devtmpfs:dev tmpfs:run tmpfs:var/lib cgroup2:sys/fs/cgroup; do
  box mount -t "${mount%%:*}" none "${mount#*:}"
done
if [ -d "/usr/lib/uml/modules" ]; then box mount --bind /usr/lib/uml/modules usr/lib/modules; fi
box mkdir -p run/control run/share run/netns run/lock dev/pts dev/shm dev/net
box mount -t hostfs -o "$control" none run/control || fail "no hostfs"
box mount -t hostfs -o "$output" none run/share || fail "no hostfs"
box mount -t devpts -o ptmxmode=666 none dev/pts
box mount -t tmpfs -o mode=1777 none dev/shm
[ -e dev/net/tun ] || box mknod -m 666 dev/net/tun c 10 200
# Not chroot: what the kernel itself starts (modprobe) must find the new root too.
box pivot_root . old-root || fail "no new root"
cd / && box umount -l /old-root
[ -e /dev/fd ] || box ln -s /proc/self/fd /dev/fd
box stty -F /dev/ttyS0 raw -echo
# Kernels that have it as a module make two interfaces on loading; the tests want none.
echo "options dummy numdummies=0" >/etc/modprobe.d/tscni-uml.conf 2>/dev/null
# A module in Debian's kernel, which only some ways of asking for IPv6 load.
[ -e /proc/sys/net/ipv6 ] || modprobe ipv6 || fail "no IPv6"
ip link set lo up
(
  . /run/control/environment
  cd "$directory" || exit 125
  eval "exec $(box cat /run/control/command)"
) </dev/null >/dev/ttyS0 2>&1
echo $? >/run/control/status
# The line is a slow one: let it drain.
exec >/dev/ttyS0
box sleep 0.2
off
INIT
} >"$work/init.body"
{ echo '#!/bin/bash' && cat "$work/init.body"; } >"$work/init"
chmod 755 "$work/init"

mkfifo "$work/line"
# The kernel makes its descriptors non-blocking, so it must not get ours.
cat "$work/line" &
set -m
env -u TMPDIR "${preload[@]}" "$kernel" mem=1G root=/dev/root rootfstype=hostfs rootflags=/ ro init="$work/init" \
  uml_dir="$work/uml" umid=tscni panic=-1 noreboot quiet dummy.numdummies=0 ifb.numifbs=0 \
  con=null con0=null,fd:4 ssl=null ssl0=null,fd:3 "${further[@]}" \
  </dev/null 3>"$work/line" 4>"$work/console" >"$work/early" 2>&1 &
guest=$!
set +m
end=$((SECONDS + limit))
while kill -0 "$guest" 2>/dev/null; do
  if [ $SECONDS -ge $end ]; then
    echo "uml: stopped after $limit s" >&2
    exit 124
  fi
  sleep 0.1
done
kill -KILL -- "-$guest" 2>/dev/null
guest=
wait
if [ ! -s "$work/control/status" ]; then
  tail -n 20 "$work/early" "$work/console" >&2
  die "the guest ended without a result"
fi
exit "$(cat "$work/control/status")"
