//! The allocator while an image is made: what lives on goes into the image, side by side; what dies goes elsewhere.
//!
//! Which is which shows only in the end. So the top level runs twice, doing exactly the same: the first time to learn
//! which of its allocations survive. QuickJS's own slabs are off meanwhile, so each of its blocks can be placed.

use crate::arena::Arena;
use crate::image::{BASE, ROOM};
use crate::sys::{self, Global};
use alloc::vec::Vec;
use core::ffi::c_int;
use core::ptr;

extern "C" {
    /// Whether QuickJS takes small blocks one by one as well (engine/quickjs/blocks.h).
    static mut quickjs_single_blocks: c_int;
}

/// What dies lives above this address, the image below.
const SCRATCH: usize = BASE + ROOM / 2;
/// A block in the scratch memory follows its size and its number.
const PREFIX: usize = 16;
/// Blocks up to this size keep it in QuickJS's header of them, the others in a word of ours before.
const LARGEST_PLAIN: usize = 254 * 8;

/// Kept as it is by engine/quickjs/counts.h: references to what is in the image are not counted.
const FIXED_COUNT: i32 = 0x6000_0000;

static PACKER: Global<Option<Packer>> = Global::new(None);

pub struct Packer {
    scratch: Arena,
    /// By number of the allocation; what the first run found.
    survives: Vec<bool>,
    is_learning: bool,
    count: usize,
    next: usize,
    /// Addresses and sizes in the image, ascending.
    placed: Vec<(usize, usize)>,
    has_diverged: bool,
}

/// The packer, if an image is being made.
#[inline]
pub unsafe fn packer() -> Option<&'static mut Packer> {
    (*PACKER.at()).as_mut()
}

/// Every allocation from now on is watched, or placed if it has been watched before.
pub unsafe fn begin(start: usize) -> &'static mut Packer {
    quickjs_single_blocks = 1;
    let (survives, is_learning) = match packer() {
        Some(packer) => (core::mem::take(&mut packer.survives), false),
        None => (Vec::new(), true),
    };
    PACKER.set(Some(Packer {
        scratch: Arena::bounded(SCRATCH, BASE + ROOM),
        survives,
        is_learning,
        count: 0,
        next: start,
        placed: Vec::new(),
        has_diverged: false,
    }));
    (*PACKER.at()).as_mut().unwrap_or_else(|| sys::exit(1))
}

const fn rounded(size: usize) -> Option<usize> {
    match size.checked_add(7) {
        Some(size) => Some(size & !7),
        None => None,
    }
}

unsafe fn prefix(block: usize) -> *mut [usize; 2] {
    (block - PREFIX) as *mut [usize; 2]
}

/// Where QuickJS's header of a block has it; a header whose block is not counted has the word as well.
unsafe fn reference_count(block: usize) -> *mut i32 {
    (block + 4) as *mut i32
}

impl Packer {
    pub unsafe fn allocate(&mut self, size: usize, zeroed: bool) -> Option<usize> {
        let size = rounded(size)?;
        let number = self.count;
        self.count += 1;
        if self.is_learning {
            self.survives.push(true);
        } else if self.survives.get(number).copied().unwrap_or(false) {
            return self.place(size);
        }
        let (outer, _) = self.scratch.allocate(size.checked_add(PREFIX)?)?;
        let block = outer + PREFIX;
        *prefix(block) = [size, number];
        if zeroed {
            ptr::write_bytes(block as *mut u8, 0, size);
        }
        Some(block)
    }

    unsafe fn place(&mut self, size: usize) -> Option<usize> {
        let mut block = self.next;
        if size > LARGEST_PLAIN {
            *(block as *mut usize) = size;
            block += 8;
        }
        if SCRATCH - block < size {
            return None;
        }
        self.placed.push((block, size));
        self.next = block + size;
        Some(block)
    }

    pub unsafe fn release(&mut self, block: usize) {
        if block < SCRATCH {
            self.has_diverged = true;
            return;
        }
        if self.is_learning {
            let [_, number] = *prefix(block);
            self.survives[number] = false;
        }
        self.scratch.release(block - PREFIX);
    }

    pub unsafe fn resize(&mut self, block: usize, size: usize) -> Option<usize> {
        let old = self.size_of(block);
        if rounded(size)? == old {
            return Some(block);
        }
        let moved = self.allocate(size, false)?;
        ptr::copy_nonoverlapping(block as *const u8, moved as *mut u8, old.min(size));
        self.release(block);
        Some(moved)
    }

    pub unsafe fn size_of(&self, block: usize) -> usize {
        if block >= SCRATCH {
            return (*prefix(block))[0];
        }
        let place = self.placed.binary_search_by_key(&block, |&(at, _)| at);
        place.map_or(0, |index| self.placed[index].1)
    }

    /// Notes the sizes where the program finds them, and returns the image's end.
    /// None: the two runs differed, so what was placed is not what lives.
    pub unsafe fn finish(&mut self) -> Option<usize> {
        if self.has_diverged || self.count != self.survives.len() {
            return None;
        }
        // The first block is the runtime, which QuickJS allocates without a header and which is never freed.
        for &(block, size) in self.placed.iter().skip(1) {
            if size <= LARGEST_PLAIN {
                Arena::note_size(block, size);
            }
            *reference_count(block) = FIXED_COUNT;
        }
        Some(self.next)
    }
}
