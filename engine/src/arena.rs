//! The allocator below QuickJS. All its state lies in the image, so a restored program goes on allocating and freeing.
//!
//! QuickJS carves small blocks out of chunks itself (engine/quickjs/blocks.h), so blocks here are chunks, tables, long
//! strings and buffers: eight size classes per doubling, freed blocks kept by class, nothing merged. Blocks of the image
//! itself lie side by side (pack.rs) and are not used again once they are freed.

use crate::image::BASE;
use crate::sys;
use core::ptr;

/// Blocks above this size, with their header, are mappings of their own (not while an image is made).
const LARGEST: usize = 256 << 10;
const SMALLEST: usize = 64;
const FIRST_CHUNK: usize = 256 << 10;
const LAST_CHUNK: usize = 4 << 20;
const HEADER: usize = 8;
/// A block with its own mapping starts this far into it.
const MAPPED_HEADER: usize = 16;
const MAPPED: usize = 1;

const CLASSES: usize = 97;

#[repr(C)]
pub struct Arena {
    next: usize,
    end: usize,
    /// From here to the end nothing has ever been written.
    fresh: usize,
    /// How much to ask for next; 0 when there is nothing beyond the end.
    chunk: usize,
    /// Freed blocks by class, linked through their first word.
    free: [usize; CLASSES],
    /// Freed blocks beyond the classes that are no mappings.
    free_large: usize,
    /// The blocks below this address are the image's; 0 without an image.
    image_end: usize,
}

/// In the first word of a small block QuickJS has a byte without meaning, which is this.
const NOT_NOTED: u8 = 0xff;

unsafe fn noted_size(block: usize) -> *mut u8 {
    (block + 2) as *mut u8
}

/// A block's header holds its capacity; the lowest bit says that it is a mapping.
unsafe fn header(block: usize) -> *mut usize {
    (block - HEADER) as *mut usize
}

pub unsafe fn capacity(block: usize) -> usize {
    *header(block) & !7
}

unsafe fn is_mapped(block: usize) -> bool {
    *header(block) & MAPPED != 0
}

/// Class and size for `total` bytes, header included.
fn class_of(total: usize) -> (usize, usize) {
    if total <= SMALLEST {
        return (0, SMALLEST);
    }
    let last = total - 1;
    let power = last.ilog2() as usize;
    let steps = last >> (power - 3); // 8 to 15
    ((power - 6) * 8 + steps - 7, (steps + 1) << (power - 3))
}

impl Arena {
    pub fn new(next: usize, end: usize) -> Self {
        Self {
            next,
            end,
            fresh: next,
            chunk: FIRST_CHUNK,
            free: [0; CLASSES],
            free_large: 0,
            image_end: 0,
        }
    }

    /// Never goes beyond `end`. The memory may have been used before, so none of it is known to hold zeros.
    pub fn bounded(next: usize, end: usize) -> Self {
        Self {
            chunk: 0,
            fresh: end,
            ..Self::new(next, end)
        }
    }

    /// What goes on behind an image's blocks.
    pub fn behind_image(image_end: usize, end: usize) -> Self {
        Self {
            image_end,
            ..Self::new(image_end, end)
        }
    }

    /// Writes a size into a small block of an image, where `capacity` finds it.
    pub unsafe fn note_size(block: usize, size: usize) {
        *noted_size(block) = (size / 8) as u8;
    }

    fn is_image(&self, block: usize) -> bool {
        (BASE..self.image_end).contains(&block)
    }

    pub unsafe fn capacity(&self, block: usize) -> usize {
        if self.is_image(block) && *noted_size(block) != NOT_NOTED {
            return *noted_size(block) as usize * 8;
        }
        capacity(block)
    }

    /// A block, and how many of its first bytes may hold something: all behind them are zeros.
    pub unsafe fn allocate(&mut self, size: usize) -> Option<(usize, usize)> {
        let total = size.checked_add(HEADER + 7)? & !7;
        if total > LARGEST {
            return self.allocate_large(total);
        }
        let (class, total) = class_of(total);
        let freed = self.free[class];
        if freed != 0 {
            self.free[class] = *(freed as *const usize);
            return Some((freed, total - HEADER));
        }
        self.carve(total)
    }

