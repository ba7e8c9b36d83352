/** What a file is, as statx tells it: its layout is the same on every architecture, that of struct stat is not. */

/** What is known about a file. */
export interface Stat {
  /** The device, as a number of our own: equal for equal devices. */
  dev: number;
  ino: bigint;
  /** Type and permission bits. */
  mode: number;
  links: number;
  uid: number;
  gid: number;
  size: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  isDirectory: boolean;
  isFile: boolean;
  isLink: boolean;
}

/** Bytes in struct statx */
export const statxSize = 256;

/** STATX_BASIC_STATS, linux/stat.h */
export const statxBasic = 0x7ff;

/** S_IF*, linux/stat.h */
const fileTypes = { mask: 0o170000, directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** Reads a filled struct statx. */
export function readStatx(bytes: Uint8Array): Stat {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (offset: number) => view.getUint32(offset, true);
  const time = (offset: number) =>
    view.getBigInt64(offset, true) * 1_000_000_000n + BigInt(u32(offset + 8));
  const mode = view.getUint16(28, true);
  const type = mode & fileTypes.mask;
  return {
    links: u32(16),
    uid: u32(20),
    gid: u32(24),
    mode,
    ino: view.getBigUint64(32, true),
    size: Number(view.getBigUint64(40, true)),
    ctimeNs: time(96),
    mtimeNs: time(112),
    dev: u32(136) * 0x10_0000 + u32(140),
    isDirectory: type === fileTypes.directory,
    isFile: type === fileTypes.file,
    isLink: type === fileTypes.link,
  };
}
