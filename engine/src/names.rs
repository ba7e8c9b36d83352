//! Names for the blocks of an image: what each is, or else where it was made (engine/quickjs/names.h). The build script
//! knows them again by their names when all of them have moved.

use crate::report::digits;
use crate::sys::Global;
use alloc::vec::Vec;
use core::ffi::{c_char, c_int, c_void, CStr};
use core::ptr;
use rquickjs_sys as q;

extern "C" {
    fn quickjs_running(
        runtime: *mut q::JSRuntime,
        names: *mut *const c_char,
        room: c_int,
        line: *mut c_int,
    ) -> c_int;
    fn quickjs_name_blocks(
        runtime: *mut q::JSRuntime,
        name: unsafe extern "C" fn(*const c_void, c_int, *const c_char, *const c_char),
    );
}

/// How many of the functions that are running get into a name.
const DEPTH: usize = 3;
/// Longer texts are cut.
const LONGEST: usize = 40;

/// By number of the allocation: `LINE KIND TEXT`, the line being one of the script's, 0 for none.
#[derive(Default)]
pub struct Names {
    runtime: Option<*mut q::JSRuntime>,
    names: Vec<Vec<u8>>,
}

/// What quickjs_name_blocks found: a block and its name.
static FOUND: Global<Vec<(usize, Vec<u8>)>> = Global::new(Vec::new());

unsafe extern "C" fn found(
    block: *const c_void,
    line: c_int,
    kind: *const c_char,
    text: *const c_char,
) {
    let mut name = Vec::new();
    start(&mut name, line, CStr::from_ptr(kind).to_bytes());
    push_text(&mut name, CStr::from_ptr(text).to_bytes());
    (*FOUND.at()).push((block as usize, name));
}

fn start(name: &mut Vec<u8>, line: c_int, kind: &[u8]) {
    name.extend_from_slice(&digits(line as isize));
    name.push(b' ');
    name.extend_from_slice(kind);
    name.push(b' ');
}

/// A text as one word of ASCII.
fn push_text(name: &mut Vec<u8>, text: &[u8]) {
    let plain = |&byte: &u8| if byte.is_ascii_graphic() { byte } else { b'_' };
    name.extend(text.iter().take(LONGEST).map(plain));
}

impl Names {
    /// From now on there is somebody to ask who is running.
    pub fn begin(&mut self, runtime: *mut q::JSRuntime) {
        self.runtime = Some(runtime);
    }

    /// Names the next allocation by the functions that are running.
    pub unsafe fn add(&mut self) {
        let mut running = [ptr::null(); DEPTH];
        let mut line = 0;
        let count = self.runtime.map_or(0, |runtime| {
            quickjs_running(runtime, running.as_mut_ptr(), DEPTH as c_int, &mut line)
        });
        let mut name = Vec::new();
        start(&mut name, line, b"in");
        for &function in &running[..count as usize] {
            push_text(&mut name, CStr::from_ptr(function).to_bytes());
            name.push(b'/');
        }
        self.names.push(name);
    }

    /// Gives better names to the blocks that have one by themselves.
    pub unsafe fn look_through(
        &mut self,
        runtime: *mut q::JSRuntime,
        number_of: impl Fn(usize) -> usize,
    ) {
        quickjs_name_blocks(runtime, found);
        for (block, name) in core::mem::take(&mut *FOUND.at()) {
            self.names[number_of(block)] = name;
        }
    }

    pub fn of(&self, number: usize) -> &[u8] {
        &self.names[number]
    }
}