    unsafe fn allocate_large(&mut self, total: usize) -> Option<(usize, usize)> {
        let mut link: *mut usize = &mut self.free_large;
        while *link != 0 {
            let block = *link;
            if (total - HEADER..2 * total).contains(&capacity(block)) {
                *link = *(block as *const usize);
                return Some((block, capacity(block)));
            }
            link = block as *mut usize;
        }
        if self.chunk == 0 {
            return self.carve(total);
        }
        let length = total.checked_add(MAPPED_HEADER - HEADER + 4095)? & !4095;
        let block = sys::map(0, length, 0)? + MAPPED_HEADER;
        *header(block) = (length - MAPPED_HEADER) | MAPPED;
        Some((block, 0))
    }

    unsafe fn carve(&mut self, total: usize) -> Option<(usize, usize)> {
        if self.end - self.next < total {
            if self.chunk == 0 {
                return None;
            }
            self.next = sys::map(0, self.chunk, 0)?;
            self.end = self.next + self.chunk;
            self.fresh = self.next;
            self.chunk = (self.chunk * 2).min(LAST_CHUNK);
        }
        let block = self.next + HEADER;
        let used = self.fresh.saturating_sub(block).min(total - HEADER);
        self.use_up_to(self.next + total);
        *header(block) = total - HEADER;
        Some((block, used))
    }

    fn use_up_to(&mut self, next: usize) {
        self.next = next;
        self.fresh = self.fresh.max(next);
    }

    pub unsafe fn release(&mut self, block: usize) {
        if self.is_image(block) {
            return;
        }
        if is_mapped(block) {
            let length = capacity(block) + MAPPED_HEADER;
            sys::syscall(sys::MUNMAP, [block - MAPPED_HEADER, length]);
            return;
        }
        if block + capacity(block) == self.next {
            self.next = block - HEADER;
            return;
        }
        let total = capacity(block) + HEADER;
        let list = if total > LARGEST {
            &mut self.free_large
        } else {
            &mut self.free[class_of(total).0]
        };
        *(block as *mut usize) = *list;
        *list = block;
    }

    pub unsafe fn resize(&mut self, block: usize, size: usize) -> Option<usize> {
        let old = self.capacity(block);
        if size <= old && size >= old / 4 * 3 {
            return Some(block);
        }
        if self.is_image(block) {
            return self.relocate(block, old, size);
        }
        let total = size.checked_add(HEADER + 7)? & !7;
        if is_mapped(block) && total > LARGEST {
            return remap(block, total);
        }
        if total <= LARGEST && old + HEADER <= LARGEST {
            let (class, grown) = class_of(total);
            if grown == old + HEADER {
                return Some(block);
            }
            let end = block - HEADER + grown;
            // The last block of a chunk grows in place, unless that would leave a freed one unused.
            if block + old == self.next && grown > old && end <= self.end && self.free[class] == 0 {
                self.use_up_to(end);
                *header(block) = grown - HEADER;
                return Some(block);
            }
        }
        self.relocate(block, old, size)
    }

    unsafe fn relocate(&mut self, block: usize, old: usize, size: usize) -> Option<usize> {
        let (moved, _) = self.allocate(size)?;
        ptr::copy_nonoverlapping(block as *const u8, moved as *mut u8, old.min(size));
        self.release(block);
        Some(moved)
    }
}

unsafe fn remap(block: usize, total: usize) -> Option<usize> {
    const MAY_MOVE: usize = 1;
    let length = total.checked_add(MAPPED_HEADER - HEADER + 4095)? & !4095;
    let old = capacity(block) + MAPPED_HEADER;
    let base = sys::syscall(sys::MREMAP, [block - MAPPED_HEADER, old, length, MAY_MOVE]);
    if base < 0 {
        return None;
    }
    let moved = base as usize + MAPPED_HEADER;
    *header(moved) = (length - MAPPED_HEADER) | MAPPED;
    Some(moved)
}
