/** What a daemon that parses strangers' packets as root gives up: capabilities(7), seccomp(2). */

import { Errno, errnoText } from "../../../pkg/sys/errno.ts";
import { type Instruction, withProgram } from "../../../pkg/sys/socket-filter.ts";
import {
  attempt,
  check,
  type SyscallName,
  syscallArchitecture,
  syscallNumber,
} from "../../../pkg/sys/syscall.ts";

/** CAP_*, linux/capability.h: what is kept, and for what */
const kept = {
  DAC_READ_SEARCH: 2, // paths of namespaces that other users keep
  NET_BIND_SERVICE: 10, // the client's port
  NET_ADMIN: 12, // addresses and routes
  NET_RAW: 13, // packet sockets
  SYS_PTRACE: 19, // /proc/<pid>/ns/net of others' processes
  SYS_ADMIN: 21, // setns
} as const;

/** PR_*, linux/prctl.h */
const Control = { setSeccomp: 22, capBsetDrop: 24, setNoNewPrivs: 38, capAmbient: 47 } as const;
const clearAmbient = 4;
const filterMode = 2;
/** _LINUX_CAPABILITY_VERSION_3 */
const capabilityVersion = 0x20080522;
const mostCapabilities = 64;

/** All that is called from now on, by the daemon and by the engine below it. */
const allowed: readonly SyscallName[] = [
  ...(["read", "write", "close", "openat", "lseek", "statx", "fcntl", "readlinkat"] as const),
  ...(["renameat2", "unlinkat", "getdents64", "statfs", "fstatfs", "fsync", "flock"] as const),
  ...(["socket", "bind", "connect", "accept4", "getsockopt", "setsockopt", "getsockname"] as const),
  ...(["sendto", "sendmsg", "recvfrom", "recvmsg", "recvmmsg", "shutdown", "setns"] as const),
  ...(["epoll_ctl", "epoll_pwait", "ppoll", "timerfd_settime", "nanosleep"] as const),
  ...(["clock_gettime", "getrandom", "getpid", "geteuid", "rt_sigprocmask"] as const),
  ...(["mmap", "munmap", "mremap", "madvise", "brk"] as const),
  ...(["rt_sigreturn", "restart_syscall", "exit_group"] as const),
];

/** SECCOMP_RET_*, linux/seccomp.h */
const Verdict = {
  kill: 0x8000_0000,
  refuse: 0x0005_0000 | Errno.EPERM,
  allow: 0x7fff_0000,
} as const;

/** RLIMIT_NOFILE, asm-generic/resource.h */
const openFiles = 7;

/** Shells and services begin with 1024 descriptors, some hundred attachments' worth; as many as may be had are. */
export function raiseOpenFiles(): void {
  const limit = new BigUint64Array(2); // struct rlimit64: what counts, and what it may be raised to
  const bytes = new Uint8Array(limit.buffer);
  check(attempt("prlimit64", 0, openFiles, null, bytes), "read the limit of open files");
  limit[0] = limit[1] ?? 0n;
  check(attempt("prlimit64", 0, openFiles, bytes, null), "raise the limit of open files");
}

/** Gives up what is not needed. What the kernel does not let us give up is told. */
export function confine(log: (text: string) => void): void {
  dropCapabilities();
  check(attempt("prctl", Control.setNoNewPrivs, 1, 0, 0, 0), "give up new privileges");
  const result = installFilter();
  if (result < 0) log(`runs without a seccomp filter: ${errnoText(-result)}`);
}

function dropCapabilities(): void {
  const numbers: readonly number[] = Object.values(kept);
  for (let capability = 0; capability < mostCapabilities; capability++) {
    if (!numbers.includes(capability)) attempt("prctl", Control.capBsetDrop, capability, 0, 0, 0);
  }
  attempt("prctl", Control.capAmbient, clearAmbient, 0, 0, 0);
  const header = new DataView(new ArrayBuffer(8)); // struct __user_cap_header_struct
  header.setUint32(0, capabilityVersion, true);
  const data = new DataView(new ArrayBuffer(24)); // two of struct __user_cap_data_struct
  const bytes = [new Uint8Array(header.buffer), new Uint8Array(data.buffer)] as const;
  check(attempt("capget", ...bytes), "read capabilities");
  let mask = 0;
  for (const capability of numbers) mask |= 1 << capability;
  // Who starts with less keeps less.
  const permitted = (data.getUint32(4, true) & mask) >>> 0;
  for (const [at, value] of [permitted, permitted, 0, 0, 0, 0].entries()) {
    data.setUint32(at * 4, value, true);
  }
  check(attempt("capset", ...bytes), "give up capabilities");
}

/** Loads struct seccomp_data's architecture and number, and compares: BPF as in pkg/sys/socket-filter.ts. */
function installFilter(): number {
  const code: Instruction[] = [
    [0x20, 0, 0, 4], // ld: the architecture
    [0x15, 1, 0, syscallArchitecture],
    [0x06, 0, 0, Verdict.kill],
    [0x20, 0, 0, 0], // ld: the number
  ];
  for (const [at, name] of allowed.entries()) {
    code.push([0x15, allowed.length - at, 0, syscallNumber(name)]);
  }
  code.push([0x06, 0, 0, Verdict.refuse], [0x06, 0, 0, Verdict.allow]);
  return withProgram(code, (program) =>
    attempt("prctl", Control.setSeccomp, filterMode, program, 0, 0),
  );
}
