//! The allocator while an image is made: what lives on goes into the image, side by side; what dies goes elsewhere.
//!
//! Which is which shows only in the end. So the top level runs twice, doing exactly the same: the first time to learn
//! which of its allocations survive. QuickJS's own slabs are off meanwhile, so each of its blocks can be placed: those
//! that the caller lists come first, in the order of the list.

use crate::arena::Arena;
use crate::image::{BASE, ROOM};
use crate::names::Names;
use crate::report::digits;
use crate::sys::{self, Global};
use alloc::vec::Vec;
use core::ffi::c_int;
use core::ptr;
use rquickjs_sys as q;

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

/// The size of none.
const DIES: usize = usize::MAX;

static PACKER: Global<Option<Packer>> = Global::new(None);

pub struct Packer {
    scratch: Arena,
    is_learning: bool,
    /// How many allocations there were.
    count: usize,
    /// By number of the allocation: the size of what survives, as the first run found; DIES for all else.
    survivors: Vec<usize>,
    /// By number of the allocation: its name, if names are asked for.
    names: Option<Names>,
    /// By number of the allocation: the address in the image of what survives, else 0.
    places: Vec<usize>,
    /// Addresses and sizes in the image, ascending.
    layout: Vec<(usize, usize)>,
    end: usize,
    has_diverged: bool,
}

/// The packer, if an image is being made.
#[inline]
pub unsafe fn packer() -> Option<&'static mut Packer> {
    (*PACKER.at()).as_mut()
}

/// The packer of the image that is being made.
pub unsafe fn current() -> &'static mut Packer {
    packer().unwrap_or_else(|| sys::exit(1))
}

/// The first run: every allocation from now on is watched.
pub unsafe fn learn(names: Option<Names>) {
    begin(Packer {
        scratch: Arena::bounded(SCRATCH, BASE + ROOM),
        is_learning: true,
        count: 0,
        survivors: Vec::new(),
        names,
        places: Vec::new(),
        layout: Vec::new(),
        end: 0,
        has_diverged: false,
    });
}

/// The second run: what survives goes into the image from `start` on, the allocations of `order` first. Returns where the
/// first `ahead` of those end.
pub unsafe fn place(start: usize, order: &[usize], ahead: usize) -> usize {
    let learned = current();
    let survivors = core::mem::take(&mut learned.survivors);
    let mut places = alloc::vec![0; survivors.len()];
    let mut layout = Vec::new();
    let mut end = start;
    let mut ahead_end = start;
    // The first block is the runtime: finish() wants it in front.
    let all = order.iter().copied().chain(0..survivors.len());
    for (index, number) in core::iter::once(0).chain(all).enumerate() {
        if index == ahead + 1 {
            ahead_end = end;
        }
        let size = survivors.get(number).copied().unwrap_or(DIES);
        if size == DIES || places[number] != 0 {
            continue;
        }
        let block = if size > LARGEST_PLAIN { end + 8 } else { end };
        places[number] = block;
        layout.push((block, size));
        end = block + size;
    }
    begin(Packer {
        scratch: Arena::bounded(SCRATCH, BASE + ROOM),
        is_learning: false,
        count: 0,
        survivors,
        names: learned.names.take(),
        places,
        layout,
        end,
        has_diverged: end > SCRATCH,
    });
    ahead_end
}

unsafe fn begin(packer: Packer) {
    quickjs_single_blocks = 1;
    PACKER.set(Some(packer));
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
            self.survivors.push(size);
            if let Some(names) = &mut self.names {
                names.add();
            }
        } else if let Some(block) = self.place_of(number) {
            return self.place(block, size, self.survivors[number]);
        }
        let (outer, _) = self.scratch.allocate(size.checked_add(PREFIX)?)?;
        let block = outer + PREFIX;
        *prefix(block) = [size, number];
        if zeroed {
            ptr::write_bytes(block as *mut u8, 0, size);
        }
        Some(block)
    }

    /// Where the allocation of this number goes if it survives.
    fn place_of(&self, number: usize) -> Option<usize> {
        self.places.get(number).copied().filter(|&block| block != 0)
    }

    unsafe fn place(&mut self, block: usize, size: usize, learned: usize) -> Option<usize> {
        if size != learned || self.has_diverged {
            self.has_diverged = true;
            return None;
        }
        if size > LARGEST_PLAIN {
            *((block - 8) as *mut usize) = size;
        }
        Some(block)
    }

    pub unsafe fn release(&mut self, block: usize) {
        if block < SCRATCH {
            self.has_diverged = true;
            return;
        }
        if self.is_learning {
            let [_, number] = *prefix(block);
            self.survivors[number] = DIES;
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
        let place = self.layout.binary_search_by_key(&block, |&(at, _)| at);
        place.map_or(0, |index| self.layout[index].1)
    }

    /// Notes the sizes where the program finds them, and returns the image's end.
    /// None: the two runs differed, so what was placed is not what lives.
    pub unsafe fn finish(&mut self) -> Option<usize> {
        if self.has_diverged || self.count != self.survivors.len() {
            return None;
        }
        // The first block is the runtime, which QuickJS allocates without a header and which is never freed.
        for &(block, size) in self.layout.iter().skip(1) {
            if size <= LARGEST_PLAIN {
                Arena::note_size(block, size);
            }
            *reference_count(block) = FIXED_COUNT;
        }
        Some(self.end)
    }

    /// Called as soon as there is a runtime, so that blocks can be named by what runs in it.
    pub fn note_runtime(&mut self, runtime: *mut q::JSRuntime) {
        if let Some(names) = self.names.as_mut().filter(|_| self.is_learning) {
            names.begin(runtime);
        }
    }

    /// Gives names to the blocks that have one by themselves. Only before they are released.
    pub unsafe fn name_blocks(&mut self, runtime: *mut q::JSRuntime) {
        if let Some(names) = self.names.as_mut().filter(|_| self.is_learning) {
            names.look_through(runtime, |block| (*prefix(block))[1]);
        }
    }

    /// A line for each block of the image, in the order of their numbers.
    pub fn table(&self) -> Vec<u8> {
        let mut table = Vec::new();
        for (number, &block) in self.places.iter().enumerate() {
            if block != 0 {
                let size = self.survivors[number];
                let name = self
                    .names
                    .as_ref()
                    .map_or(&b""[..], |names| names.of(number));
                for value in [number, block, size] {
                    table.extend_from_slice(&digits(value as isize));
                    table.push(b' ');
                }
                table.extend_from_slice(name);
                table.push(b'\n');
            }
        }
        table
    }
}
