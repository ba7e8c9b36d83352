/** Programs of the classic BPF, as socket(7) and seccomp(2) take them. */

import { addressOf } from "./syscall.ts";

/** Code, jump if true, jump if false, operand (linux/bpf_common.h). */
export type Instruction = readonly [code: number, yes: number, no: number, k: number];

const instructionSize = 8;

/** Hands the program to the work as struct sock_fprog, which is valid as long as the work takes (linux/filter.h). */
export function withProgram<T>(
  instructions: readonly Instruction[],
  work: (program: Uint8Array) => T,
): T {
  const code = new DataView(new ArrayBuffer(instructions.length * instructionSize)); // struct sock_filter
  for (const [index, [operation, yes, no, k]] of instructions.entries()) {
    const at = index * instructionSize;
    code.setUint16(at, operation, true);
    code.setUint8(at + 2, yes);
    code.setUint8(at + 3, no);
    code.setUint32(at + 4, k, true);
  }
  const bytes = new Uint8Array(code.buffer);
  const program = new DataView(new ArrayBuffer(16));
  program.setUint16(0, instructions.length, true);
  program.setBigUint64(8, BigInt(addressOf(bytes)), true);
  const result = work(new Uint8Array(program.buffer));
  // Named once more, so that the code is not given up before the kernel has read it.
  bytes.fill(0);
  return result;
}
