//! Room in QuickJS's hash tables, for what a program adds to them.
//!
//! A table that has become too small is made anew, which writes to every shape or atom there is: a quarter of an
//! image's pages, in the middle of a program that wanted one more. So that happens while the image is made.

use core::ffi::c_char;
use rquickjs_sys as q;

extern "C" {
    /// engine/quickjs/fast.h
    fn quickjs_give_room(ctx: *mut q::JSContext);
    fn quickjs_order_free_names(runtime: *mut q::JSRuntime);
}

/// More than plugins add: bridge's ADD some 30 shapes and as many names.
const SHAPES: u32 = 128;
const ATOMS: usize = 128;

/// Has the tables grow by adding what is taken away again.
pub unsafe fn make(ctx: *mut q::JSContext) {
    let objects = q::JS_NewArray(ctx);
    for index in 0..SHAPES {
        // An object of a prototype that no other has is one of a shape that no other has.
        let prototype = q::JS_NewObject(ctx);
        let object = q::JS_NewObjectProto(ctx, prototype);
        q::JS_FreeValue(ctx, prototype);
        q::JS_SetPropertyUint32(ctx, objects, index, object);
    }
    q::JS_FreeValue(ctx, objects);
    let mut atoms = [0; ATOMS];
    for (index, atom) in atoms.iter_mut().enumerate() {
        let name = [1, b'a' + index as u8 / 16, b'a' + index as u8 % 16];
        *atom = q::JS_NewAtomLen(ctx, name.as_ptr() as *const c_char, name.len() as q::size_t);
    }
    for atom in atoms {
        q::JS_FreeAtom(ctx, atom);
    }
    quickjs_give_room(ctx);
}

/// Puts the room for names in order; when nothing is left to be freed.
pub unsafe fn order(runtime: *mut q::JSRuntime) {
    quickjs_order_free_names(runtime);
}
