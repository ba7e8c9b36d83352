/** System calls by name. Only calls that x64 and arm64 both have are here: openat, not open. */

import { port } from "#port";
import { Errno, SysError } from "./errno.ts";
import type { SyscallArgument } from "./port.ts";

/** __NR_*: asm/unistd_64.h on x64, asm-generic/unistd.h on arm64 */
const numbers = {
  accept4: [288, 242],
  bind: [49, 200],
  brk: [12, 214],
  capget: [125, 90],
  capset: [126, 91],
  chdir: [80, 49],
  chroot: [161, 51],
  clock_gettime: [228, 113],
  clone: [56, 220],
  close: [3, 57],
  connect: [42, 203],
  dup3: [292, 24],
  epoll_create1: [291, 20],
  epoll_ctl: [233, 21],
  epoll_pwait: [281, 22],
  eventfd2: [290, 19],
  execve: [59, 221],
  exit_group: [231, 94],
  faccessat: [269, 48],
  fchdir: [81, 50],
  fchmod: [91, 52],
  fchmodat: [268, 53],
  fchown: [93, 55],
  fcntl: [72, 25],
  fdatasync: [75, 83],
  flock: [73, 32],
  fstatfs: [138, 44],
  fsync: [74, 82],
  ftruncate: [77, 46],
  getcwd: [79, 17],
  getdents64: [217, 61],
  geteuid: [107, 175],
  getgid: [104, 176],
  getpeername: [52, 205],
  getpid: [39, 172],
  getppid: [110, 173],
  getrandom: [318, 278],
  getsockname: [51, 204],
  getsockopt: [55, 209],
  gettid: [186, 178],
  getuid: [102, 174],
  inotify_add_watch: [254, 27],
  inotify_init1: [294, 26],
  ioctl: [16, 29],
  kill: [62, 129],
  linkat: [265, 37],
  listen: [50, 201],
  lseek: [8, 62],
  madvise: [28, 233],
  memfd_create: [319, 279],
  mkdirat: [258, 34],
  mmap: [9, 222],
  mount: [165, 40],
  mremap: [25, 216],
  munmap: [11, 215],
  nanosleep: [35, 101],
  newfstatat: [262, 79],
  openat: [257, 56],
  pidfd_open: [434, 434],
  pidfd_send_signal: [424, 424],
  pipe2: [293, 59],
  ppoll: [271, 73],
  prctl: [157, 167],
  pread64: [17, 67],
  prlimit64: [302, 261],
  pwrite64: [18, 68],
  read: [0, 63],
  readlinkat: [267, 78],
  recvfrom: [45, 207],
  recvmmsg: [299, 243],
  recvmsg: [47, 212],
  renameat2: [316, 276],
  pwritev: [296, 70],
  preadv: [295, 69],
  restart_syscall: [219, 128],
  rt_sigpending: [127, 136],
  rt_sigprocmask: [14, 135],
  rt_sigreturn: [15, 139],
  rt_sigtimedwait: [128, 137],
  sendmsg: [46, 211],
  sendto: [44, 206],
  setns: [308, 268],
  setsid: [112, 157],
  setsockopt: [54, 208],
  shutdown: [48, 210],
  signalfd4: [289, 74],
  socket: [41, 198],
  socketpair: [53, 199],
  statfs: [137, 43],
  statx: [332, 291],
  symlinkat: [266, 36],
  tgkill: [234, 131],
  timerfd_create: [283, 85],
  timerfd_settime: [286, 86],
  umask: [95, 166],
  umount2: [166, 39],
  uname: [63, 160],
  unlinkat: [263, 35],
  unshare: [272, 97],
  utimensat: [280, 88],
  wait4: [61, 260],
  write: [1, 64],
} as const satisfies Record<string, readonly [x64: number, arm64: number]>;

/** A system call's name. */
export type SyscallName = keyof typeof numbers;

const column = port.arch === "arm64" ? 1 : 0;

/** The calls' numbers on this architecture. */
const own = Object.fromEntries(
  Object.entries(numbers).map(([name, both]) => [name, both[column]]),
) as Readonly<Record<SyscallName, number>>;

/** AUDIT_ARCH_*, linux/audit.h: what a seccomp filter sees of this architecture */
export const syscallArchitecture = port.arch === "arm64" ? 0xc000_00b7 : 0xc000_003e;

/** A system call's number on this architecture, for filters. */
export function syscallNumber(name: SyscallName): number {
  return own[name];
}

type Argument = SyscallArgument | undefined;

// A system call's six arguments are written out: to gather and spread them costs the engine more than all the rest
// (measured: 6200 instructions each against 1800, and an ADD makes eighty).

/** Makes a system call and returns what the kernel says: a value, or minus the errno. */
// biome-ignore lint/complexity/useMaxParams: as the kernel has it
export function attempt(
  name: SyscallName,
  a?: Argument,
  b?: Argument,
  c?: Argument,
  d?: Argument,
  e?: Argument,
  f?: Argument,
): number {
  return port.syscall(own[name], a, b, c, d, e, f);
}

/** Makes a system call; throws a SysError when the kernel refuses. */
// biome-ignore lint/complexity/useMaxParams: as the kernel has it
export function call(
  name: SyscallName,
  a?: Argument,
  b?: Argument,
  c?: Argument,
  d?: Argument,
  e?: Argument,
  f?: Argument,
): number {
  const result = port.syscall(own[name], a, b, c, d, e, f);
  return result < 0 ? check(result, name) : result;
}

/** As `attempt`, and again for as long as signals interrupt it. Never for close. */
// biome-ignore lint/complexity/useMaxParams: as the kernel has it
export function retry(
  name: SyscallName,
  a?: Argument,
  b?: Argument,
  c?: Argument,
  d?: Argument,
  e?: Argument,
  f?: Argument,
): number {
  for (;;) {
    const result = port.syscall(own[name], a, b, c, d, e, f);
    if (result !== -Errno.EINTR) return result;
  }
}

/** Passes a result of `attempt` on; throws when it is minus an errno. */
export function check(result: number, call: string, subject?: string): number {
  if (result < 0) throw new SysError(call, -result, subject);
  return result;
}

/** Where an array's bytes are, for structures that hold pointers. Valid while the array lives. */
export function addressOf(bytes: Uint8Array): number {
  return port.addressOf(bytes);
}
