//! The functions by which QuickJS allocates: from the arena, or from the packer while an image is made.

use crate::arena::{self, Arena};
use crate::image;
use crate::pack::packer;
use core::ffi::c_void;
use core::ptr;
use rquickjs_sys::JSMallocFunctions;

unsafe extern "C" fn js_malloc(arena: *mut c_void, size: rquickjs_sys::size_t) -> *mut c_void {
    let size = size as usize;
    let block = match packer() {
        Some(packer) => packer.allocate(size, false),
        None => (*(arena as *mut Arena))
            .allocate(size)
            .map(|(block, _)| block),
    };
    block.map_or(ptr::null_mut(), |block| block as *mut c_void)
}

unsafe extern "C" fn js_calloc(
    arena: *mut c_void,
    count: rquickjs_sys::size_t,
    size: rquickjs_sys::size_t,
) -> *mut c_void {
    let Some(total) = (count as usize).checked_mul(size as usize) else {
        return ptr::null_mut();
    };
    if let Some(packer) = packer() {
        let block = packer.allocate(total, true);
        return block.map_or(ptr::null_mut(), |block| block as *mut c_void);
    }
    match (*(arena as *mut Arena)).allocate(total) {
        Some((block, used)) => {
            ptr::write_bytes(block as *mut u8, 0, total.min(used));
            block as *mut c_void
        }
        None => ptr::null_mut(),
    }
}

unsafe extern "C" fn js_free(arena: *mut c_void, at: *mut c_void) {
    if at.is_null() {
        return;
    }
    match packer() {
        Some(packer) => packer.release(at as usize),
        None => (*(arena as *mut Arena)).release(at as usize),
    }
}

unsafe extern "C" fn js_realloc(
    arena: *mut c_void,
    at: *mut c_void,
    size: rquickjs_sys::size_t,
) -> *mut c_void {
    if at.is_null() {
        return js_malloc(arena, size);
    }
    let block = match packer() {
        Some(packer) => packer.resize(at as usize, size as usize),
        None => (*(arena as *mut Arena)).resize(at as usize, size as usize),
    };
    block.map_or(ptr::null_mut(), |block| block as *mut c_void)
}

/// QuickJS does not say whose block it is: only an image has ones without a header of ours.
unsafe extern "C" fn js_usable_size(at: *const c_void) -> rquickjs_sys::size_t {
    let block = at as usize;
    let size = match packer() {
        Some(packer) => packer.size_of(block),
        None if image::expected_hash().is_some() => (*image::header()).arena.capacity(block),
        None => arena::capacity(block),
    };
    size as rquickjs_sys::size_t
}

pub static FUNCTIONS: JSMallocFunctions = JSMallocFunctions {
    js_calloc: Some(js_calloc),
    js_malloc: Some(js_malloc),
    js_free: Some(js_free),
    js_realloc: Some(js_realloc),
    js_malloc_usable_size: Some(js_usable_size),
};
